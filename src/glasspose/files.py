"""Files that are either whole or not there: written beside, synced, renamed."""

import os
from contextlib import suppress
from pathlib import Path

from glasspose.errors import InputError


def write_atomically(path: Path, content: bytes, keep: Path | None = None) -> None:
    """Replace a file as one step: after a crash it holds either the old content or the new. InputError where the disk refuses.

    With `keep`, the old file takes that name once the new one is safely on disk: after a crash one of the two names holds a whole file.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None:
            path.replace(keep)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as problem:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        needed = f"{len(content) / 2**20:.1f} MiB are needed" if len(content) > 2**20 else f"{len(content)} bytes are needed"
        raise InputError(f"cannot write {path}: {problem.strerror}", f"Free some space ({needed}) or name another folder") from None


def clear_remains(folder: Path) -> None:
    """Delete what writes left behind that were killed half-way. Only for a folder in which nobody else writes; its folders too."""
    for path in folder.glob("**/.*.tmp"):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

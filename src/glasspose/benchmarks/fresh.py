"""Commands in fresh processes."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from glasspose.errors import MissingError


def told_by(command: Sequence[str], threads: int | None = None, more: Mapping[str, str] | None = None) -> str:
    """What a command prints; with `threads`, on so many, and with `more` environment. MissingError with its last line where it fails."""
    environment = os.environ | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)}) | dict(more or {})
    done = subprocess.run(  # noqa: S603 - commands of this package
        command, capture_output=True, text=True, env=environment
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MissingError(f"a process of this benchmark ended with code {done.returncode}: {last}", f"Try it: {' '.join(command[1:])}")
    return done.stdout

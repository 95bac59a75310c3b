"""Get a dataset from its official place: fetch, compare, unpack, and remember in `SOURCES.json` what came from where.

Each archive goes through the same steps, and every one of them may be broken off at any moment: what is whole is recorded, and the next
run goes on from there. Nothing that was in the folder before is overwritten or removed.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from glasspose.data.archives import Limits, unpack
from glasspose.data.fetching import Patience, Progress, check_address, fetch
from glasspose.data.origins import Archive
from glasspose.errors import InputError, MissingError
from glasspose.files import write_atomically

SOURCES = "SOURCES.json"
FORMAT, VERSION = "glasspose.sources", 1

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Opens the progress of one step, named in words."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What SOURCES.json says of one archive."""

    sha256: str
    """Empty while it is fetched but not compared yet."""
    bytes: int
    date: str
    address: str | None = None
    """None: somebody put it into the folder by hand."""
    entries: tuple[str, ...] = ()
    """What lies in the folder because of it, in the order in which it is put there; empty before it is unpacked."""
    files: int = 0
    unpacked_bytes: int = 0
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it went with one archive."""

    archive: Archive
    record: Record
    was_there: bool


def download(
    archives: Sequence[Archive],
    folder: Path,
    page: str,
    *,
    keep: bool = False,
    stage: Stage = lambda _: nullcontext(lambda _done, _total: None),
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> Iterator[Outcome]:
    """Fetch and unpack what is not there yet, one archive after another; one that lies in the folder already is taken as it is.

    Archives that were fetched are removed once unpacked, unless `keep`. InputError where content is not what it should be, MissingError
    where it cannot be had or has no room; in both cases what is good so far stays, and the next run goes on from it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder), _room_or_one_line(folder):
        _check_room_for_all(archives, folder)
        for archive in archives:
            yield _Work(archive, folder, page, keep, stage, patience).outcome()


@dataclass(frozen=True)
class _Work:
    """One archive on its way into the folder."""

    archive: Archive
    folder: Path
    page: str
    keep: bool
    stage: Stage
    patience: Patience

    @property
    def path(self) -> Path:
        return self.folder / self.archive.name

    @property
    def aside(self) -> Path:
        """Where it is unpacked: a name that nothing else reads."""
        return self.folder / f".{self.archive.name}.unpacking"

    def outcome(self) -> Outcome:
        record = read_sources(self.folder).get(self.archive.name)
        if record is not None and record.complete and self._is_whole(record):
            self._check_kept(record)
            return Outcome(archive=self.archive, record=record, was_there=True)
        if record is None or not self._can_be_placed(record):
            record = self._unpacked(self._verified(record))
        return Outcome(archive=self.archive, record=self._placed(record), was_there=False)

    def _is_whole(self, record: Record) -> bool:
        """All files are there. False where nothing is; InputError where some are."""
        there = [self.folder / entry for entry in record.entries if (self.folder / entry).exists()]
        files, size = _count(there)
        if there and (files < record.files or size < record.unpacked_bytes):
            names = " and ".join(str(path) for path in there)
            raise InputError(f"{names}: {files} of {record.files} files, {size} of {record.unpacked_bytes} bytes", "Move it away and run this again")
        return bool(there)

    def _check_kept(self, record: Record) -> None:
        if self.path.is_file() and self._digest() != record.sha256:
            raise InputError(f"{self.path} is not the file that was unpacked on {record.date}", "Move it away and run this again")

    def _verified(self, record: Record | None) -> Record:
        """The archive is in the folder, and is the one that is meant: by a known checksum, else by that of the first time."""
        by_hand = self.path.is_file() and (record is None or record.address is None)
        expected = self.archive.sha256 or (record.sha256 if record else "")
        address = None if by_hand else self.archive.address
        if not self.path.is_file():
            self._fetch()
            self._write(Record(sha256=expected, bytes=self.path.stat().st_size, date=_today(), address=address))
        size = self.path.stat().st_size
        digest = "" if self.archive.size not in (None, size) else self._digest()
        if not digest or expected not in ("", digest):
            if not by_hand:
                self.path.unlink()
            known = "known" if self.archive.sha256 else f"recorded in {SOURCES}"
            remedy = f"{'Move it away' if by_hand else 'It was removed'}: run this again, or state --sha256 if you trust what lies there now"
            raise InputError(f"{self.path}: its content ({size} bytes, SHA-256 {digest[:12] or 'not looked at'}) is not what is {known}", remedy)
        return self._write(Record(sha256=digest, bytes=size, date=_today(), address=address))

    def _fetch(self) -> None:
        if self.archive.address is None:
            raise MissingError(
                f"{self.archive.name} has no address to fetch it from", f"Get it from {self.page}, put it into {self.folder}, run this again"
            )
        check_address(self.archive.address, checksum_known=self.archive.sha256 is not None)

        def room(to_come: int, length: int) -> None:
            _check_room(self.folder, to_come, int(self.archive.growth * length))

        with self.stage(f"{self.archive.name}: MB fetched") as progress:
            fetch(
                self.archive.address,
                self.path,
                largest=self.archive.largest,
                size=self.archive.size,
                room=room,
                progress=_in_megabytes(progress),
                patience=self.patience,
            )

    def _digest(self) -> str:
        digest, size = hashlib.sha256(), self.path.stat().st_size
        with self.stage(f"{self.archive.name}: MB compared") as progress, self.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                _in_megabytes(progress)(file.tell(), size)
        return digest.hexdigest()

    def _unpacked(self, record: Record) -> Record:
        """Aside, whole, and recorded before anything is put where it belongs."""
        shutil.rmtree(self.aside, ignore_errors=True)
        _check_room(self.folder, 0, int(self.archive.growth * record.bytes))
        with self.stage(f"{self.archive.name}: MB unpacked") as progress:
            found = unpack(self.path, self.aside, Limits(), _in_megabytes(progress))
        try:
            entries = sorted(found.entries, key=lambda entry: ((self.aside / entry).is_file(), entry))
            self._check_places(entries)
        except InputError:
            shutil.rmtree(self.aside)
            raise
        return self._write(replace(record, entries=tuple(entries), files=found.files, unpacked_bytes=found.bytes))

    def _check_places(self, entries: Sequence[str]) -> None:
        ours = {SOURCES, self.archive.name}
        if not entries or ours & set(entries) or any(entry.endswith((".part", ".part.json")) for entry in entries):
            raise InputError(f"{self.archive.name} holds nothing, or a file that would pass for one of ours", "Do not trust it; nothing was unpacked")
        for entry in entries:
            if os.path.lexists(self.folder / entry):
                raise InputError(f"{self.folder / entry} is there already", "Move it away, or name another folder; nothing is overwritten")

    def _can_be_placed(self, record: Record) -> bool:
        """Unpacked whole by a run that was broken off while it put things into place."""
        places = [[os.path.lexists(where / entry) for where in (self.aside, self.folder)] for entry in record.entries]
        return bool(places) and not record.complete and all(sum(place) == 1 for place in places)

    def _placed(self, record: Record) -> Record:
        """Folders first: a `joints.mat` without its pictures would look complete."""
        os.sync()
        for entry in record.entries:
            if os.path.lexists(self.aside / entry):
                (self.aside / entry).rename(self.folder / entry)
        record = self._write(replace(record, complete=True))
        shutil.rmtree(self.aside, ignore_errors=True)
        if record.address is not None and not self.keep:
            self.path.unlink(missing_ok=True)
        return record

    def _write(self, record: Record) -> Record:
        records = read_sources(self.folder) | {self.archive.name: record}
        told = {"format": FORMAT, "version": VERSION, "archives": {name: asdict(one) for name, one in records.items()}}
        write_atomically(self.folder / SOURCES, (json.dumps(told, indent=1) + "\n").encode())
        return record


def read_sources(folder: Path) -> dict[str, Record]:
    """What is recorded of the archives in a folder; nothing where there is no file. InputError where it is not one of ours."""
    path = folder / SOURCES
    try:
        told = json.loads(path.read_bytes())
        if (told["format"], told["version"]) != (FORMAT, VERSION):
            raise ValueError(told["format"])
        records = {name: Record(**one | {"entries": tuple(one["entries"])}) for name, one in told["archives"].items()}
        if any(not _is_plain(entry) for record in records.values() for entry in record.entries):
            raise ValueError("an entry that leaves the folder")
        return records
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise InputError(f"{path} is damaged or not ours ({type(problem).__name__})", "Move it away and run this again") from None


def _in_megabytes(progress: Progress) -> Progress:
    """Begun ones count, so that the last step is all of them."""
    return lambda done, total: progress(-(-done // 10**6), -(-total // 10**6))


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _is_plain(entry: object) -> bool:
    return isinstance(entry, str) and entry not in ("", ".", "..") and "/" not in entry and "\0" not in entry


def _count(entries: Sequence[Path]) -> tuple[int, int]:
    """Files and their bytes."""
    files = [path for path in entries if path.is_file()]
    files += [Path(where, name) for entry in entries for where, _, names in os.walk(entry) for name in names]
    return len(files), sum(path.stat().st_size for path in files)


def _check_room_for_all(archives: Sequence[Archive], folder: Path) -> None:
    """Said before the first byte, not after an hour. Archives are removed one by one, so the largest alone counts beside what they hold."""
    done = read_sources(folder)
    missing = [archive for archive in archives if archive.name not in done and not (folder / f"{archive.name}.part").exists()]
    sizes = [archive.expected or 0 for archive in missing if not (folder / archive.name).exists()]
    _check_room(folder, max(sizes, default=0), sum(int(archive.growth * (archive.expected or 0)) for archive in missing))


def _check_room(folder: Path, archive: int, unpacked: int) -> None:
    free = shutil.disk_usage(folder).free
    if archive + unpacked > free:
        needed = f"{(archive + unpacked) / 1e9:.1f} GB are needed in {folder} ({archive / 1e9:.1f} to fetch, about {unpacked / 1e9:.1f} unpacked)"
        raise MissingError(f"{needed}, {free / 1e9:.1f} GB are free", "Free some space or name another folder; what is there already is kept")


@contextmanager
def _room_or_one_line(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise MissingError(f"{folder}: {problem.strerror}", "Free some space and run this again: what has come is kept") from None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two runs at once would write into one file. The lock ends with the process, however that ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InputError(f"another run is at work in {folder}", "Wait for it, or name another folder") from None
    finally:
        os.close(handle)

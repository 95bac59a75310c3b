"""Unpack zip and tar files that somebody else made: plain files and folders into a folder of their own, nothing else, or an error.

Every name, type and size is judged before a byte is written, and the bytes are counted while they are: a header may say anything. Links and
devices are refused whatever they point to, because checks of their targets have been got round (CVE-2024-12718, CVE-2026-7774).
"""

import errno
import gzip
import io
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from glasspose.errors import InputError

CHUNK = 1 << 16
"""Bytes at a time; also the longest header, which libraries would read at once."""
DIRECTORY = 1 << 25
"""Bytes of a zip's central directory, which zipfile reads at once; that of train2017.zip is about 11 MB."""
DEEPEST, LONGEST = 16, 1024
ROOM = 1 << 20
"""Bytes that even the smallest archive may become: a ratio of a few hundred bytes says nothing."""
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, struct.error, ValueError, LookupError, ArithmeticError, RuntimeError)
"""What zipfile, tarfile, gzip and zlib answer to bytes that make no sense; a place before the file's beginning is an OSError of its own."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an archive may become. COCO's annotations, the densest of our archives, grow less than four times."""

    members: int = 250_000
    bytes: int = 64 << 30
    ratio: float = 40.0

    def total(self, packed: int) -> int:
        """Bytes that an archive of so many bytes may become."""
        return int(min(self.bytes, max(ROOM, self.ratio * packed)))


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """What an archive held."""

    files: int
    bytes: int
    entries: tuple[str, ...]
    """The names at the top."""


@dataclass(frozen=True, kw_only=True)
class _Member:
    name: str
    folder: bool
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, limits: Limits, progress: Callable[[int, int], None] = lambda done, total: None) -> Unpacked:
    """Unpack into a folder that is not there yet. InputError where the archive is damaged or holds anything but plain files and folders.

    After any failure, Ctrl-C included, the folder is gone.
    """
    folder.mkdir(parents=True)
    try:
        members = _zip_members(archive, limits) if zipfile.is_zipfile(archive) else _tar_members(archive, limits)
        return _write(archive, members, folder, limits, progress)
    except BaseException as problem:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(problem, (*DAMAGE, gzip.BadGzipFile)) or (isinstance(problem, OSError) and problem.errno == errno.EINVAL):
            raise InputError(f"{archive.name} is damaged or no zip or tar ({type(problem).__name__})", "Remove it and fetch it again") from None
        raise


def _write(archive: Path, members: Iterator[_Member], folder: Path, limits: Limits, progress: Callable[[int, int], None]) -> Unpacked:
    room = limits.total(archive.stat().st_size)
    files = written = 0
    for number, member in enumerate(members):
        parts = _parts(archive, member.name)
        if number >= limits.members:
            raise _refused(archive, f"more than {limits.members} members", "")
        if not 0 <= member.size <= room - written:
            raise _refused(archive, f"more than {room} bytes", member.name)
        target = folder.joinpath(*parts)
        try:
            target.mkdir(parents=True, exist_ok=True) if member.folder else _write_file(member, target)
        except (FileExistsError, NotADirectoryError):
            raise _refused(archive, "a name twice", member.name) from None
        files, written = files + (not member.folder), written + member.size
        progress(written, max(written, archive.stat().st_size))
    return Unpacked(files=files, bytes=written, entries=tuple(sorted(entry.name for entry in folder.iterdir())))


def _write_file(member: _Member, target: Path) -> None:
    """As many bytes as its header says: more or fewer are damage."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    with member.open() as source, target.open("xb") as file:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            file.write(chunk)
    if left:
        raise EOFError(member.name)


def _parts(archive: Path, name: str) -> tuple[str, ...]:
    """The folders and the file of a member's name. InputError for any name that could mean another place, here or on another system."""
    path = PurePosixPath(name)
    strange = [character for character in name if unicodedata.category(character)[0] == "C" or character in '\\:*?"<>|']
    if path.is_absolute() or ".." in path.parts or strange or not name:
        raise _refused(archive, "a name that leaves the folder or holds a control character", name)
    if len(path.parts) > DEEPEST or len(name.encode()) > LONGEST or any(len(part.encode()) > 255 or part != part.strip() for part in path.parts):
        raise _refused(archive, "a name too long, too deep, or with space at its ends", name)
    return path.parts


def _refused(archive: Path, what: str, name: str) -> InputError:
    return InputError(f"{archive.name} holds {what}{f': {name[:80]!a}' if name else ''}", "Do not trust it; nothing was unpacked")


class _BoundedReads(io.FileIO):
    """zipfile reads the central directory at once, and makes an object of each entry: both are bounded here, before it does."""

    def __init__(self, archive: Path, members: int) -> None:
        super().__init__(archive)
        self.archive, self.members = archive, members

    def read(self, size: int | None = -1, /) -> bytes:
        left = self.archive.stat().st_size - self.tell()
        if (left if size is None or size < 0 else size) > DIRECTORY:
            raise _refused(self.archive, "a directory too long", "")
        data = super().read(size) or b""
        if data.count(b"PK\x01\x02") > self.members:
            raise _refused(self.archive, f"more than {self.members} members", "")
        return data


def _zip_members(archive: Path, limits: Limits) -> Iterator[_Member]:
    with _BoundedReads(archive, limits.members) as file, zipfile.ZipFile(file) as opened:
        infos = opened.infolist()
        if sum(info.compress_size for info in infos) > archive.stat().st_size:
            raise _refused(archive, "members that overlap", "")
        for info in infos:
            _check_zip_member(archive, info)
        if sum(info.file_size for info in infos) > limits.total(archive.stat().st_size):
            raise _refused(archive, f"more than {limits.total(archive.stat().st_size)} bytes", "")
        for info in infos:
            yield _Member(name=info.filename, folder=info.is_dir(), size=info.file_size, open=partial(opened.open, info))


def _check_zip_member(archive: Path, info: zipfile.ZipInfo) -> None:
    _parts(archive, info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > info.is_dir():
        raise _refused(archive, "a link or a device", info.filename)
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(archive, "a member that is encrypted or packed in an unusual way", info.filename)
    if info.orig_filename != info.filename or (info.is_dir() and info.file_size):
        raise _refused(archive, "a name that is not what it seems", info.orig_filename)


class _Forward:
    """What tarfile reads from: forward only, in small pieces, and not more than there may be.

    tarfile reads a long header into memory at once, and follows negative sizes backwards for ever (CVE-2025-8194).
    """

    def __init__(self, archive: Path, stream: Any, room: int) -> None:
        self.archive, self.stream, self.room = archive, stream, room
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise _refused(self.archive, "a header too long", "")
        data: bytes = self.stream.read(size)
        if self.tell() > self.room:
            raise _refused(self.archive, f"more than {self.room} bytes", "")
        self.last = data
        return data

    def finish(self) -> None:
        """The end is zeros; a damaged header, or a cut between two members, looks like the end to tarfile. The rest is read for gzip's checksum."""
        if len(self.last) != tarfile.BLOCKSIZE or self.last.strip(b"\0"):
            raise EOFError("no end")
        while self.read(CHUNK):
            pass

    def seek(self, offset: int) -> None:
        if not self.tell() <= offset <= self.room:
            raise _refused(self.archive, "a member of an impossible size", "")
        self.stream.seek(offset)

    def tell(self) -> int:
        return int(self.stream.tell())


def _tar_members(archive: Path, limits: Limits) -> Iterator[_Member]:
    packed = archive.stat().st_size
    with archive.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(archive) if compressed else archive.open("rb") as stream:
        room = limits.total(packed) + 2048 * limits.members
        source = _Forward(archive, stream, room if compressed else packed)
        with tarfile.open(fileobj=cast(Any, source), mode="r:") as opened:
            for member in opened:
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or member.issparse():
                    raise _refused(archive, "a link or a device", member.name)
                if len(opened.pax_headers) > 100:
                    raise _refused(archive, "too many headers", "")
                size = member.size if member.isreg() else 0
                yield _Member(name=member.name, folder=member.isdir(), size=size, open=partial(_content, opened, member))
        source.finish()


def _content(opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    return opened.extractfile(member) or io.BytesIO()

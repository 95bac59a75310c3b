"""Fetch one large file over HTTP: resumed where it broke off, tried again a bounded number of times, never longer than announced.

What has come lies in `NAME.part`; `NAME.part.json` says which file of which server it belongs to, so that bytes of two versions never mix.
No cookies and no credentials are sent; from https no redirect leads anywhere but to https.
"""

import io
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from glasspose.errors import InputError, MissingError, UsageError
from glasspose.files import sync_folder, write_atomically

CHUNK = 1 << 20
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be others in a moment."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Progress = Callable[[int, int], None]
Room = Callable[[int, int], None]
"""Called with the bytes still to come and the whole length, before anything is written; may refuse."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server may take. A try that brought `enough` bytes does not count, so a large file on a bad line arrives in the end."""

    silence: float = 30.0
    """Seconds for a connection, and between two pieces of the answer."""
    tries: int = 6
    pause: float = 1.0
    """Seconds before the second try; twice as many before each one after it."""
    longest_pause: float = 60.0
    enough: int = 1 << 20


@dataclass(frozen=True, kw_only=True)
class _Version:
    """What tells one content of an address from another."""

    address: str
    length: int
    etag: str | None = None
    modified: str | None = None

    @property
    def validator(self) -> str | None:
        """For If-Range, which takes strong tags alone."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class _PassingError(Exception):
    """Worth another try."""


class _ChangedError(_PassingError):
    """The file is another one than before: what has come is of no use."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Only to https, or within this machine; never with a name and a password."""

    max_redirections = 5

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> urllib.request.Request | None:
        target = urlsplit(newurl)
        safe = target.scheme == "https" or (target.scheme == "http" and _is_loopback(newurl) and _is_loopback(req.full_url))
        if not safe or target.username is not None:
            fp.close()
            raise InputError(f"{req.full_url} redirects to {newurl[:200]!a}, which is not https", "Fetch the file by hand from the dataset's page")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(address: str, *, checksum_known: bool) -> None:
    """UsageError unless it is https, this machine, or http with a checksum that tells whether somebody changed the file on its way."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise UsageError(f"{address!a} is no address to fetch from", "Use https://HOST/PATH, without a name and a password")
    if parts.scheme == "http" and not (checksum_known or _is_loopback(address)):
        raise UsageError(f"{address} is http, and there is no checksum to compare with", "Use https, or state --sha256")


def _is_loopback(address: str) -> bool:
    return urlsplit(address).hostname in LOOPBACK


def fetch(address: str, to: Path, *, largest: int, size: int | None = None, room: Room, progress: Progress, patience: Patience) -> None:
    """Fetch a file, or the rest of it. It takes its name only once it has the length that the server announced.

    `size`: the only length that is accepted.
    InputError where the file is not the expected one or the server breaks the rules, MissingError where it cannot be reached or has no such
    file. Whatever happens, what has come so far is kept, and the next call goes on from there.
    """
    part = _beside(to)
    tries = 0
    while True:
        before = _bytes_in(part)
        try:
            _fetch_rest(address, to, largest, size, room, progress, patience)
            break
        except (_PassingError, TimeoutError, ConnectionError, HTTPException, ssl.SSLError) as problem:
            if isinstance(problem, _ChangedError):
                _state(to).unlink(missing_ok=True)
            tries = 1 if _bytes_in(part) - before >= patience.enough else tries + 1
            if tries >= patience.tries:
                told = str(problem) or type(problem).__name__
                raise MissingError(f"{address}: {told}, {tries} times in a row", f"Run it again later: {_bytes_in(part)} bytes are kept") from None
            time.sleep(min(patience.pause * 2 ** (tries - 1), patience.longest_pause))
    part.replace(to)
    sync_folder(to.parent)
    _state(to).unlink(missing_ok=True)


def _fetch_rest(address: str, to: Path, largest: int, size: int | None, room: Room, progress: Progress, patience: Patience) -> None:
    known = _known_version(to, address)
    start = _bytes_in(_beside(to)) if known else 0
    if known and start == known.length:
        return
    with _open(address, _range(start, known), patience) as answer:
        if known and answer.status == 206:
            _check_continuation(answer, start, known)
        else:
            known, start = _new_version(answer, address), 0
            _check_length(known, largest, size)
            _beside(to).unlink(missing_ok=True)
            write_atomically(_state(to), json.dumps(vars(known)).encode())
        room(known.length - start, known.length)
        _receive(answer, _beside(to), start, known.length, progress)


def _receive(answer: HTTPResponse, part: Path, start: int, length: int, progress: Progress) -> None:
    """Unbuffered, so that what has come is on disk whatever ends this process. read1: returns what is there, and so a silent server is noticed."""
    with part.open("ab", buffering=0) as file:
        done = start
        while done < length and (chunk := answer.read1(min(CHUNK, length - done))):
            _write_all(file, chunk)
            done += len(chunk)
            progress(done, length)
        os.fsync(file.fileno())
    if done < length:
        raise _PassingError(f"broken off after {done} of {length} bytes")


def _write_all(file: io.FileIO, chunk: bytes) -> None:
    """An unbuffered file takes what there is room for, and says how much; only the next call fails."""
    left = memoryview(chunk)
    while left:
        left = left[file.write(left) :]


def _range(start: int, known: _Version | None) -> dict[str, str]:
    if not known or not start:
        return {}
    return {"Range": f"bytes={start}-"} | ({"If-Range": known.validator} if known.validator else {})


def _open(address: str, headers: Mapping[str, str], patience: Patience) -> HTTPResponse:
    """The answer 200 or 206 to a GET."""
    handlers = (
        urllib.request.ProxyHandler({} if _is_loopback(address) else None),
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        _Redirects,
    )
    opener = urllib.request.build_opener(*handlers)
    identity = {"User-Agent": "glasspose", "Accept-Encoding": "identity"}
    try:
        answer: HTTPResponse = opener.open(urllib.request.Request(address, headers=identity | dict(headers)), timeout=patience.silence)  # noqa: S310 - check_address
    except urllib.error.HTTPError as problem:
        problem.close()
        if problem.code == 416:
            raise _ChangedError("the server refuses to send the rest") from None
        if problem.code in PASSING:
            raise _PassingError(f"the server answers {problem.code}") from None
        raise MissingError(
            f"{address}: the server answers {problem.code}", "Fetch the file by hand, put it into the folder, and run this again"
        ) from None
    except urllib.error.URLError as problem:
        if isinstance(problem.reason, ssl.SSLError):
            raise MissingError(f"{address}: {problem.reason}", "The certificate must be valid: check the clock and the proxy") from None
        raise _PassingError(f"no connection ({problem.reason})") from None
    if answer.status not in (200, 206) or answer.headers.get("Content-Encoding", "identity") != "identity":
        answer.close()
        raise InputError(f"{address}: an answer that was not asked for ({answer.status})", "Fetch the file by hand from the dataset's page")
    return answer


def _new_version(answer: HTTPResponse, address: str) -> _Version:
    announced = answer.headers.get("Content-Length", "")
    if answer.status != 200 or not announced.isdecimal():
        raise InputError(f"{address}: the server does not say how long the file is", "Fetch it by hand from the dataset's page")
    return _Version(address=address, length=int(announced), etag=answer.headers.get("ETag"), modified=answer.headers.get("Last-Modified"))


def _check_length(version: _Version, largest: int, size: int | None) -> None:
    if size is not None and version.length != size:
        remedy = "It has changed, or something else answers; state --sha256 if you trust what lies there now"
        raise InputError(f"{version.address} has {version.length} bytes, not {size}", remedy)
    if version.length > largest:
        raise InputError(f"{version.address} has {version.length} bytes, more than the {largest} that are allowed", "Look at what the address gives")


def _check_continuation(answer: HTTPResponse, start: int, known: _Version) -> None:
    """Without a tag or a date to compare, the length alone says that it is the same file; what is asked of the whole file comes later."""
    expected = f"bytes {start}-{known.length - 1}/{known.length}"
    same = known.etag is None or answer.headers.get("ETag", known.etag) == known.etag
    if answer.headers.get("Content-Range") != expected or not same:
        raise _ChangedError("the file on the server keeps changing")


def _known_version(to: Path, address: str) -> _Version | None:
    """What the part beside belongs to; None, and the part is worth nothing, where that is not known or another address."""
    try:
        version = _Version(**json.loads(_state(to).read_bytes()))
        plain = all(told is None or (isinstance(told, str) and told.isprintable()) for told in (version.etag, version.modified))
        return version if plain and version.address == address and _bytes_in(_beside(to)) <= version.length else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _bytes_in(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _beside(to: Path) -> Path:
    return to.with_name(f"{to.name}.part")


def _state(to: Path) -> Path:
    return to.with_name(f"{to.name}.part.json")

"""What `predict` walks through: one image, a folder, a pattern, a video file or a camera, as frames that are read when asked for.

A file that turns out to be bad is one frame whose `load` raises; the walk goes on.
"""

import glob
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np

from glasspose.errors import ImageError, InputError, MissingError
from glasspose.images import LIMITS, SUFFIXES, Limits, load_image
from glasspose.structures import Image

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once, at the first video: else FFmpeg writes lines with addresses to stderr

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".ogv", ".flv"})
NAME_BYTES = 180
"""Of a frame's name, in UTF-8; file systems end at 255, and results add endings."""
WHOLE = 0.9
"""A video that ends before this share of the frames it promises is reported as cut short; the promise itself is often a few frames off."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a source."""

    name: str
    """Different for every frame of a source, also where capitals do not count, and fit to be a file name's beginning."""
    origin: str
    """The file it is from, as a person would name it."""
    load: Callable[[], Image]
    """The pixels. ImageError where they cannot be had."""
    time: float | None = None
    """Seconds from the start, in a video."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A source that has been found. Its frames can be walked once."""

    frames: Iterator[Frame]
    count: int | None
    """How many frames there are, where that can be known."""
    fps: float | None = None
    """Of a video or a camera; None for single pictures."""


def open_source(source: str | Path, *, recursive: bool = False, limits: Limits = LIMITS) -> Opened:
    """Find a source: files in natural order (2 before 10), a folder's folders only where `recursive`.

    InputError where nothing is there to be read, MissingError where a camera does not answer.
    """
    text = str(source)
    camera = re.fullmatch(r"(?:camera:)?([0-9]{1,3})", text)
    try:
        if camera and not Path(text).exists():
            return _camera(int(camera.group(1)))
        return _on_disk(text, recursive, limits)
    except OSError as problem:
        raise InputError(f"{text} cannot be opened ({problem.strerror})", "Check the path and its permissions") from None


def _on_disk(text: str, recursive: bool, limits: Limits) -> Opened:
    path = Path(text)
    if path.is_dir():
        found = path.rglob("*") if recursive else path.iterdir()
        return _pictures([p for p in found if not _hidden(p.relative_to(path))], text, limits)
    if path.is_file():
        return _video(path, limits) if path.suffix.lower() in VIDEO_SUFFIXES else _files([path], limits)
    if any(letter in text for letter in "*?["):
        return _pictures([Path(name) for name in glob.glob(text, recursive=True)], text, limits)  # noqa: PTH207 - absolute patterns too
    raise InputError(f"{text} is not there", "Name an image, a folder, a pattern in quotes, a video, or camera:0")


def picture_frames(paths: Sequence[str | Path], limits: Limits = LIMITS) -> Iterator[Frame]:
    """Pictures by their paths, whether or not they are there: `load` will say."""
    return _files([Path(path) for path in paths], limits).frames


def _hidden(path: Path) -> bool:
    """Thumbnails and the resource forks of macOS end like pictures and are none."""
    return any(part.startswith(".") for part in path.parts)


def _pictures(found: Sequence[Path], where: str, limits: Limits) -> Opened:
    """Those of the paths that are named like pictures."""
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]
    if pictures:
        return _files(sorted(pictures, key=_natural), limits)
    videos = [path.name for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
    endings = f"Pictures end in {', '.join(sorted(SUFFIXES))}"
    raise InputError(f"no picture in {where}", f"Videos are given one at a time: {min(videos)}" if videos else endings)


def _natural(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """A key for sorting in which 2 comes before 10."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(i % 2, int(part) if i % 2 else part.casefold()) for i, part in enumerate(parts)], str(path)


def _files(paths: Sequence[Path], limits: Limits) -> Opened:
    frames = (Frame(name=name, origin=str(path), load=partial(load_image, path, limits)) for path, name in zip(paths, _names(paths), strict=True))
    return Opened(frames=frames, count=len(paths))


def _names(paths: Sequence[Path]) -> list[str]:
    """The stem, after the folders below those that all files share; with the ending, and then a number, where two would be the same."""
    base = Path(os.path.commonpath([path.parent for path in paths]))
    stems = [_safe("-".join([*path.parent.relative_to(base).parts, path.stem])) for path in paths]
    shared = Counter(stem.casefold() for stem in stems)
    taken: set[str] = set()
    names = []
    for stem, path in zip(stems, paths, strict=True):
        with_ending = f"{stem}-{_safe(path.suffix[1:].lower())}"
        alone = [stem] if shared[stem.casefold()] == 1 else []
        candidates = chain(alone, [with_ending], (f"{with_ending}-{number}" for number in count(2)))
        names.append(next(name for name in candidates if name.casefold() not in taken))
        taken.add(names[-1].casefold())
    return names


def _safe(name: str) -> str:
    """Without what a file system or a shell may take amiss."""
    plain = re.sub(r"[^\w.+=@ -]", "_", name).strip(". ")
    return plain.encode()[:NAME_BYTES].decode(errors="ignore") or "picture"


def _video(path: Path, limits: Limits) -> Opened:
    with path.open("rb") as file:
        is_video = _looks_like_video(file.read(512))
    capture = _open(str(path), cv2.CAP_FFMPEG) if is_video else None
    if capture is None or not capture.isOpened():
        raise InputError(f"{path} cannot be read as a video", "Convert it to MP4 (H.264)")
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise InputError(f"{path} has frames of {width} x {height}, more than the limit of {limits.pixels:,} pixels", "Make it smaller")
    promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return Opened(frames=_video_frames(capture, path, promised), count=promised if promised > 0 else None, fps=_fps(capture))


def _looks_like_video(head: bytes) -> bool:
    """By its content, because FFmpeg would also follow playlists, which name other files and addresses."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):  # MP4, MOV, 3GP
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if head[:1] == b"G":  # MPEG transport stream: packets of 188 bytes
        return head[188:189] == b"G"
    matroska, windows, mpeg = b"\x1aE\xdf\xa3", b"0&\xb2u", (b"\0\0\x01\xba", b"\0\0\x01\xb3")
    return head[:4] in (matroska, windows, *mpeg, b"OggS", b"FLV\x01") or head[4:5] == head[196:197] == b"G"


def _camera(number: int) -> Opened:
    capture = _open(number, cv2.CAP_ANY)
    if not capture.isOpened():
        raise MissingError(f"camera {number} does not answer", "Connect it, allow its use, or name another: camera:1")
    return Opened(frames=_camera_frames(capture, number), count=None, fps=_fps(capture))


def _open(source: str | int, backend: int) -> cv2.VideoCapture:
    """Without the lines that OpenCV writes to stderr on its own."""
    with _opencv_silent():
        return cv2.VideoCapture(source, backend)


@contextmanager
def _opencv_silent() -> Iterator[None]:
    logging = getattr(cv2.utils, "logging", cv2)  # OpenCV 5, OpenCV 4
    before = logging.setLogLevel(0)
    try:
        yield
    finally:
        logging.setLogLevel(before)


def _fps(capture: cv2.VideoCapture) -> float:
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps < 1000 else 25.0


def _pixels(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """BGR, to the end."""
    try:
        while (read := capture.read())[0]:
            yield read[1]
    finally:
        capture.release()


def _video_frames(capture: cv2.VideoCapture, path: Path, promised: int) -> Iterator[Frame]:
    name, origin, step, last, number = _safe(path.stem), str(path), 1 / _fps(capture), -1.0, -1
    for number, pixels in enumerate(_pixels(capture)):
        stated = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # frames of phones do not come at an even pace
        last = max(stated, 0.0) if stated > last else last + step
        yield Frame(name=f"{name}-{number:06d}", origin=f"{origin} frame {number}", load=partial(_rgb, pixels), time=last)
    if number + 1 < max(1, WHOLE * promised):
        problem = ImageError(f"{origin} ends after {number + 1} of {promised} frames", "It is damaged or cut short: fetch or export it again")
        yield Frame(name=f"{name}-{number + 1:06d}", origin=f"{origin} frame {number + 1}", load=partial(_fail, problem), time=max(last, 0.0) + step)


def _camera_frames(capture: cv2.VideoCapture, number: int) -> Iterator[Frame]:
    started = time.monotonic()
    for i, pixels in enumerate(_pixels(capture)):
        origin = f"camera {number} frame {i}"
        yield Frame(name=f"camera{number}-{i:06d}", origin=origin, load=partial(_rgb, pixels), time=time.monotonic() - started)


def _rgb(pixels: np.ndarray) -> Image:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _fail(problem: ImageError) -> NoReturn:
    raise problem

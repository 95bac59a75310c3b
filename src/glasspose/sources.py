"""What `predict` walks through: one image, a folder, a pattern, a video file or a camera, as frames that are read when asked for."""

import glob
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from glasspose.errors import ImageError, InputError, MissingError
from glasspose.images import LIMITS, SUFFIXES, Limits, load_image
from glasspose.structures import Image

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a source."""

    name: str
    """Different for every frame of a source, and fit to be a file name."""
    origin: str
    """The file it is from, as a person would name it."""
    load: Callable[[], Image]
    """The pixels. ImageError where they cannot be had."""
    time: float | None = None
    """Seconds from the start, in a video."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A source that has been found."""

    frames: Iterator[Frame]
    count: int | None
    """How many frames there are, where that can be known."""
    fps: float | None = None
    """Of a video or a camera; None for single pictures."""


def open_source(source: str | Path, *, recursive: bool = False, limits: Limits = LIMITS) -> Opened:
    """Find a source. InputError where nothing is there, MissingError where a camera does not answer."""
    text = str(source)
    camera = re.fullmatch(r"(?:camera:)?(\d{1,3})", text)
    if camera and not Path(text).exists():
        return _camera(int(camera.group(1)))
    path = Path(text)
    if path.is_dir():
        return _files(sorted(_below(path, recursive), key=_natural), path, limits)
    if path.is_file():
        return _video(path) if path.suffix.lower() in VIDEO_SUFFIXES else _files([path], path.parent, limits)
    if any(letter in text for letter in "*?["):
        found = [Path(name) for name in glob.glob(text, recursive=True) if Path(name).is_file()]  # noqa: PTH207 - absolute patterns too
        return _files(sorted(found, key=_natural), Path(), limits, text)
    raise InputError(f"{text} is not there", "Name an image, a folder, a pattern in quotes, a video, or camera:0")


def _below(folder: Path, recursive: bool) -> list[Path]:
    inside = folder.rglob("*") if recursive else folder.iterdir()
    return [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")]


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting in which 2 comes before 10."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part.lower()) for part in re.split(r"(\d+)", str(path))]


def _files(paths: list[Path], base: Path, limits: Limits, pattern: str = "") -> Opened:
    if not paths:
        raise InputError(f"no picture in {pattern or base}", f"Pictures end in {', '.join(sorted(SUFFIXES)[:6])} ...")
    names = _names(paths, base)

    def frames() -> Iterator[Frame]:
        for path, name in zip(paths, names, strict=True):
            yield Frame(name=name, origin=str(path), load=lambda path=path: load_image(path, limits))  # type: ignore[misc]

    return Opened(frames=frames(), count=len(paths))


def _names(paths: list[Path], base: Path) -> list[str]:
    """Output names: the stem, with its folders where there are some, and with the ending or a number where two would be the same."""
    parts = [path.relative_to(base) if path.is_relative_to(base) else Path(path.name) for path in paths]
    stems = ["-".join([*part.parts[:-1], part.stem]) for part in parts]
    taken: set[str] = set()
    names = []
    for stem, part in zip(stems, parts, strict=True):
        name = stem if stems.count(stem) == 1 else f"{stem}-{part.suffix[1:].lower()}"
        unique, number = name, 2
        while unique.lower() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.lower())
        names.append(unique)
    return names


def _video(path: Path) -> Opened:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise InputError(f"{path} cannot be read as video", "Convert it to MP4 (H.264)")
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if 0 < fps < 1000 else 25.0
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return Opened(frames=_captured(capture, str(path), path.stem, fps), count=count if count > 0 else None, fps=fps)


def _camera(number: int) -> Opened:
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise MissingError(f"camera {number} does not answer", "Connect it, allow its use, or name another: camera:1")
    fps = capture.get(cv2.CAP_PROP_FPS)
    return Opened(frames=_captured(capture, f"camera {number}", f"camera{number}", fps or 25.0), count=None, fps=fps or 25.0)


def _captured(capture: cv2.VideoCapture, origin: str, stem: str, fps: float) -> Iterator[Frame]:
    number = 0
    try:
        while True:
            there, pixels = capture.read()
            if not there:
                break
            image = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            yield Frame(name=f"{stem}-{number:06d}", origin=f"{origin} frame {number}", load=lambda image=image: image, time=number / fps)  # type: ignore[misc]
            number += 1
    finally:
        capture.release()
    if number == 0:
        raise ImageError(f"{origin} has no frame that can be read", "Convert it to MP4 (H.264)")

"""Untrusted image files to RGB arrays, as a viewer displays them.

The header is read first and held against the limits; only then are pixels decoded: 8-bit JPEG by OpenCV, which is the fastest, everything
else by Pillow. OpenCV's answer for a JPEG equals Pillow's, bit for bit. Colour profiles are not applied.
"""

import io
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from jaxtyping import UInt8

from glasspose.errors import GlassposeError, ImageError
from glasspose.files import write_atomically
from glasspose.structures import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"})
"""File names that end so are taken for images when a folder is searched; what a file is, its content says."""
JPEG_SIDE = 65_500
"""The longest side that libjpeg writes and reads."""
JPEG_SCANS = 64
"""A progressive JPEG has about ten scans. Each costs a pass over the whole image, so a small file with thousands keeps a decoder busy for minutes."""
ORIENTATION = 0x0112
"""The EXIF tag."""
ROWS = 256
"""Converted at once, so that no second copy of a large picture is needed."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an image may cost. Larger ones are refused from their header, before anything is decoded."""

    pixels: int = 64_000_000
    """Width times height: room for the 50 megapixels of phones. Pillow's own ceiling of 178 megapixels holds besides."""
    bytes: int = 100 * 2**20
    """Of the file."""
    side: int = JPEG_SIDE
    """Of the longer side, in pixels."""


LIMITS = Limits()


def load_image(source: str | Path | bytes | np.ndarray, limits: Limits = LIMITS, *, name: str | None = None) -> Image:
    """A file, its bytes or an array as RGB, with EXIF orientation applied.

    The first frame of an animation; transparency over white; 16-bit levels divided by 256. An (H, W, 3) uint8 array is returned as it is
    and a grey (H, W) one gets three equal channels. `name` is what errors call the image, its path where not given. ImageError for whatever
    is damaged, cut short, too large or of a format that is not read here.
    """
    if isinstance(source, np.ndarray):
        return _checked(source, name or "the array")
    called = name or ("the image" if isinstance(source, bytes) else str(source))
    called = "".join(letter if letter.isprintable() else "?" for letter in called)
    data = source if isinstance(source, bytes) else _read(Path(source), limits, called)
    _check_bytes(len(data), limits, called)
    return _decode(data, limits, called)


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) as displayed; of a JPEG only the header is read. ImageError as for `load_image`."""
    data = _read(path, LIMITS, str(path))
    if data[:2] != b"\xff\xd8":
        height, width = load_image(data, name=str(path)).shape[:2]
        return height, width
    with _own_words(data, str(path)), _quiet():
        picture = PIL.Image.open(io.BytesIO(data), formats=("JPEG", "MPO"))
        _check_size(picture.size, LIMITS, str(path))
        turned = _orientation(picture) in (5, 6, 7, 8)
    return picture.size if turned else picture.size[::-1]


def encode_jpeg(image: Image, quality: int = 92) -> bytes:
    """An RGB image as JPEG; quality from 1 to 100. ImageError where a side is longer than JPEG holds."""
    _check_side(image, "JPEG", JPEG_SIDE)
    return _encode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def save_image(path: str | Path, image: Image, quality: int = 92) -> None:
    """Write a .jpg, .jpeg or .png, whole or not at all. InputError where the disk refuses."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".jpg", ".jpeg", ".png"):
        raise ImageError(f"{path}: pictures are written as .jpg or .png, not {suffix or 'without an ending'}", "Change the file's ending")
    data = _encode(".png", image, []) if suffix == ".png" else encode_jpeg(image, quality)
    write_atomically(path, data)


def _checked(array: np.ndarray, name: str) -> Image:
    fits = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) and array.size > 0
    if not fits:
        raise ImageError(f"{name} is {array.dtype} of shape {array.shape}, not an image", "Give uint8 of shape (height, width, 3), RGB")
    return array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2)


def _read(path: Path, limits: Limits, name: str) -> bytes:
    try:
        if not path.is_file():
            raise ImageError(f"{name} is not a file" if path.exists() else f"{name} is not there", "Check the path")
        _check_bytes(path.stat().st_size, limits, name)
        return path.read_bytes()
    except OSError as problem:
        raise ImageError(f"{name} cannot be read ({problem.strerror})", "Check the file and its permissions") from None


def _check_bytes(count: int, limits: Limits, name: str) -> None:
    if count == 0:
        raise ImageError(f"{name} is empty", "Fetch it again")
    if count > limits.bytes:
        raise ImageError(f"{name} has {count:,} bytes, more than the limit of {limits.bytes:,}", "Make it smaller, or raise the limit")


def _check_size(size: tuple[int, int], limits: Limits, name: str) -> None:
    width, height = size
    if width * height > limits.pixels:
        limit = f"{width} x {height} = {width * height:,} pixels, more than the limit of {limits.pixels:,}"
        raise ImageError(f"{name} has {limit}", "Make it smaller, or raise the limit")
    if max(size) > limits.side:
        raise ImageError(f"{name} is {max(size):,} pixels long, more than the limit of {limits.side:,}", "Cut it into parts, or raise the limit")
    if min(size) < 1:
        raise ImageError(f"{name} has no pixels", "Fetch or export it again")


def _decode(data: bytes, limits: Limits, name: str) -> Image:
    with _own_words(data, name):
        with _quiet():
            picture = PIL.Image.open(io.BytesIO(data), formats=_formats(data))
            _check_size(picture.size, limits, name)
            _check_markers(data, picture.format, name)
            if picture.format in ("JPEG", "MPO") and picture.mode in ("L", "RGB"):
                orientation = _orientation(picture)
            else:
                picture.load()
                orientation = _orientation(picture)  # after the pixels: a PNG may bring its EXIF last, a TIFF is turned by Pillow
                pixels = _rgb(picture, name)
                picture.close()  # its memory, before the pixels are turned
                return _turned(pixels, orientation)
        return _turned(_jpeg(data, picture.size, name), orientation)


def _jpeg(data: bytes, size: tuple[int, int], name: str) -> Image:
    """By OpenCV, which answers None to bytes that are cut short (to a file it would not)."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.shape[1::-1] != size:
        raise _damaged(name)
    return np.asarray(pixels)


def _check_markers(data: bytes, kind: str | None, name: str) -> None:
    """What the decoders let pass: a PNG without its last bytes, a JPEG of endless scans."""
    if kind == "PNG" and b"IEND\xaeB`\x82" not in data:
        raise _damaged(name)
    if kind in ("JPEG", "MPO") and data.count(b"\xff\xda") > JPEG_SCANS:
        raise ImageError(f"{name} is a JPEG of more than {JPEG_SCANS} scans", "Export it again")


def _rgb(picture: PIL.Image.Image, name: str) -> Image:
    if picture.mode in ("F", "LAB"):
        held = {"F": "floating-point levels, whose white nothing states", "LAB": "CIE L*a*b* colours"}[picture.mode]
        raise ImageError(f"{name} holds {held}", "Export it with 8 bits a channel, RGB")
    if picture.mode.startswith("I"):
        return np.repeat(_levels(picture, name)[:, :, None], 3, axis=2)
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, ROWS):
        pixels[top : top + ROWS] = np.asarray(_opaque(picture.crop((0, top, width, min(top + ROWS, height)))))
    return pixels


def _opaque(strip: PIL.Image.Image) -> PIL.Image.Image:
    """RGB, what is transparent over white."""
    if not strip.has_transparency_data:
        return strip.convert("RGB")
    over = PIL.Image.new("RGBA", strip.size, "white")
    over.alpha_composite(strip.convert("RGBA"))
    return over.convert("RGB")


def _levels(picture: PIL.Image.Image, name: str) -> UInt8[np.ndarray, "H W"]:
    """The upper 8 of 16 bits (of 12 in such a TIFF). Pillow's own conversion clips, and leaves "white is zero" as it is."""
    levels = np.array(picture)
    tags: Mapping[int, object] = getattr(picture, "tag_v2", {})
    bits = 12 if tags.get(258) == (12,) else 16
    if levels.min() < 0 or levels.max() >= 1 << bits:
        raise ImageError(f"{name} holds integers beyond 16 bits, whose white nothing states", "Export it with 8 or 16 bits a channel")
    upper = (levels >> (bits - 8)).astype(np.uint8)
    return 255 - upper if tags.get(262) == 0 else upper


_TURNS: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda a: a[::-1, ::-1],
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


def _turned(pixels: Image, orientation: int) -> Image:
    return np.ascontiguousarray(_TURNS[orientation](pixels)) if orientation in _TURNS else pixels


def _orientation(picture: PIL.Image.Image) -> int:
    """1 to 8; 1 where the metadata is damaged, as viewers do."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # a parser of hostile bytes may raise anything
        return 1


def _formats(data: bytes) -> tuple[str, ...]:
    if data[4:8] != b"ftyp":
        return FORMATS
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


@contextmanager
def _own_words(data: bytes, name: str) -> Iterator[None]:
    """Whatever a decoder raises becomes an ImageError; its text, which may hold addresses, is dropped."""
    try:
        yield
    except GlassposeError:
        raise
    except PIL.UnidentifiedImageError:
        if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
            raise ImageError(f"{name} is HEIC, which needs a package", "pip install 'glasspose[heic]', or export it as JPEG") from None
        kinds = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC"
        raise ImageError(f"{name} is not an image that can be read here, or its header is damaged", f"Use {kinds}") from None
    except PIL.Image.DecompressionBombError:
        raise ImageError(f"{name} has more pixels than can be opened", "Make it smaller") from None
    except MemoryError:
        raise ImageError(f"{name} needs more memory than there is", "Make it smaller") from None
    except Exception:  # a decoder of hostile bytes may raise anything
        raise _damaged(name) from None


def _damaged(name: str) -> ImageError:
    return ImageError(f"{name} is damaged or cut short", "Fetch or export it again")


_FILTERS = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings: they speak of odd metadata and of limits that are checked here. Filters are global, hence the lock."""
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_side(image: Image, kind: str, limit: int) -> None:
    if max(image.shape[:2]) > limit:
        raise ImageError(f"a picture of {image.shape[1]} x {image.shape[0]} is longer than {kind} holds ({limit:,})", "Save it as .png")


def _encode(suffix: str, image: Image, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    assert done
    return bytes(data.tobytes())

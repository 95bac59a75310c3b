"""Every way an image file can be odd, and every way it can be hostile."""

import io
import os
import random
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspose.errors import ImageError, InputError
from glasspose.images import LIMITS, Limits, encode_jpeg, load_image, save_image

LOSSLESS = ["PNG", "TIFF", "BMP", "WEBP"]
ALL = ["JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "AVIF"]


def photo(width: int = 48, height: int = 32) -> np.ndarray:
    """Smooth colours without any symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), x * y * 255 // (width * height)], axis=-1).astype(np.uint8)


def encoded(picture: np.ndarray | PIL.Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture = picture if isinstance(picture, PIL.Image.Image) else PIL.Image.fromarray(picture)
    picture.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}) | options)
    return file.getvalue()


def tiff(rows: bytes, width: int, height: int, bits: int, photometric: int = 1, sample_format: int = 1, order: str = "<") -> bytes:
    """A grey TIFF, uncompressed, written out by hand."""
    tags = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(rows)), (339, 3, sample_format)]
    packed = b"".join(
        struct.pack(order + "HHI" + ("HH" if kind == 3 else "I"), tag, kind, 1, *([n, 0] if kind == 3 else [n])) for tag, kind, n in tags
    )
    rows += b"\0" * (len(rows) % 2)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(rows))
    return start + rows + struct.pack(order + "H", len(tags)) + packed + b"\0\0\0\0"


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that claims and holds this many black pixels, one bit each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * ((width + 7) // 8 + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_file_comes_back_as_it_was(kind):
    np.testing.assert_array_equal(load_image(encoded(photo(), kind)), photo())


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (17, 23)])
def test_every_format_keeps_its_size(kind, size):
    image = load_image(encoded(photo(*size), kind))
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable
    assert image.flags.c_contiguous


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_jpeg_by_opencv_equals_pillow(options):
    data = encoded(photo(75, 61), "JPEG", **options)
    np.testing.assert_array_equal(load_image(data), np.asarray(PIL.Image.open(io.BytesIO(data))))


def test_a_decoder_that_sees_another_size_than_the_header_is_not_believed(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: photo(99, 99))
    with pytest.raises(ImageError, match="damaged"):
        load_image(encoded(photo(), "JPEG"))


def test_grey_has_three_equal_channels():
    grey = photo()[..., 0]
    for kind in LOSSLESS:
        np.testing.assert_array_equal(load_image(encoded(grey, kind)), np.repeat(grey[..., None], 3, 2))
    assert np.ptp(load_image(encoded(grey, "JPEG")), axis=-1).max() == 0


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Stored so that a viewer that obeys the tag shows `image`."""
    undo = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.transpose(1, 0, 2)}
    undo |= {6: np.rot90, 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1)}
    return np.ascontiguousarray(undo[orientation](image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_once(kind, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    stored = upright(photo(), orientation)
    image = load_image(encoded(stored, kind, exif=exif))
    plain = load_image(encoded(stored, kind))
    np.testing.assert_array_equal(upright(image, orientation), plain)
    assert image.flags.c_contiguous
    assert np.abs(image.astype(int) - photo()).max() <= (0 if kind != "JPEG" else 16)


TAG_274 = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", TAG_274 + b"\0\x03\0\0\0\x01\0\x63\0\0", TAG_274 + b"\0\x02\0\0\0\x02ab\0\0"]
)
def test_damaged_exif_is_no_reason_to_refuse(exif):
    assert load_image(encoded(photo(), "JPEG", exif=exif)).shape == (32, 48, 3)


RAMP = np.arange(65536, dtype=np.uint16).reshape(256, 256)
SIXTEEN = {
    "png": lambda: encoded(PIL.Image.fromarray(RAMP), "PNG"),
    "tiff little-endian": lambda: tiff(RAMP.astype("<u2").tobytes(), 256, 256, 16),
    "tiff big-endian": lambda: tiff(RAMP.astype(">u2").tobytes(), 256, 256, 16, order=">"),
    "tiff packed": lambda: encoded(PIL.Image.fromarray(RAMP), "TIFF", compression="tiff_lzw"),
    "tiff white is zero": lambda: tiff((65535 - RAMP).astype("<u2").tobytes(), 256, 256, 16, photometric=0),
    "tiff 32 bit": lambda: tiff(RAMP.astype("<u4").tobytes(), 256, 256, 32),
    "png rgb": lambda: cv2.imencode(".png", np.stack([RAMP] * 3, -1))[1].tobytes(),
    "png rgba": lambda: cv2.imencode(".png", np.stack([RAMP] * 3 + [np.full_like(RAMP, 65535)], -1))[1].tobytes(),
    "tiff rgb": lambda: cv2.imencode(".tiff", np.stack([RAMP] * 3, -1), [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes(),
}


@pytest.mark.parametrize("kind", SIXTEEN)
def test_sixteen_bits_keep_their_upper_eight(kind):
    image = load_image(SIXTEEN[kind]())
    np.testing.assert_array_equal(image, np.repeat((RAMP >> 8).astype(np.uint8)[..., None], 3, 2))


def test_twelve_bits_keep_their_upper_eight():
    levels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    pairs = levels.reshape(-1, 2).astype(np.uint32)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], -1).astype(np.uint8)
    np.testing.assert_array_equal(load_image(tiff(packed.tobytes(), 64, 64, 12))[..., 0], levels >> 4)


@pytest.mark.parametrize(
    "data",
    [
        tiff(np.array([[0.0, 1.0]], "<f4").tobytes(), 2, 1, 32, sample_format=3),
        tiff(np.array([[0, 70_000]], "<u4").tobytes(), 2, 1, 32),
        tiff(np.array([[-5, 3]], "<i2").tobytes(), 2, 1, 16, sample_format=2),
        encoded(PIL.Image.new("LAB", (4, 4)), "TIFF"),
    ],
)
def test_levels_without_a_stated_white_are_refused(data):
    with pytest.raises(ImageError, match=r"holds .*Export it with 8"):
        load_image(data)


def test_cmyk_jpeg_with_and_without_the_adobe_marker():
    """Viewers read every CMYK JPEG as inverted (255 = no ink), as Adobe writes it, whether the marker is there or not."""
    inks = PIL.Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    inks.paste((0, 0, 0, 0), (32, 0, 64, 64))
    data = encoded(inks, "JPEG", quality=100)
    start = data.index(b"\xff\xee")
    assert data[start + 4 : start + 9] == b"Adobe"
    for variant in (data, data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]):
        image = load_image(variant).astype(int)
        assert np.abs(image[10, 10] - [255, 0, 0]).max() <= 4
        assert np.abs(image[10, 50] - 255).max() <= 4


def test_ycck_jpeg():
    """Colour transform 2 in Adobe's marker: stored as YCCK."""
    data = bytearray(encoded(PIL.Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2
    with PIL.Image.open(io.BytesIO(bytes(data))) as picture:
        np.testing.assert_array_equal(load_image(bytes(data)), np.asarray(picture.convert("RGB")))


def half_clear(mode: str) -> PIL.Image.Image:
    """Black; the right half transparent."""
    picture = PIL.Image.new("RGBA", (8, 4), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (4, 0, 8, 4))
    return picture.convert(mode)


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "TIFF"), ("RGBA", "GIF")])
def test_transparency_lies_over_white(mode, kind):
    image = load_image(encoded(half_clear(mode), kind))
    assert (image[:, :4] == 0).all()
    assert (image[:, 4:] == 255).all()


def test_half_transparent_black_is_grey():
    assert load_image(encoded(PIL.Image.new("RGBA", (1, 1), (0, 0, 0, 128)), "PNG"))[0, 0].tolist() == [127] * 3


@pytest.mark.parametrize(("mode", "clear"), [("P", b"\xff\0"), ("P", 1), ("L", 1), ("RGB", (1, 1, 1)), ("1", 1)])
def test_png_with_a_transparent_colour(mode, clear):
    picture = PIL.Image.new(mode, (2, 1))
    if mode == "P":
        picture.putpalette([0, 0, 0, 9, 9, 9])
    picture.putpixel((1, 0), (1, 1, 1) if mode == "RGB" else 1)
    image = load_image(encoded(picture, "PNG", transparency=clear))
    assert image.tolist() == [[[0] * 3, [255] * 3]]


def test_palette_and_bilevel():
    picture = PIL.Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    assert load_image(encoded(picture, "PNG")).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert load_image(encoded(PIL.Image.new("1", (1, 1), 1), "PNG")).tolist() == [[[255] * 3]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_shows_its_first_frame(kind):
    first, second = PIL.Image.new("RGB", (8, 6), "red"), PIL.Image.new("RGB", (8, 6), "blue")
    image = load_image(encoded(first, kind, save_all=True, append_images=[second]))
    assert (image == [255, 0, 0]).all()


def test_mpo_shows_its_first_picture():
    data = encoded(photo(), "MPO", save_all=True, append_images=[PIL.Image.new("RGB", (48, 32))])
    np.testing.assert_array_equal(load_image(data), load_image(encoded(photo(), "JPEG")))


@cache
def seeds() -> dict[str, bytes]:
    colour = PIL.Image.fromarray(photo(40, 30))
    animation = {"save_all": True, "append_images": [PIL.Image.new("RGB", (40, 30))]}
    return {
        "jpeg": encoded(colour, "JPEG"),
        "jpeg progressive": encoded(colour, "JPEG", progressive=True),
        "jpeg grey": encoded(colour.convert("L"), "JPEG"),
        "jpeg cmyk": encoded(colour.convert("CMYK"), "JPEG"),
        "png": encoded(colour, "PNG"),
        "png palette": encoded(colour.quantize(16), "PNG", transparency=3),
        "png rgba": encoded(colour.convert("RGBA"), "PNG"),
        "png 16": encoded(PIL.Image.fromarray(RAMP[:20, :20].copy()), "PNG"),
        "webp": encoded(colour, "WEBP", lossless=False),
        "webp lossless": encoded(colour, "WEBP"),
        "gif": encoded(colour, "GIF", **animation),
        "tiff": encoded(colour, "TIFF"),
        "tiff packed": encoded(colour, "TIFF", compression="tiff_lzw"),
        "bmp": encoded(colour, "BMP"),
        "avif": encoded(colour, "AVIF"),
    }


def attempt(data: bytes) -> np.ndarray | ImageError:
    try:
        return load_image(data, Limits(pixels=2_000_000))
    except ImageError as problem:
        return problem


@pytest.mark.parametrize("kind", [kind for kind in seeds() if kind.startswith(("jpeg", "png"))])
def test_a_cut_jpeg_or_png_is_refused_wherever_it_is_cut(kind):
    data = seeds()[kind]
    for length in {*range(0, len(data), max(len(data) // 60, 1)), *range(len(data) - 12, len(data))}:
        with pytest.raises(ImageError, match=r"damaged|not an image|empty"):
            load_image(data[:length])


@pytest.mark.parametrize("kind", seeds())
def test_a_cut_file_is_refused_or_has_lost_nothing(kind):
    data = seeds()[kind]
    whole = load_image(data)
    for length in range(0, len(data), max(len(data) // 40, 1)):
        found = attempt(data[:length])
        assert isinstance(found, ImageError) or (found == whole).all()


@pytest.mark.parametrize("kind", seeds())
def test_mutated_bytes_give_an_image_or_an_image_error(kind):
    generator, data = random.Random(kind), seeds()[kind]
    for _ in range(40):
        mutant = bytearray(data)
        for _ in range(generator.randint(1, 6)):
            mutant[generator.randrange(len(mutant))] = generator.randrange(256)
        started = time.process_time()
        found = attempt(bytes(mutant))
        assert isinstance(found, ImageError) or (found.dtype == np.uint8 and found.shape[2:] == (3,))
        assert time.process_time() - started < 2


@given(st.binary(max_size=200), st.sampled_from(sorted(seeds())), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_after_a_good_beginning_give_an_image_or_an_image_error(tail, kind, kept):
    found = attempt(seeds()[kind][:kept] + tail)
    assert isinstance(found, np.ndarray) or (found.remedy and "0x" not in str(found) and "<" not in str(found))


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"8BPS\0\1",
        b"P6 1 1 255 abc",
        b"text",
    ],
)
def test_other_formats_are_refused_by_name_of_the_file(data, tmp_path):
    path = tmp_path / "drawing.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"drawing.jpg is not an image.* Use JPEG") as raised:
        load_image(path)
    assert raised.value.__suppress_context__


def test_heic_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"pip install 'glasspose\[heic\]'"):
        load_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40)


def test_heic_with_its_package():
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    file = io.BytesIO()
    pillow_heif.from_pillow(PIL.Image.fromarray(photo(64, 48))).save(file, quality=95)
    assert np.abs(load_image(file.getvalue()).astype(int) - photo(64, 48)).mean() < 8


@pytest.mark.parametrize("side", [9_000, 12_000, 20_000, 60_000])
def test_a_bomb_is_refused_from_its_header(side):
    data = bomb(side, side if side == 9_000 else 1)
    header = data[12:16] + struct.pack(">II", side, side) + data[24:29]
    data = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    load_image(encoded(photo(), "PNG"))
    started = time.process_time()
    with pytest.raises(ImageError, match=r"more than the limit|more pixels than"):
        load_image(data)
    assert time.process_time() - started < 0.05


def test_the_limit_of_pixels_is_exact():
    limits = replace(LIMITS, pixels=48 * 32)
    assert load_image(encoded(photo(), "PNG"), limits).shape == (32, 48, 3)
    with pytest.raises(ImageError, match=r"48 x 32 = 1,536 pixels, more than the limit of 1,535"):
        load_image(encoded(photo(), "JPEG"), replace(limits, pixels=48 * 32 - 1))


def test_the_default_limit_of_pixels_is_sixty_four_megapixels():
    assert load_image(bomb(8000, 8000)).shape == (8000, 8000, 3)
    with pytest.raises(ImageError, match="64,008,000"):
        load_image(bomb(8000, 8001))


def test_limits_of_side_and_bytes(tmp_path):
    with pytest.raises(ImageError, match="65,501 pixels long"):
        load_image(encoded(PIL.Image.new("L", (65_501, 1)), "PNG"))
    data = encoded(photo(), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert load_image(path, Limits(bytes=len(data))).shape == (32, 48, 3)
    for source in (data, path):
        with pytest.raises(ImageError, match="bytes, more than the limit"):
            load_image(source, Limits(bytes=len(data) - 1))


def test_a_jpeg_of_endless_scans_is_refused():
    data = encoded(photo(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="scans"):
        load_image(data[:-2] + last * 100 + data[-2:])


def test_files_that_are_not_there_or_not_files(tmp_path):
    for path, said in ((tmp_path / "no.jpg", "is not there"), (tmp_path, "is not a file")):
        with pytest.raises(ImageError, match=said):
            load_image(str(path))
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageError, match=r"empty.jpg is empty"):
        load_image(tmp_path / "empty.jpg")


def test_a_strange_name_stays_on_one_printable_line():
    with pytest.raises(ImageError) as raised:
        load_image(b"x", name="a\nb\x1b[31m\udcff.jpg")
    assert str(raised.value).isprintable()


def test_arrays():
    assert load_image(photo()) is not None
    np.testing.assert_array_equal(load_image(photo()), photo())
    assert load_image(photo()[..., 0]).shape == (32, 48, 3)
    for wrong in (photo().astype(float), photo()[..., :2], photo()[:0], photo().transpose(2, 0, 1)[None]):
        with pytest.raises(ImageError, match="not an image"):
            load_image(wrong)


def test_pictures_are_written_whole_or_not_at_all(tmp_path):
    save_image(tmp_path / "a.png", photo())
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), photo())
    save_image(tmp_path / "a.JPG", photo(), quality=95)
    np.testing.assert_array_equal(load_image(tmp_path / "a.JPG"), load_image(encode_jpeg(photo(), 95)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.JPG", "a.png"]


def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch):
    save_image(tmp_path / "a.png", photo())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"cannot write .*a.png: No space left on device"):
        save_image(tmp_path / "a.png", photo()[::-1])
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), photo())


def test_pictures_that_cannot_be_written(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*folder.jpg"):
        save_image(tmp_path / "folder.jpg", photo())
    with pytest.raises(ImageError, match=r"written as .jpg or .png"):
        save_image(tmp_path / "a.xyz", photo())
    with pytest.raises(ImageError, match="65,500"):
        encode_jpeg(np.zeros((1, 65_501, 3), np.uint8))


def test_jpeg_keeps_red_red():
    picture = PIL.Image.new("RGB", (32, 32), "white")
    PIL.ImageDraw.Draw(picture).rectangle((0, 0, 15, 31), fill="red")
    image = load_image(encode_jpeg(np.asarray(picture)))
    assert np.abs(image[16, 4].astype(int) - [255, 0, 0]).max() < 6


@pytest.mark.parametrize(("width", "height"), [(16_383, 1), (1, 16_383), (65_500, 1), (1, 65_500), (1, 1)])
def test_lines_of_pixels(width, height):
    assert load_image(bomb(width, height)).shape == (height, width, 3)


def test_a_refusal_costs_neither_time_nor_memory():
    """In a process of its own: a header of 81 megapixels, whose pixels would take 243 MB."""
    script = (
        "import resource, sys, time; sys.path[:0] = sys.argv[1:]\n"
        "from test_images import bomb, encoded, load_image, photo, ImageError\n"
        "data = bomb(9000, 9000); load_image(encoded(photo(), 'PNG'))\n"
        "before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()\n"
        "try: load_image(data)\n"
        "except ImageError: print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    tests = Path(__file__).parent
    package = os.environ.get("GLASSPOSE_MUTANT", str(tests.parent / "src"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, package, str(tests)], capture_output=True, text=True, check=True, timeout=200
    )
    seconds, kibibytes = map(float, done.stdout.split())
    assert seconds < 0.05
    assert kibibytes < 50 * 1024


def test_a_large_picture_takes_no_second_copy_of_itself():
    """16 megapixels with transparency: Pillow's 64 MB, ours of 48 MB, and strips."""
    script = (
        "import resource, sys; sys.path[:0] = sys.argv[1:]\n"
        "import PIL.Image\n"
        "from test_images import encoded, load_image, photo\n"
        "data = encoded(PIL.Image.new('RGBA', (4000, 4000)), 'PNG', compress_level=1); load_image(encoded(photo(), 'PNG'))\n"
        "print(len(data)); open('/proc/self/clear_refs', 'w').write('5')\n"
        "before = int(open('/proc/self/statm').read().split()[1]) * 4\n"
        "load_image(data)\n"
        "print([int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')][0] - before)\n"
    )
    tests = Path(__file__).parent
    package = os.environ.get("GLASSPOSE_MUTANT", str(tests.parent / "src"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, package, str(tests)], capture_output=True, text=True, check=True, timeout=200
    )
    assert int(done.stdout.split()[1]) < 150 * 1024

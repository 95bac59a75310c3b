"""Images, folders, patterns, videos and cameras."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.errors import ImageError, InputError, MissingError
from glasspose.images import Limits, save_image
from glasspose.sources import _looks_like_video, _names, open_source

SHADES = [10, 60, 110, 160, 210, 240]


def picture(path: Path, shade: int = 100) -> Path:
    """Red alone, so that a swap of red and blue shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = shade
    save_image(path, image)
    return path


def video(path: Path, codec: str = "mp4v", shades: list[int] = SHADES, fps: float = 12.5) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
    assert writer.isOpened()
    for shade in shades:
        frame = np.zeros((48, 64, 3), np.uint8)
        frame[..., 2] = shade
        writer.write(frame)
    writer.release()
    return path


def names(source: str | Path, **options) -> list[str]:
    return [frame.name for frame in open_source(source, **options).frames]


def test_one_image(tmp_path):
    opened = open_source(picture(tmp_path / "a photo.png"))
    (frame,) = opened.frames
    assert (opened.count, opened.fps, frame.time) == (1, None, None)
    assert (frame.name, frame.origin) == ("a photo", str(tmp_path / "a photo.png"))
    assert frame.load()[0, 0].tolist() == [100, 0, 0]


def test_a_folder_in_natural_order(tmp_path):
    for name in ("b10.png", "b2.jpg", "B1.JPG", "a.jpeg"):
        picture(tmp_path / name)
    for name in ("notes.txt", ".b3.jpg", "clip.mp4"):
        (tmp_path / name).touch()
    picture(tmp_path / "deeper" / "c.jpg")
    assert names(tmp_path) == ["a", "B1", "b2", "b10"]
    assert open_source(tmp_path).count == 4


def test_folders_of_a_folder(tmp_path):
    for name in ("x/a.jpg", "x/y/a.jpg", "x/b.jpg", "x/.thumbnails/a.jpg"):
        picture(tmp_path / name)
    assert names(tmp_path, recursive=True) == ["a", "b", "y-a"]


def test_a_pattern(tmp_path, monkeypatch):
    for name in ("1/a.png", "2/a.png", "2/b.jpg", "2/notes.txt"):
        picture(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).touch()
    assert names(str(tmp_path / "*" / "*.png")) == ["1-a", "2-a"]
    picture(tmp_path / "2" / "deep" / "c.jpg")
    assert names(str(tmp_path / "**" / "*")) == ["1-a", "2-a", "2-b", "2-deep-c"]
    monkeypatch.chdir(tmp_path)
    assert names("2/*") == ["a", "b"]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    assert names(picture(tmp_path / "a[1].png")) == ["a_1_"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["d/a.jpg", "d/a.png"], ["a-jpg", "a-png"]),
        (["d/A.jpg", "d/a.png"], ["A-jpg", "a-png"]),
        (["d/a.jpg", "d/a.png", "d/a-png.jpg"], ["a-jpg", "a-png", "a-png-jpg"]),
        (["d/a/b.jpg", "d/a-b.jpg", "d/c.jpg"], ["a-b-jpg", "a-b-jpg-2", "c"]),
        (["d/a-b.jpg", "d/A/b.jpg"], ["a-b-jpg", "A-b-jpg-2"]),
        (["d/..jpg", "d/é ü.jpg", "d/a\nb;c.jpg"], ["picture", "é ü", "a_b_c"]),
    ],
)
def test_names(paths, expected):
    assert _names([Path(path) for path in paths]) == expected


@given(st.lists(st.text(st.sampled_from("aAbé/.- \n\udcff"), min_size=1, max_size=6), min_size=1, max_size=6, unique=True))
def test_names_are_different_and_fit_for_files(stems):
    found = _names([Path("d", f"x{stem}.jpg") for stem in stems])
    assert len({name.casefold() for name in found}) == len(found)
    assert all(name.isprintable() and not {"/", "\0"} & set(name) and len(name.encode()) < 250 for name in found)


def test_a_long_name_is_shortened():
    assert len(_names([Path("é" * 120 + ".jpg")])[0].encode()) <= 180


def test_one_bad_file_among_good_ones(tmp_path):
    picture(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(picture(tmp_path / "3.png").read_bytes()[:-20])
    frames = list(open_source(tmp_path).frames)
    with pytest.raises(ImageError, match=r"2.png is damaged"):
        frames[1].load()
    assert [frames[i].load().shape for i in (0, 2)] == [(48, 64, 3)] * 2


def test_limits_reach_the_files(tmp_path):
    (frame,) = open_source(picture(tmp_path / "a.png"), limits=Limits(pixels=99)).frames
    with pytest.raises(ImageError, match="limit of 99"):
        frame.load()


@pytest.mark.parametrize(("file", "codec"), [("v.mp4", "mp4v"), ("v.AVI", "MJPG"), ("v.mkv", "mp4v"), ("v.mov", "mp4v")])
def test_a_video(tmp_path, file, codec):
    opened = open_source(video(tmp_path / file, codec, fps=25))
    frames = list(opened.frames)
    assert opened.fps == 25
    assert opened.count == len(frames)
    assert [frame.name for frame in frames] == [f"v-{i:06d}" for i in range(len(SHADES))]
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(len(SHADES)) / 25, atol=0.002)
    np.testing.assert_allclose([frame.load()[24, 32] for frame in frames], [[shade, 0, 0] for shade in SHADES], atol=12)


def test_frames_may_be_loaded_after_the_walk(tmp_path):
    frames = list(open_source(video(tmp_path / "v.mp4")).frames)
    assert abs(int(frames[0].load()[24, 32, 0]) - SHADES[0]) < 12


def test_a_video_that_is_cut_short_says_so_at_its_end(tmp_path):
    data = video(tmp_path / "v.mkv", shades=SHADES * 6).read_bytes()
    (tmp_path / "v.mkv").write_bytes(data[: len(data) // 2])
    opened = open_source(tmp_path / "v.mkv")
    *good, last = opened.frames
    assert 0 < len(good) < 0.9 * (opened.count or 0)
    assert all(frame.load().shape == (48, 64, 3) for frame in good)
    assert last.name == f"v-{len(good):06d}"
    with pytest.raises(ImageError, match=rf"ends after {len(good)} of {opened.count} frames"):
        last.load()


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize("data", [b"", b"nonsense" * 100, PLAYLIST, b"ffconcat version 1.0\nfile v.mp4\n", b"\0\0\0\x1cftypisom" + b"\0" * 600])
def test_what_is_no_video(tmp_path, data, capfd):
    (tmp_path / "v.mp4").write_bytes(data)
    with pytest.raises(InputError, match=r"v.mp4 cannot be read as a video. Convert"):
        open_source(tmp_path / "v.mp4")
    assert capfd.readouterr().err == ""


def test_a_playlist_is_never_given_to_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: pytest.fail("it was opened"))
    (tmp_path / "v.mp4").write_bytes(PLAYLIST)
    with pytest.raises(InputError):
        open_source(tmp_path / "v.mp4")


def test_containers_are_known_by_their_beginning():
    stream = (b"G" + b"\0" * 187) * 2 + b"G"
    for head in (stream, b"\0\0\0\0" + (b"G" + b"\0" * 191) * 2, b"OggS", b"FLV\x01", b"0&\xb2u", b"\0\0\x01\xba", b"\0\0\0\x08wide"):
        assert _looks_like_video(head)
    for head in (b"G", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"\0" * 300):
        assert not _looks_like_video(head)


def test_a_video_with_frames_beyond_the_limit(tmp_path):
    with pytest.raises(InputError, match="64 x 48"):
        open_source(video(tmp_path / "v.mp4"), limits=Limits(pixels=1000))


class Camera:
    """Three frames, then nothing."""

    def __init__(self, *_):
        self.left, self.released = 3, False

    def isOpened(self):
        return True

    def get(self, _):
        return 0.0

    def read(self):
        self.left -= 1
        return (True, np.full((4, 4, 3), (0, 0, 255), np.uint8)) if self.left >= 0 else (False, None)

    def release(self):
        self.released = True


@pytest.mark.parametrize("source", ["camera:0", "0"])
def test_a_camera(monkeypatch, source):
    camera = Camera()
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: camera)
    opened = open_source(source)
    frames = list(opened.frames)
    assert (opened.count, opened.fps, camera.released) == (None, 25.0, True)
    assert [frame.name for frame in frames] == ["camera0-000000", "camera0-000001", "camera0-000002"]
    assert frames[0].load()[0, 0].tolist() == [255, 0, 0]
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)


def test_a_video_without_times_goes_by_its_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    (tmp_path / "v.avi").write_bytes(b"RIFF\0\0\0\0AVI ")
    np.testing.assert_allclose([frame.time for frame in open_source(tmp_path / "v.avi").frames], [0, 0.04, 0.08])


def test_a_camera_is_let_go_when_the_walk_ends_early(monkeypatch):
    camera = Camera()
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: camera)
    frames = open_source("camera:0").frames
    next(frames)
    del frames
    assert camera.released


def test_a_camera_that_is_not_there(capfd):
    with pytest.raises(MissingError, match="camera 987 does not answer"):
        open_source("camera:987")
    assert capfd.readouterr().err == ""


def test_a_file_named_like_a_camera(tmp_path, monkeypatch):
    picture(tmp_path / "a.png").rename(tmp_path / "0")
    monkeypatch.chdir(tmp_path)
    (frame,) = open_source("0").frames
    assert frame.load().shape == (48, 64, 3)


@pytest.mark.parametrize("source", ["nothing.jpg", "no*.jpg", "http://localhost/a.jpg", "camera:", "", "x" * 5000, "a\0b"])
def test_what_is_not_there(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as raised:
        open_source(source)
    assert raised.value.remedy


def test_a_folder_of_videos_only(tmp_path):
    for name in ("b.mp4", "a.mov"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"Videos are given one at a time: a.mov"):
        open_source(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    tmp_path.chmod(0)
    with pytest.raises(InputError, match="cannot be opened"):
        open_source(tmp_path)

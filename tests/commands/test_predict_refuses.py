from pathlib import Path

import pytest

from commands_for_tests import coco_file, fails
from glasspose import checkpoint

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


def test_a_missing_source(dots, told):
    fails(told("predict", "missing.jpg"), 5, "missing.jpg is not there", "Name an image")


def test_an_empty_folder(dots, told, tmp_path):
    (tmp_path / "empty").mkdir()
    fails(told("predict", "empty"), 5, "empty")


def test_missing_weights(told, photos):
    fails(told("predict", photos, "--weights", "missing.safetensors"), 5, "no weights 'missing.safetensors'")


def test_no_shipped_weights(told, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path / "nothing")
    fails(told("predict", photos), 5, "no weights")


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "card", "no card"])
def test_corrupt_weights(told, photos, nano_weights, damage):
    content, card = nano_weights.read_bytes(), nano_weights.with_suffix(".json").read_bytes()
    changed = {"cut": content[:999], "flipped": content[:-5] + b"\x00\x01\x02\x03\x04", "empty": b"", "text": b"hello"}
    Path("w.safetensors").write_bytes(changed.get(damage, content))
    if damage != "no card":
        Path("w.json").write_bytes(b"{" if damage == "card" else card)
    fails(told("predict", photos, "--weights", "w.safetensors"), 5, "w.", "etch" if damage != "no card" else "card")


def test_a_pickle_is_no_weights(told, photos):
    Path("w.pt").write_bytes(b"\x80\x04.")
    fails(told("predict", photos, "--weights", "w.pt"), 5, "is not a weight file")


def test_an_unknown_key(told, photos):
    code, _, err = told("predict", photos, "--heatmap")
    assert code == 2
    assert "--heatmaps" in err


@pytest.mark.parametrize("words", [("predict",), ("nonsense",), ("predict", "a.jpg", "--batch", "many"), ("data", "nonsense")])
def test_a_command_that_makes_no_sense(told, words):
    code, _, err = told(*words)
    assert code == 2
    assert err.strip()


@pytest.mark.parametrize(
    ("option", "value", "code"), [("--device", "tpu9", 2), ("--batch", "0", 2), ("--device", "cuda:9", 6), ("--device", "mps", 6)]
)
def test_options_that_cannot_be(dots, told, photos, tmp_path, option, value, code):
    fails(told("predict", photos, option, value), code)
    fails(told("evaluate", "dots", *coco_file(tmp_path / "coco", [(1, 0)]), option, value), code)


def test_a_detector_that_is_none(dots, told, photos):
    fails(told("predict", photos, "--people", "nonsense"), 2, "names no detector")


def test_a_box_file_that_is_none(dots, told, photos):
    fails(told("predict", photos, "--boxes", "missing.json"), 5, "missing.json cannot be read")
    Path("boxes.json").write_text("{}")
    fails(told("predict", photos, "--boxes", "boxes.json"), 5, "boxes.json")


def test_a_folder_that_cannot_be_written(dots, told, photos):
    Path("out").write_text("")
    fails(told("predict", photos, "--out", "out"), 5, "out")


def test_a_camera_that_is_not_here(dots, told):
    fails(told("predict", "camera:99"), 6, "camera 99 does not answer")


@pytest.mark.parametrize(("problem", "code"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left on device", "out/poses.csv"), 5)])
def test_what_comes_from_outside_is_no_traceback(monkeypatch, told, problem, code):
    def raises(*_, **__):
        raise problem

    monkeypatch.setattr("glasspose.sources.open_source", raises)
    assert told("predict", "photo.jpg")[0] == code

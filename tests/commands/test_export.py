"""`glasspose export`, and the verbs that take what it writes."""

import json
from pathlib import Path

import cv2
import pytest

from dots_for_tests import FIGURE, dot_picture

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


def test_from_weights_to_keypoints_in_an_exported_file(nano_weights, told):
    cv2.imwrite("photo.png", dot_picture(FIGURE))
    code, out, err = told("export", nano_weights, "--to", "onnx", "--out", "pose.onnx")
    assert code == 0, err
    assert "largest shift" in out
    assert "bound 0.05" in out
    assert json.loads(Path("pose.onnx.json").read_text())["parity"]["shift"] <= 0.05
    people = []
    for words in (["pose.onnx", "photo.png"], ["photo.png", "--weights", "pose.onnx"], ["photo.png", "--weights", nano_weights, "--engine", "torch"]):
        code, _, err = told("predict", *words)
        assert code == 0, err
        people.append(json.loads(Path("glasspose-out/predict/photo.pose.json").read_text())["people"][0]["keypoints"])
    assert people[0] == people[1]
    assert all(abs(people[0][name][axis] - people[2][name][axis]) <= 0.2 for name in people[0] for axis in "xy")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["predict", "a.jpg", "b.jpg"], 2, "Put a pattern into quotes"),
        (["predict", "hourglass-tiny-lsp", "b.jpg", "--weights", "pose.onnx"], 2, "named twice"),
        (["predict", "b.jpg", "--weights", "pose.onnx", "--layers"], 2, "lets nobody look"),
        (["predict", "pose.onnx", "photo.png"], 5, "pose.onnx is not there"),
        (["predict", "photo.png", "--engine", "warp"], 2, "no engine"),
        (["export", "hourglass-tiny-lsp", "--int8"], 2, "8 bits are written for OpenVINO alone"),
        (["export", "nothing"], 5, "no weights"),
    ],
)
def test_what_cannot_be_done_is_one_line(told, words, code, said):
    cv2.imwrite("photo.png", dot_picture(FIGURE))
    ended, _, err = told(*words)
    assert ended == code
    assert said in err

from pathlib import Path

import cv2
import pytest

from commands_for_tests import fails

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


def test_end_to_end(told, nano_weights):
    for name, flip in (("a", "--flip-test"), ("b", "--no-flip-test")):
        made = told(
            "evaluate", nano_weights, "--data.kind", "drawn_people", "--data.count", "6", "--data.folder", "drawn",
            "--keep", "--json", f"{name}.json", "--protocols", "thesis,limbs", flip,
        )  # fmt: skip
        assert made[0] == 0, made
    code, out, err = told("compare", "a.json", "b.json", "--markdown", "t.md", "--csv", "t.csv", "--json", "t.json", "--plot", "t.png")
    assert code == 0, err
    assert "6 people in 6 pictures" in out
    assert all(score in out for score in ("pck@0.2 %", "thesis %", "limbs %", "epe px"))
    assert "this checkpoint only" in out
    assert Path("t.md").read_text().count("\n| ") == 4
    assert len(Path("t.csv").read_text().splitlines()) == 1 + 2 * 6
    assert cv2.imread("t.png") is not None


def test_a_file_that_is_not_there(told):
    fails(told("compare", "none.json"), 2, "none.json")


def test_an_unknown_protocol(told, nano_weights):
    fails(told("compare", nano_weights, "--data.kind", "drawn_people", "--protocols", "thesi"), 2, "'thesi' is not known")

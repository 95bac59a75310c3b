"""docs/own-keypoints.md, as it is written: from labels to explanations, with a skeleton that nobody else has."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import test_docs
from glasspose.__main__ import GROUPS, VERBS
from glasspose.configs.data import Coco
from glasspose.data import read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/own-keypoints.md").read_text()
COMMANDS = [line for line, complete in test_docs.commands(PAGE) if complete]
WITHOUT_END = ("serve",)
"""Verbs that run until they are stopped."""


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def labels(folder):
    subprocess.run([sys.executable, ROOT / "docs/own_keypoints.py", folder], check=True)


def test_the_example_of_a_file_is_read(tmp_path):
    (tmp_path / "keypoints.json").write_text(block("json"))
    dataset = read(Coco(root=tmp_path, annotations="keypoints.json", images="photos", torso=("crown", "left_foot")))
    assert dataset.skeleton.keypoints == ("crown", "left_hand", "right_hand", "left_foot", "right_foot")
    assert dataset.skeleton.pairs == ((1, 2), (3, 4))
    assert dataset.annotations[0].labelled.tolist() == [True, True, True, True, False]
    assert dataset.annotations[0].occluded.tolist() == [False, False, True, False, False]
    assert dataset.annotations[0].torso == pytest.approx(122.12, abs=0.01)


def test_the_page_has_every_step_in_its_order():
    assert [line.split()[0] for line in COMMANDS] == [
        "data",
        "data",
        "data",
        "train",
        "evaluate",
        "predict",
        "explain",
        "explain",
        "export",
        "predict",
        "serve",
    ]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # under two minutes on a free machine
@pytest.mark.usefixtures("elsewhere")
def test_the_page_from_labels_to_explanations(told):
    labels("star")
    Path("star.yaml").write_text(block("yaml"))
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0] in {*VERBS, *GROUPS} - {*WITHOUT_END}:
            code, _, errors = told(*words)
            assert code == 0, (line, errors)
    card = json.loads(Path("runs/star/best.json").read_text())
    assert card["validation"]["validation/pck"] > 0.5
    assert card["skeleton"]["torso"] == [0, 3]
    assert json.loads(Path("errors/errors.json").read_text())["verdict"] == "FAITHFUL"
    people = json.loads(Path("poses/0004.pose.json").read_text())["people"]
    assert set(people[0]["keypoints"]) == set(card["skeleton"]["keypoints"])
    for path in ("star-labels.jpg", "runs/star/first_batch.jpg", "runs/star/curves.png", "why/why-keypoints.png", "poses-onnx/0004.pose.json"):
        assert Path(path).is_file(), path

"""docs/gallery.py makes the page of hard cases; here its rules, its hard portraits, and that the page says what it prints."""

import re

import numpy as np
import pytest

from commands_for_tests import ROOT
from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.skeletons import LSP
from glasspose.structures import Poses

pytestmark = pytest.mark.usefixtures("one_thread")
PAGE = (ROOT / "docs/gallery.md").read_text()


@pytest.fixture
def gallery(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import gallery

    return gallery


def place(person, name):
    return person.keypoints[LSP.index(name)]


def test_every_rule_finds_people_who_are_what_it_says(gallery, tmp_path):
    people = read(DrawnPeople(count=250, seed=11, split="gallery", folder=tmp_path, size=(48, 48))).annotations
    found = {name: [person for person in people if rule(person)] for name, rule in gallery.RULES.items()}
    assert all(found.values()), {name: len(who) for name, who in found.items()}
    for person in found["from the back"]:
        assert place(person, "left_shoulder")[0] < place(person, "right_shoulder")[0]
        assert place(person, "neck")[1] < place(person, "right_hip")[1]
    for person in found["from the front"]:
        assert place(person, "left_shoulder")[0] > place(person, "right_shoulder")[0]
    for person in found["crossed legs"]:
        hips, ankles = (place(person, f"left_{part}")[0] - place(person, f"right_{part}")[0] for part in ("hip", "ankle"))
        assert hips * ankles < 0
    for person in found["upside down"]:
        assert place(person, "neck")[1] > place(person, "right_hip")[1]
    assert all(4 <= person.labelled.sum() <= 10 for person in found["partial body"])
    assert all(person.occluded[[LSP.index("neck"), LSP.index("head_top")]].any() for person in found["hidden face"])


class Onlooker:
    """A predictor that sees nobody and keeps what it is shown."""

    def __init__(self):
        self.shown = []

    def predict(self, picture):
        self.shown.append(picture)
        nothing = {"keypoints": (0, 14, 2), "scores": (0, 14), "boxes": (0, 4), "person_scores": (0,)}
        empty = {name: np.zeros(shape) for name, shape in nothing.items()}
        return Poses(**empty, seen=np.zeros((0, 14), bool), skeleton=LSP, size=picture.shape[:2])


def test_the_portrait_becomes_harder_in_seven_ways(gallery, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gallery, "IMAGES", tmp_path)
    onlooker = Onlooker()
    gallery.portrait(onlooker)
    names = re.findall(r"^([a-z ]+): 0 people", capsys.readouterr().out, re.M)
    photo, *harder = onlooker.shown
    assert (names[0], len(names), len(harder)) == ("as it is", 8, 7)
    assert (tmp_path / "gallery-portrait.jpg").is_file()
    by_name = dict(zip(names, onlooker.shown, strict=True))
    assert all(picture.shape != photo.shape or np.abs(picture.astype(int) - photo).mean() > 3 for picture in harder)
    assert by_name["almost dark"].mean() < 0.15 * photo.mean()
    assert np.array_equal(by_name["upside down"][::-1, ::-1], photo)
    assert np.ptp(by_name["a pencil drawing"].astype(int), axis=-1).max() == 0
    said = re.findall(r"^\| ([^|]+?)(?: \([^)]*\))? \|", PAGE.split("## One portrait")[1], re.M)
    assert said[1:] == ["as it is", "the head alone", "without the head", "face hidden by a disc", *names[4:]]


@pytest.mark.slow
def test_the_page_says_what_the_program_finds(gallery, monkeypatch, tmp_path, capsys):
    """Numbers of people and rounded shares; the intervals come from the same draws."""
    from glasspose.prediction import load

    monkeypatch.setattr(gallery, "IMAGES", tmp_path)
    gallery.drawn_people(load("hourglass-tiny-lsp", device="cpu", engine="torch"))
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(printed) == 8
    assert [line for line in printed if line not in PAGE] == []

"""`data check`: every rule finds what is put in, the exact number of times, and nothing in clean data."""

import json
from dataclasses import replace

import numpy as np
import pytest

from glasspose.configs.data import Coco, DrawnPeople, Lspet
from glasspose.data.checking import PREMISES, RULES, check
from glasspose.data.drawn_people import read_drawn_people
from glasspose.errors import AnnotationError
from glasspose.skeletons import LSP

LEFT_RIGHT = [LSP.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Twenty people with every keypoint in the picture."""
    dataset = read_drawn_people(DrawnPeople(count=60, folder=tmp_path_factory.mktemp("drawn")))
    return replace(dataset, annotations=[person for person in dataset.annotations if person.labelled.all()][:20])


def damaged(dataset, **changes):
    """The dataset with persons 3 and 7 changed, and what `check` counts in it."""
    people = list(dataset.annotations)
    for i in (3, 7):
        people[i] = replace(people[i], **{name: change(people[i]) if callable(change) else change for name, change in changes.items()})
    return replace(dataset, annotations=people)


def counts(data):
    return {rule: len(faults) for rule, faults in check(data).by_rule().items()}


def moved(to, k=0):
    def keypoints(person):
        changed = person.keypoints.copy()
        changed[k] = to
        return changed

    return keypoints


def turned(person):
    changed = person.keypoints.copy()
    centre = changed[LEFT_RIGHT].mean(0)
    changed[LEFT_RIGHT] = np.add(centre, [[15, -20], [-15, -20], [-15, 20], [15, 20]])
    return changed


DAMAGES = {
    "keypoint-shape": {"keypoints": np.zeros((16, 2))},
    "not-finite": {"keypoints": moved(np.nan)},
    "degenerate-box": {"box": np.array([5.0, 5.0, 5.5, 60.0]), "area": 20.0},
    "box-outside": {"box": np.array([100.0, 5.0, 170.0, 60.0])},
    "keypoint-outside": {"keypoints": moved([160, 20])},
    "keypoint-at-origin": {"keypoints": moved([0, 0])},
    "area-beyond-box": {"area": 1e5},
    "left-right": {"keypoints": turned},
    "no-keypoints": {"labelled": np.zeros(14, bool)},
    "no-reference-length": {"torso": None},
}


def test_clean_data_has_no_faults(clean):
    report = check(clean)
    assert (len(report.faults), report.people, report.images) == (0, 20, 20)


@pytest.mark.parametrize("rule", DAMAGES)
def test_each_rule_finds_what_it_is_for_and_nothing_else(clean, rule):
    assert counts(damaged(clean, **DAMAGES[rule])) == {rule: 2}


def test_every_rule_is_tested():
    assert {rule.name for rule in PREMISES + RULES} == {*DAMAGES, "same-person-twice"}


def test_the_same_person_twice(clean):
    twin = replace(clean.annotations[0], person_id=999, keypoints=clean.annotations[0].keypoints + 0.5)
    neighbour = replace(clean.annotations[1], person_id=998, keypoints=clean.annotations[1].keypoints + 6.0, occluded=np.zeros(14, bool))
    report = check(replace(clean, annotations=[*clean.annotations, twin, neighbour]))
    (fault,) = report.by_rule()["same-person-twice"]
    assert fault.where.startswith("person 999 of image")
    assert fault.detail == f"labels the same person as {clean.annotations[0].person_id}"


@pytest.mark.parametrize(("common", "found"), [(2, 0), (3, 1)])
def test_three_common_keypoints_make_the_same_person(clean, common, found):
    part = replace(clean.annotations[0], person_id=999, labelled=np.arange(14) < common)
    assert counts(replace(clean, annotations=[*clean.annotations, part])).get("same-person-twice", 0) == found


def test_pictures_that_are_missing_or_unreadable(clean, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(clean.annotations[0].image.read_bytes()[:500])
    people = [replace(clean.annotations[i], image=tmp_path / name) for i, name in enumerate(["empty.png", "cut.png", "lost.png", "lost.png"])]
    assert counts(replace(clean, annotations=people)) == {"unreadable-image": 2, "missing-image": 1}


def test_faults_of_the_file_are_reported_with_those_of_the_people(tmp_path):
    person = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [5, 5, 2, 0, 0, 0], "num_keypoints": 2}
    unlabelled = {"id": 2, "image_id": 1, "category_id": 1, "keypoints": [0] * 6, "bbox": [0, 0, 5, 5]}
    stray = person | {"id": 3, "image_id": 9}
    document = {"images": [{"id": 1, "file_name": "1.png"}], "categories": [{"id": 1, "name": "x", "keypoints": ["a", "b"]}]}
    (tmp_path / "labels.json").write_text(json.dumps(document | {"annotations": [person, unlabelled, stray]}))
    report = check(Coco(root=tmp_path, annotations="labels.json"))
    assert {rule: len(faults) for rule, faults in report.by_rule().items()} == {
        "unknown-image": 1,
        "missing-image": 1,
        "keypoint-count": 1,
        "no-keypoints": 1,
    }
    assert [report.count(severity) for severity in ("error", "warning", "note")] == [2, 1, 1]


def test_a_file_that_cannot_be_read_at_all_is_an_error(tmp_path):
    with pytest.raises(AnnotationError):
        check(Coco(root=tmp_path))
    with pytest.raises(AnnotationError):
        check(Lspet(root=tmp_path))


def test_the_report_as_json_shows_the_first_places(clean):
    data = json.loads(json.dumps(check(damaged(clean, box=np.array([100.0, 5.0, 170.0, 60.0]), torso=None)).to_json(first=1)))
    assert (data["format"], data["version"], data["people"]) == ("glasspose.check", 1, 20)
    assert [(rule["rule"], rule["severity"], rule["count"], len(rule["first"])) for rule in data["rules"]] == [
        ("box-outside", "warning", 2, 1),
        ("no-reference-length", "note", 2, 1),
    ]
    assert data["rules"][0]["remedy"]
    assert "picture of 160 x 160" in data["rules"][0]["first"][0]["detail"]


@pytest.mark.data
def test_the_real_coco_subset_has_one_person_labelled_twice(data_root):
    assert counts(Coco(root=data_root / "coco")) == {"same-person-twice": 1, "no-reference-length": 130}

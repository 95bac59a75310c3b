"""Sixty kinds of damage to annotations and pictures: `data check` finds each the exact number of times, and `--repair` mends a copy."""

import copy
import hashlib
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glasspose.configs.data import Coco, DrawnPeople, Lspet
from glasspose.configs.training import Packing
from glasspose.data import repairing
from glasspose.data.checking import check
from glasspose.data.drawn_people import read_drawn_people
from glasspose.data.packing import cut_out, packable
from glasspose.data.repairing import repair
from glasspose.errors import AnnotationError, UsageError
from glasspose.images import save_image
from glasspose.skeletons import LSP

HIT = (2, 5, 11)
"""Which of the sixteen people are damaged."""


def coco(folder):
    return Coco(root=folder, annotations="labels.json", images="images", split="all")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Sixteen people, each alone in a picture, with every keypoint in it."""
    folder = tmp_path_factory.mktemp("clean")
    drawn = read_drawn_people(DrawnPeople(count=60, folder=folder / "drawn"))
    people = [person for person in drawn.annotations if person.labelled.all()][:16]
    repairing._write(replace(drawn, annotations=people), {person.image: (160, 160) for person in people}, folder / "coco")
    return folder / "coco"


def person(change):
    """Damage to one annotation (a dict), as damage to a document."""
    return lambda document: [change(document["annotations"][i]) for i in HIT]


def put(key, value):
    return person(lambda entry: entry.__setitem__(key, copy.deepcopy(value)))


def drop(key):
    return person(lambda entry: entry.pop(key))


def keypoint(place, *values):
    """Other numbers from the given place of the list of keypoints on."""
    return person(lambda entry: entry["keypoints"].__setitem__(slice(place, place + len(values)), values))


def image(change):
    return lambda document: [change(document["images"][i]) for i in HIT]


def swapped(entry):
    """Shoulders stand as they should, and hips the other way round."""
    points = np.array(entry["keypoints"], float).reshape(-1, 3)
    ends = [LSP.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]
    points[ends, :2] = np.array([[80, 60], [50, 60], [50, 100], [80, 100]])
    entry["keypoints"] = points.ravel().tolist()


def again(by):
    def added(document):
        for i in HIT:
            entry = copy.deepcopy(document["annotations"][i])
            entry["id"] += 10_000
            entry["keypoints"] = [value + by * (k % 3 < 2) for k, value in enumerate(entry["keypoints"])]
            document["annotations"].append(entry)

    return added


def unlabelled(*names):
    return person(
        lambda entry: [entry["keypoints"].__setitem__(slice(3 * LSP.index(n), 3 * LSP.index(n) + 3), (0, 0, 0)) for n in names] + [recount(entry)]
    )


def recount(entry):
    entry["num_keypoints"] = sum(flag > 0 for flag in entry["keypoints"][2::3])


def two_names(document):
    document["images"] += [{**document["images"][i], "file_name": "other.png"} for i in HIT]


def same_id(document):
    for i in HIT:
        document["annotations"][i]["id"] = document["annotations"][0]["id"]


def nothing(entry):
    entry.pop("bbox")
    entry["keypoints"], entry["num_keypoints"] = [0] * 42, 0


def entries(value):
    return lambda document: [document["annotations"].__setitem__(i, value) for i in HIT]


FILE = {
    "entry is a text": (entries("x"), "annotation-entry"),
    "entry is a list": (entries([]), "annotation-entry"),
    "entry is null": (entries(None), "annotation-entry"),
    "id missing": (drop("id"), "annotation-id"),
    "id text": (put("id", "7"), "annotation-id"),
    "id fraction": (put("id", 7.5), "annotation-id"),
    "id twice": (same_id, "annotation-id"),
    "image id missing": (drop("image_id"), "unknown-image"),
    "image id unknown": (put("image_id", 987654), "unknown-image"),
    "image id text": (put("image_id", "1"), "unknown-image"),
    "category unknown": (put("category_id", 99), "unknown-category"),
    "category text": (put("category_id", "person"), "unknown-category"),
    "keypoints short": (person(lambda e: e["keypoints"].pop()), "keypoints"),
    "keypoints long": (person(lambda e: e["keypoints"].extend([1, 1, 2])), "keypoints"),
    "keypoints nested": (person(lambda e: e.update(keypoints=[e["keypoints"]])), "keypoints"),
    "keypoints mapping": (put("keypoints", {"a": 1}), "keypoints"),
    "coordinate text": (keypoint(0, "12"), "keypoints"),
    "coordinate null": (keypoint(4, None), "keypoints"),
    "coordinate NaN": (keypoint(0, math.nan), "keypoints"),
    "coordinate infinite": (keypoint(1, math.inf), "keypoints"),
    "coordinate huge": (keypoint(1, 1e13), "keypoints"),
    "coordinate boolean": (keypoint(0, True), "keypoints"),
    "coordinate negative": (keypoint(0, -40.0, 20.0, 2), "keypoints"),
    "flag 3": (keypoint(2, 3), "keypoints"),
    "flag negative": (keypoint(5, -1), "keypoints"),
    "flag half": (keypoint(5, 0.5), "keypoints"),
    "box of three": (put("bbox", [1, 2, 3]), "box"),
    "box text": (put("bbox", "1 2 3 4"), "box"),
    "box mapping": (put("bbox", {"x": 1}), "box"),
    "box NaN": (put("bbox", [1, 2, math.nan, 4]), "box"),
    "box negative": (put("bbox", [50, 50, -20, 30]), "box"),
    "area text": (put("area", "large"), "area"),
    "area negative": (put("area", -4.0), "area"),
    "area NaN": (put("area", math.nan), "area"),
    "area infinite": (put("area", math.inf), "area"),
    "area list of texts": (put("area", ["1"]), "area"),
    "count wrong": (put("num_keypoints", 3), "keypoint-count"),
    "count text": (put("num_keypoints", "14"), "keypoint-count"),
}
PEOPLE = {
    "box thin": (put("bbox", [40, 40, 0.5, 60]), {"degenerate-box", "area-beyond-box"}),
    "box beyond the right": (person(lambda e: e.update(bbox=[100, 20, 90, 60], area=2000.0)), {"box-outside"}),
    "box beyond the left": (person(lambda e: e.update(bbox=[-20, 20, 90, 60], area=2000.0)), {"box-outside"}),
    "box below": (person(lambda e: e.update(bbox=[20, 100, 90, 90], area=2000.0)), {"box-outside"}),
    "box above": (person(lambda e: e.update(bbox=[20, -9, 90, 90], area=2000.0)), {"box-outside"}),
    "keypoint beyond the right": (keypoint(0, 200.0, 50.0, 2), {"keypoint-outside"}),
    "keypoint below": (keypoint(3, 50.0, 161.0, 1), {"keypoint-outside"}),
    "keypoint in the corner": (keypoint(0, 0, 0, 2), {"keypoint-at-origin"}),
    "area of the picture": (put("area", 160.0 * 160 * 9), {"area-beyond-box"}),
    "area in other units": (person(lambda e: e.update(area=e["area"] * 100)), {"area-beyond-box"}),
    "left and right": (person(swapped), {"left-right"}),
    "nobody labelled": (person(lambda e: e.update(keypoints=[0] * 42, num_keypoints=0)), {"no-keypoints"}),
    "no torso": (unlabelled("left_shoulder"), {"no-reference-length"}),
    "the same person twice": (again(0), {"same-person-twice"}),
    "nearly the same person twice": (again(0.4), {"same-person-twice"}),
    "neither box nor keypoints": (person(nothing), {"empty-person"}),
}
LISTED = {
    "image without id": (image(lambda e: e.pop("id")), 3),
    "image id text": (image(lambda e: e.update(id="1")), 3),
    "file name absolute": (image(lambda e: e.update(file_name="/etc/passwd")), 3),
    "file name upwards": (image(lambda e: e.update(file_name="../../x.png")), 3),
    "file name of Windows": (image(lambda e: e.update(file_name="C:\\x.png")), 3),
    "file name missing": (image(lambda e: e.pop("file_name")), 3),
    "file name a number": (image(lambda e: e.update(file_name=5)), 3),
    "two file names": (two_names, 3),
    "entry a text": (lambda document: [document["images"].__setitem__(i, "x") for i in HIT], 3),
}


def folder_instead(path):
    path.unlink()
    path.mkdir()


def large(path):
    path.unlink()
    save_image(path, np.zeros((8001, 8000, 3), np.uint8))


PICTURES = {
    "missing": (lambda path: path.unlink(), "missing-image"),
    "empty": (lambda path: replaced(path, b""), "unreadable-image"),
    "cut": (lambda path: replaced(path, path.read_bytes()[:300]), "unreadable-image"),
    "text": (lambda path: replaced(path, b"<html>404</html>"), "unreadable-image"),
    "another format": (lambda path: replaced(path, b"%PDF-1.7"), "unreadable-image"),
    "a folder": (folder_instead, "unreadable-image"),
    "a link to nowhere": (lambda path: (path.unlink(), path.symlink_to("nowhere")), "missing-image"),
}


def replaced(path, content):
    """In place of the link, so that the picture of the clean set stays."""
    path.unlink()
    path.write_bytes(content)


def test_there_are_sixty_kinds():
    assert len({**FILE, **PEOPLE}) + len(LISTED) + len(PICTURES) + len(SMALL) >= 60


@pytest.fixture
def damaged(clean, tmp_path):
    def make(change):
        folder = tmp_path / "coco"
        shutil.copytree(clean, folder, symlinks=True)
        document = json.loads((folder / "labels.json").read_bytes())
        change(document)
        (folder / "labels.json").write_text(json.dumps(document))
        return coco(folder)

    return make


def counts(data):
    return {rule: len(faults) for rule, faults in check(data).by_rule().items()}


def same_after_repair(data, out):
    """The copy has no error left and nothing that repair could mend; the original is as it was; a second run writes the same bytes."""
    before = fingerprint(data.root)
    first, second = repair(data, out / "one"), repair(data, out / "two")
    assert fingerprint(data.root) == before
    assert (out / "one/labels.json").read_bytes() == (out / "two/labels.json").read_bytes()
    assert (first.left_out, first.changed) == (second.left_out, second.changed)
    report = check(coco(out / "one"))
    assert report.count("error") == 0
    assert set(report.by_rule()) <= {"left-right", "no-keypoints", "no-reference-length"}
    return first


def fingerprint(folder):
    """Names, links and contents; a picture's own bytes where it is no link."""
    return sorted(
        (
            str(path.relative_to(folder)),
            str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    )


def test_the_clean_set_has_no_fault_and_repair_changes_nothing(clean, tmp_path):
    assert counts(coco(clean)) == {}
    repaired = same_after_repair(coco(clean), tmp_path)
    assert (repaired.people, repaired.left_out, repaired.changed) == (16, {}, {})
    assert (tmp_path / "one/labels.json").read_bytes() == (clean / "labels.json").read_bytes()


@pytest.mark.parametrize("kind", FILE)
def test_damage_to_entries_is_counted(damaged, kind):
    change, rule = FILE[kind]
    assert counts(damaged(change)) == {rule: 3}


@pytest.mark.parametrize("kind", PEOPLE)
def test_damage_to_people_is_counted(damaged, kind, tmp_path):
    change, rules = PEOPLE[kind]
    data = damaged(change)
    assert counts(data) == dict.fromkeys(rules, 3)
    same_after_repair(data, tmp_path)


@pytest.mark.parametrize("kind", LISTED)
def test_damage_to_the_list_of_images_is_counted(damaged, kind, tmp_path):
    change, count = LISTED[kind]
    data = damaged(change)
    assert counts(data)["image-entry"] == count
    same_after_repair(data, tmp_path)


@pytest.mark.parametrize("kind", PICTURES)
def test_damage_to_pictures_is_counted(damaged, kind, tmp_path):
    spoil, rule = PICTURES[kind]
    data = damaged(lambda document: None)
    pictures = sorted((data.root / "images").iterdir())
    for i in HIT:
        spoil(pictures[i])
    assert counts(data) == {rule: 3}
    assert same_after_repair(data, tmp_path).left_out == {"unreadable or missing picture": 3}


def lspet(folder, joints):
    """LSPET's own file, with pictures to it."""
    (folder / "images").mkdir(parents=True)
    scipy.io.savemat(folder / "joints.mat", {"joints": joints.transpose(1, 2, 0)})
    for number in range(len(joints)):
        save_image(folder / "images" / f"im{number + 1:05d}.jpg", np.full((160, 160, 3), 99, np.uint8))
    return Lspet(root=folder, split="all")


def upright():
    figure = np.array(
        [
            [60, 140],
            [62, 120],
            [64, 100],
            [84, 100],
            [86, 120],
            [88, 140],
            [40, 100],
            [48, 80],
            [60, 60],
            [88, 60],
            [100, 80],
            [108, 100],
            [74, 50],
            [74, 30],
        ]
    )
    return np.stack([np.column_stack([figure, np.ones(14)]).astype(float)] * 5)


SMALL = {
    "nothing": (None, {}),
    "outside": ((0, [400.0, 50.0, 1.0]), {"keypoint-outside": 2, "box-outside": 2}),
    "corner": ((13, [0.0, 0.0, 1.0]), {"keypoint-at-origin": 2}),
    "no torso": ((9, [0.0, 0.0, 0.0]), {"no-reference-length": 2}),
}


@pytest.mark.parametrize("kind", SMALL)
def test_damage_to_other_kinds_of_files(tmp_path, kind):
    change, expected = SMALL[kind]
    joints = upright()
    if change:
        joints[1:3, change[0]] = change[1]
    data = lspet(tmp_path / "lspet", joints)
    assert counts(data) == expected
    same_after_repair(data, tmp_path)


def test_people_of_a_repaired_copy_are_finite_and_can_be_cut_out(damaged, tmp_path):
    def everything(document):
        for n, (change, _) in enumerate([*PEOPLE.values(), *FILE.values()]):
            if n % 3 == 0:
                change(document) if n < 20 else None

    data = damaged(everything)
    same_after_repair(data, tmp_path)
    from glasspose.data import read

    people = packable(read(coco(tmp_path / "one")))
    assert people
    for crop, matrix, _ in cut_out(people, Packing(size=32)):
        assert crop.any()
        assert np.isfinite(matrix).all()
    assert all(np.isfinite(person.keypoints).all() and np.isfinite(person.box).all() and person.area > 0 for person in people)


def test_places_that_a_repair_refuses(clean, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for place, words in ((tmp_path / "full", "not empty"), (tmp_path / "full/file", "not empty"), (clean / "copy", "inside"), (clean, "not empty")):
        with pytest.raises(UsageError, match=words):
            repair(coco(clean), place)
    assert sorted(path.name for path in clean.iterdir()) == ["images", "labels.json"]


def test_nobody_left_is_one_line(damaged, tmp_path):
    data = damaged(lambda document: [entry.update(image_id=987) for entry in document["annotations"]])
    with pytest.raises(AnnotationError, match="nobody is left"):
        repair(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


KINDS = sorted({**FILE, **PEOPLE})


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
def test_any_combination_is_a_report_that_is_the_same_twice(clean, tmp_path_factory, kinds):
    folder = tmp_path_factory.mktemp("combined")
    shutil.copytree(clean, folder / "coco", symlinks=True)
    document = json.loads((folder / "coco/labels.json").read_bytes())
    for kind in kinds:
        try:
            {**FILE, **PEOPLE}[kind][0](document)
        except (TypeError, AttributeError, KeyError, IndexError, ValueError):
            continue  # the entry is no longer of a kind that this damage is for
    (folder / "coco/labels.json").write_text(json.dumps(document))
    data = coco(folder / "coco")
    assert json.dumps(check(data).to_json()) == json.dumps(check(data).to_json())
    same_after_repair(data, folder)
    shutil.rmtree(folder)

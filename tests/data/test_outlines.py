"""Outlines of COCO files: drawn as pycocotools draws them, refused where they cannot be, and never read for those who do not ask."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as official

from glasspose.configs.data import Coco, DrawnPeople
from glasspose.data import read
from glasspose.data.checking import check
from glasspose.data.outlines import cut_out, drawn, outlines_of, problem_of
from glasspose.errors import AnnotationError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HALF = [[2.0, 1.0, 6.0, 1.0, 6.0, 5.0, 2.0, 5.0]]
FILE = {
    "images": [{"id": 3, "file_name": "3.jpg"}],
    "categories": [{"id": 1, "name": "dot", "keypoints": ["one", "other"]}],
    "annotations": [
        {"id": 5, "image_id": 3, "category_id": 1, "bbox": [0, 0, 9, 9], "keypoints": [2, 2, 2, 5, 5, 2], "segmentation": HALF},
        {"id": 6, "image_id": 3, "category_id": 1, "bbox": [0, 0, 9, 9], "keypoints": [1, 2, 2, 5, 4, 2]},
    ],
}


def config(folder, outline=HALF, **options):
    first, second = FILE["annotations"]
    (folder / "labels.json").write_text(json.dumps(FILE | {"annotations": [first | {"segmentation": outline}, second]}))
    return Coco(root=folder, annotations="labels.json", images="images", **options)


def by_pycocotools(outline, size):
    made = official.frPyObjects(outline, *size)
    return official.decode(official.merge(made) if isinstance(made, list) else made).astype(bool)


POINTS = st.lists(st.tuples(st.floats(-15, 60), st.floats(-15, 60)), min_size=3, max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(POINTS, min_size=1, max_size=3), st.integers(1, 40), st.integers(1, 40))
def test_polygons_are_filled_as_pycocotools_fills_them(polygons, height, width):
    outline = [[float(v) for point in polygon for v in point] for polygon in polygons]
    assert problem_of(outline) == ""
    assert (drawn(outline, (height, width)) == by_pycocotools(outline, (height, width))).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(0, 8))
def test_runs_are_read_as_pycocotools_packs_them(seed, height, width, share):
    mask = np.random.default_rng(seed).random((height, width)) < share / 8
    packed = official.encode(np.asfortranarray(mask.astype(np.uint8)))
    outline = {"size": [height, width], "counts": packed["counts"].decode()}
    assert problem_of(outline) == ""
    assert (drawn(outline, (height, width)) == mask).all()
    flat = mask.T.ravel()
    borders = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    plain = outline | {"counts": np.diff(borders, prepend=0).tolist()}
    assert problem_of(plain) == ""
    assert (drawn(plain, (height, width)) == mask).all()


@pytest.mark.parametrize(
    "outline",
    [
        "all of it",
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[1, 2, 3, 4, 5, None]],
        [[1, 2, 3, 4, 5, float("nan")]],
        [[0, 0, 1e9, 0, 1e9, 1e9]],
        [HALF],
        {"counts": [3, 3]},
        {"size": [2, 3], "counts": [3, 4]},
        {"size": [2, 3], "counts": [-1, 7]},
        {"size": [2, 3], "counts": [3.0, 3.0]},
        {"size": [2, 3], "counts": []},
        {"size": [2, 3], "counts": "\x00"},
        {"size": [2, 3], "counts": "o" * 99},
        {"size": [2, 3], "counts": "3o"},
        {"size": [2, 3], "counts": "\u00fc"},
        {"size": [2.0, 3.0], "counts": [6]},
        {"size": [0, 3], "counts": [0]},
        {"size": "23", "counts": [6]},
    ],
)
def test_what_cannot_be_drawn_is_refused_where_it_is_asked_for_and_reported_by_the_check(tmp_path, outline):
    asked = config(tmp_path, outline)
    people = read(asked).annotations
    with pytest.raises(AnnotationError, match=r"annotation 5: .*`segmentation`") as refused:
        outlines_of(asked, people)
    assert "segmentation" in refused.value.remedy
    assert [(fault.where, fault.severity) for fault in check(asked).by_rule()["outline"]] == [("annotation 5", "warning")]


def test_a_sound_file_has_no_fault(tmp_path):
    assert "outline" not in check(config(tmp_path)).by_rule()


@pytest.mark.parametrize("outline", [None, [], {}])
def test_people_without_an_outline_have_none(tmp_path, outline):
    asked = config(tmp_path, outline)
    assert outlines_of(asked, read(asked).annotations) == [None, None]


def test_outlines_are_those_of_the_people_asked_about_in_their_order(tmp_path):
    asked = config(tmp_path)
    people = read(asked).annotations
    assert outlines_of(asked, people[::-1]) == [None, HALF]
    assert outlines_of(DrawnPeople(count=1, folder=tmp_path), people) == [None, None]
    heads = asked.model_copy(update={"skeleton": "head_box"})
    assert outlines_of(heads, people) == [None, None]


def test_reading_people_does_not_look_at_outlines(tmp_path, monkeypatch):
    monkeypatch.setattr("glasspose.data.outlines.problem_of", pytest.fail)
    assert len(read(config(tmp_path, "all of it"))) == 2


def test_runs_of_another_picture_are_refused():
    with pytest.raises(AnnotationError, match=r"\[2, 3\].*\[3, 2\]"):
        drawn({"size": [2, 3], "counts": [6]}, (3, 2))


def test_a_mask_goes_through_the_crop_with_its_picture():
    mask = drawn(HALF, (8, 8))
    assert mask.sum() == 16
    assert (cut_out(mask, np.eye(2, 3), (8, 8)) == mask).all()
    twice = cut_out(mask, np.array([[2, 0, 0.5], [0, 2, 0.5]]), (16, 16))
    assert (twice == mask.repeat(2, 0).repeat(2, 1)).all()
    moved = cut_out(np.ones((8, 8), bool), np.array([[1, 0, 3], [0, 1, 0]], np.float64), (8, 8))
    assert moved[:, 3:].all()
    assert not moved[:, :3].any()


@pytest.mark.parametrize("labels", ["person_keypoints_val2014_100_reconstructed", "person_keypoints_val2017_official_481imgs"])
def test_real_outlines_are_drawn_as_pycocotools_draws_them(data_root, labels):
    document = json.loads((data_root / f"golden/coco_oks/{labels}.json").read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    entries = document["annotations"][:40] + [entry for entry in document["annotations"] if entry["iscrowd"]][:5]
    for entry in entries:
        outline, size = entry["segmentation"], sizes[entry["image_id"]]
        assert problem_of(outline) == ""
        assert (drawn(outline, size) == by_pycocotools(outline, size)).all()

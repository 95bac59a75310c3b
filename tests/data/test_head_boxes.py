"""Head boxes: derived from two joints, taken from labels, and learnt as two keypoints."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Augmentation
from glasspose.data import read
from glasspose.data.head_boxes import ASPECT, DIAGONAL, derived_box, head_boxes
from glasspose.data.loading import PackedPeople
from glasspose.data.packing import pack
from glasspose.skeletons import FLIC, HEAD_BOX, LSP
from glasspose.structures import Annotation, Dataset
from recipes_for_tests import nano_recipe


def person(neck=(50.0, 60.0), top=(50.0, 28.0), labelled=True, **changes):
    keypoints = np.zeros((14, 2))
    keypoints[12], keypoints[13] = neck, top
    flags = np.full(14, labelled)
    values = {"image": Path("a.jpg"), "keypoints": keypoints, "labelled": flags, "occluded": np.zeros(14, bool), "box": np.array([0.0, 0, 90, 180])}
    return Annotation(**{**values, "area": 16200.0, "image_id": 1, "person_id": 1, **changes})


def made(*people, skeleton=LSP):
    return head_boxes(Dataset(name="d", skeleton=skeleton, annotations=people))


@given(st.floats(-200, 200), st.floats(-200, 200), st.floats(-3.1, 3.1), st.floats(2, 100))
def test_the_box_has_its_proportions_however_the_head_is_turned(x, y, angle, length):
    neck = np.array([x, y])
    top = neck + length * np.array([np.cos(angle), np.sin(angle)])
    box = derived_box(neck, top)
    width, height = box[2:] - box[:2]
    assert np.hypot(width, height) == pytest.approx(DIAGONAL * length)
    assert width / height == pytest.approx(ASPECT)
    assert (box[:2] + box[2:]) / 2 - 0.5 == pytest.approx((neck + top) / 2)
    assert derived_box(neck + 5, top + 5) == pytest.approx(box + 5)


def test_people_without_both_joints_are_left_out():
    lacking = person()
    lacking = replace(lacking, labelled=lacking.labelled & (np.arange(14) != 13))
    dataset = made(person(), lacking, person(top=(50.0, 60.0)))
    assert len(dataset) == 1
    assert dataset.skeleton == HEAD_BOX
    assert dataset.name == "d+head_box"


def test_the_labelled_box_comes_before_the_derived_one():
    own = np.array([40.0, 20.0, 66.0, 61.0])
    found = made(person(head_box=own)).annotations[0]
    assert found.keypoints.tolist() == [[39.5, 19.5], [65.5, 60.5]]
    assert found.torso == found.head == pytest.approx(np.hypot(26, 41))
    assert made(person(head_box=own, labelled=False)).annotations[0].keypoints.tolist() == found.keypoints.tolist()


def test_the_person_stays_what_is_cut_out():
    found = made(person()).annotations[0]
    assert found.box.tolist() == [0, 0, 90, 180]
    assert (found.labelled.all(), found.occluded.any()) == (True, False)


def test_a_skeleton_without_a_head_has_none():
    eleven = person()
    eleven = replace(eleven, keypoints=eleven.keypoints[:11], labelled=eleven.labelled[:11], occluded=eleven.occluded[:11])
    assert len(made(eleven, skeleton=FLIC)) == 0


@pytest.mark.data
def test_derived_boxes_overlap_mpiis_own(data_root):
    """The figures that the module states."""
    from scipy.io import loadmat

    truth = loadmat(data_root / "golden/mpii_pckh/detections_our_format.mat")
    boxes, joints = truth["headboxes_src"].transpose(2, 0, 1).reshape(-1, 4), truth["pos_gt_src"].transpose(2, 0, 1)
    both = (truth["jnt_missing"][[8, 9]] == 0).all(0)
    overlaps = [iou(derived_box(points[8], points[9]) - 0.5, box) for points, box in zip(joints[both], boxes[both], strict=True)]
    assert len(overlaps) == 2932
    assert np.median(overlaps) == pytest.approx(0.91, abs=0.005)
    assert np.mean(overlaps) == pytest.approx(0.89, abs=0.005)
    assert np.percentile(overlaps, 5) == pytest.approx(0.74, abs=0.005)


def iou(one, other):
    overlap = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    return overlap / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - overlap)


def test_a_configuration_asks_for_them(tmp_path):
    labelled, boxes = (read(DrawnPeople(count=3, folder=tmp_path, skeleton=kind)) for kind in ("labelled", "head_box"))
    assert len(boxes) == 3
    for person_, box in zip(labelled.annotations, boxes.annotations, strict=True):
        neck, top = person_.keypoints[[12, 13]]
        assert box.keypoints.mean(0) == pytest.approx((neck + top) / 2)
        assert (box.keypoints[0] < box.keypoints[1]).all()


def test_corners_are_never_mirrored(tmp_path):
    """A mirrored crop would need other corners: with a flip of 1 the top left one stays top left, and the picture as it is."""
    recipe = nano_recipe(tmp_path, data=DrawnPeople(count=2, folder=tmp_path / "d", skeleton="head_box"), augmentation=Augmentation(rotation=0))
    people = pack(read(recipe.data), tmp_path / "pack", recipe.packing)
    still = {"rotation": 0, "scale": 0, "translation": 0, "wide": 0, "close": 0, "cut": 0, "colour": 0, "grey": 0, "blur": 0, "occlusion": 0}
    flipped, plain = (PackedPeople([people], (64, 64), Augmentation(flip=flip, **still))[(0, 0)] for flip in (1.0, 0.0))
    assert np.array_equal(flipped["images"], plain["images"])
    assert np.array_equal(flipped["keypoints"], plain["keypoints"])
    assert (plain["keypoints"][0] < plain["keypoints"][1]).all()


@pytest.mark.usefixtures("one_thread")
def test_a_network_learns_where_heads_are(tmp_path):
    from glasspose.configs.codecs import Coordinates
    from glasspose.training import train
    from networks_for_tests import MODELS

    recipe = nano_recipe(
        tmp_path,
        model=MODELS["deeppose"].model_copy(update={"input_size": (64, 64), "dropout": 0.0}),
        codec=Coordinates(),
        data=DrawnPeople(count=24, folder=tmp_path / "d", skeleton="head_box"),
        augmentation=Augmentation(rotation=0, wide=0, close=0, cut=0),
        epochs=4,
    )
    trained = train(recipe, out=tmp_path / "run", packs=tmp_path / "packs")
    assert trained.history[-1]["train/loss"] < trained.history[0]["train/loss"]
    assert torch.isfinite(torch.tensor(trained.best_pck))

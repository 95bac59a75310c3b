"""Weights of one set of keypoints on people of another, by keypoint name."""

import numpy as np
import pytest

from glasspose.configs.data import Coco, Mpii
from glasspose.data import as_skeleton, read
from glasspose.evaluation import evaluate
from glasspose.prediction import load
from glasspose.skeletons import COCO, FLIC, LSP, MPII, SKELETONS, shared_keypoints
from label_files_for_tests import mpii_json

SAME = {"upper_neck": "neck", "neck": "upper_neck"}


PEOPLE = [skeleton for skeleton in SKELETONS.values() if skeleton.name != "head_box"]


@pytest.mark.parametrize("source", PEOPLE, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("target", PEOPLE, ids=lambda skeleton: skeleton.name)
def test_shared_keypoints_are_told_by_name(source, target):
    pairs = shared_keypoints(source, target)
    assert pairs
    assert len({i for i, _ in pairs}) == len({i for _, i in pairs}) == len(pairs)
    for i, k in pairs:
        assert target.keypoints[i] in (source.keypoints[k], SAME.get(source.keypoints[k]))
    assert {(k, i) for i, k in shared_keypoints(target, source)} == set(pairs)


@pytest.mark.parametrize(
    ("source", "target", "count"), [(MPII, LSP, 14), (LSP, MPII, 14), (COCO, LSP, 12), (COCO, MPII, 12), (FLIC, COCO, 11), (FLIC, MPII, 8)]
)
def test_how_many_are_shared(source, target, count):
    assert len(shared_keypoints(source, target)) == count


def test_what_a_set_lacks_is_not_labelled(tmp_path):
    mpii_json(tmp_path)
    dataset = read(Mpii(root=tmp_path, labels="mpii_annotations.json", split="all"))
    person = as_skeleton(dataset, COCO).annotations[0]
    known = [name for name, labelled in zip(COCO.keypoints, person.labelled, strict=True) if labelled]
    assert set(COCO.keypoints) - set(known) == {"nose", "left_eye", "right_eye", "left_ear", "right_ear"}
    assert np.array_equal(person.keypoints[COCO.index("left_hip")], dataset.annotations[0].keypoints[MPII.index("left_hip")])


@pytest.mark.data
def test_weights_of_lsp_on_five_pictures_of_mpii(data_root, one_thread):
    data = Mpii(root=data_root / "mpii", labels="mpii_five_images.json", split="all")
    report = evaluate("hourglass-tiny-lsp", data, flip_test=False)
    assert report["n"] == 5
    assert set(report["pckh@0.5"]["per_keypoint"]) == set(LSP.keypoints)
    assert report["pckh@0.5"]["counts"]["neck"] == 5
    assert report["pckh@0.5"]["counts"]["left_ankle"] == 3
    assert report["pck@0.2"]["per_keypoint"]["neck"] >= 0.6


@pytest.mark.data
def test_the_neck_of_lsp_is_the_upper_neck_of_mpii(data_root, one_thread):
    """What the mapping of names rests on: a network that learned LSP's neck points nearer to the upper neck than to the thorax."""
    predictor = load("hourglass-tiny-lsp")
    for person in read(Mpii(root=data_root / "mpii", labels="mpii_five_images.json", split="all")).annotations:
        said = predictor.predict(person.image, [person.box]).keypoints[0][LSP.index("neck")]
        upper, lower = (float(np.linalg.norm(said - person.keypoints[MPII.index(name)])) for name in ("upper_neck", "thorax"))
        assert upper < lower


@pytest.mark.data
@pytest.mark.slow
def test_weights_of_lsp_on_coco(data_root, one_thread):
    report = evaluate("hourglass-tiny-lsp", Coco(root=data_root / "coco", split="val", minimum_area=96.0**2), flip_test=False)
    counts = report["pck@0.2"]["counts"]
    assert counts["neck"] == counts["head_top"] == 0
    assert counts["left_hip"] > 50
    assert report["pck@0.2"]["per_keypoint"]["left_shoulder"] > 0.3
    assert report["pck@0.2"]["per_keypoint"]["neck"] is None

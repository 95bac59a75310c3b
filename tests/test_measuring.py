import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from commands_for_tests import ROOT
from glasspose.configs.framing import Framing
from glasspose.measuring import match, numbers
from glasspose.skeletons import LSP, MPII, Skeleton
from glasspose.structures import Annotation

BOX = Skeleton(name="head_box", keypoints=("top_left", "bottom_right"))


def people(skeleton, n=5, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Annotation(
            image=Path(f"{i}.jpg"),
            keypoints=rng.uniform(20, 230, (len(skeleton), 2)),
            labelled=np.ones(len(skeleton), bool),
            occluded=np.zeros(len(skeleton), bool),
            box=np.array([0.0, 0, 250, 250]),
            area=1e4,
            torso=None if skeleton == BOX else 60.0,
            head=None if skeleton == BOX else 30.0,
            image_id=i,
            person_id=i,
        )
        for i in range(n)
    ]


def told_of(everyone, offset=0.0):
    points = np.stack([person.keypoints for person in everyone]) + offset
    return np.concatenate([points, np.ones((*points.shape[:2], 1))], -1)


def measured(skeleton, offset=0.0, names=()):
    everyone = people(skeleton)
    told = told_of(everyone, offset)
    return numbers(told, everyone, match(told, everyone, skeleton, (256, 256), Framing()), names)


def valid(part):
    schema = json.loads((ROOT / "docs/schemas/evaluation.schema.json").read_text())
    Draft202012Validator({**schema, "required": []}).validate(json.loads(json.dumps(part)))


def test_boxes_are_measured_as_boxes():
    report = measured(BOX, 3.0).report
    valid(report)
    assert report["boxes"]["mse"]["value"] == pytest.approx(9.0)
    assert 0 < report["boxes"]["iou"]["value"] < 1
    assert "pck@0.2" not in report
    assert measured(BOX).report["boxes"]["iou@0.5"]["value"] == 1.0
    assert "boxes" not in measured(LSP).report


def test_mpii_has_its_table_and_both_means():
    report = measured(MPII, np.where(np.isin(MPII.keypoints, ["pelvis", "head_top"]), 16.0, 0.0)[:, None] * [1, 0]).report
    valid(report)
    assert report["mpii"]["row"]["Head"] == 0.0
    assert report["mpii"]["mean_14_joints"]["value"] == pytest.approx(13 / 14)
    assert report["mpii"]["pooled_16_joints"]["value"] == pytest.approx(14 / 16)
    assert "mpii" not in measured(LSP).report


def test_groups_sides_and_corners_stand_in_every_report():
    report = measured(LSP, np.where(["left" in name for name in LSP.keypoints], 13.0, 0.0)[:, None] * [1, 0]).report
    valid(report)
    assert {side: share["value"] for side, share in report["pck@0.2"]["sides"].items()} == {"left": 0.0, "right": 1.0}
    assert report["pck@0.2"]["groups"]["wrists"] == {"value": 0.5, "interval": (0.5, 0.5)}
    assert report["epe"]["groups"]["wrists"]["value"] == pytest.approx(6.5)
    assert report["corners"]["labelled"]["value"] == 0.0


def test_the_thesis_sees_the_evaluation_square():
    """A box of 250 pixels and a quarter more: 64 cells over 312.5 pixels, 4.88 each; 3 cells are right, 4 are not."""
    for offset, right in ((12.0, 1.0), (20.0, 0.0)):
        assert measured(LSP, [offset, 0.0], ["thesis"]).report["protocols"]["thesis"]["value"] == right


def test_the_grid_has_the_aspect_of_the_input():
    everyone = people(LSP)
    matched = match(told_of(everyone), everyone, LSP, (256, 192), Framing())
    assert matched.grid == (64, 48)
    assert np.abs(np.linalg.det(matched.to_grid[:, :, :2])) ** 0.5 == pytest.approx(np.full(5, 48 / (250 * 1.25)))


def test_a_network_that_answers_with_the_corner_is_noticed():
    """The evaluation square begins 31 pixels left of the box, and above it."""
    everyone = people(LSP)
    told = told_of(everyone)
    told[:, :7, :2] = -25.0
    report = numbers(told, everyone, match(told, everyone, LSP, (256, 256), Framing())).report
    assert report["corners"]["labelled"]["value"] == 0.5
    assert report["corners"]["labels"]["value"] == 0.0


def test_what_is_kept_gives_the_printed_numbers():
    found = measured(LSP, [11.0, 5.0], ["thesis", "limbs", "pcp"])
    assert found.kept.scores.keys() == {"pck@0.2", "pck@0.1", "pckh@0.5", "epe", "thesis", "limbs", "pcp"}
    for name, kept in found.kept.scores.items():
        told = found.report.get(name) or found.report["protocols"][name]
        values = np.where(kept.counted, kept.values, 0).sum(0) / np.maximum(kept.counted.sum(0), 1)
        known = [value for value in told["per_keypoint"].values() if value is not None]
        assert values[kept.counted.any(0)] == pytest.approx(known)

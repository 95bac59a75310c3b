from pathlib import Path

import numpy as np
import pytest

from glasspose.data.heads import HEAD_TOP, NECK, with_heads
from glasspose.skeletons import COCO
from glasspose.structures import Annotation, Dataset

STATURE = 1000.0
HEIGHTS = {"shoulder": 0.818, "chin": 0.870, "eye": 0.936, "top": 1.0}
"""Of Drillis and Contini (1966), as shares of the stature."""
UPRIGHT = {
    "left_shoulder": (629, -818),
    "right_shoulder": (371, -818),
    "left_eye": (532, -936),
    "right_eye": (468, -936),
    "left_ear": (570, -936),
    "right_ear": (430, -936),
    "nose": (500, -910),
}


def person(points):
    keypoints, labelled = np.zeros((17, 2)), np.zeros(17, bool)
    for name, point in points.items():
        keypoints[COCO.index(name)], labelled[COCO.index(name)] = point, True
    flags = np.zeros(17, bool)
    flags[0] = True
    box = np.array([0.0, 0, 10, 10])
    return Annotation(
        image=Path("a.jpg"), keypoints=keypoints, labelled=labelled, occluded=flags, box=box, area=1.0, torso=5.0, image_id=1, person_id=2
    )


def derived(points):
    """The person with a head, and the skeleton."""
    dataset = with_heads(Dataset(name="people", skeleton=COCO, annotations=[person(points)]))
    return dataset.annotations[0], dataset.skeleton


def without(*names):
    return {name: point for name, point in UPRIGHT.items() if name not in names}


def test_an_upright_person_gets_neck_and_head_top_where_anthropometry_says():
    """The neck lies between chin and shoulders, the top at the stature."""
    found, skeleton = derived(UPRIGHT)
    neck, top = found.keypoints[skeleton.index("neck")], found.keypoints[skeleton.index("head_top")]
    assert neck == pytest.approx([500, -818 - NECK * 118])
    assert top == pytest.approx([500, -818 - HEAD_TOP * 118])
    assert -HEIGHTS["chin"] * STATURE < neck[1] < -HEIGHTS["shoulder"] * STATURE
    assert top[1] == pytest.approx(-STATURE, abs=2)
    assert found.head == pytest.approx((HEAD_TOP - NECK) * 118)


def test_the_rest_of_the_person_stays_as_it_was():
    found, skeleton = derived(UPRIGHT)
    old = person(UPRIGHT)
    assert np.array_equal(found.keypoints[:17], old.keypoints)
    assert np.array_equal(found.labelled, [*old.labelled, True, True])
    assert np.array_equal(found.occluded, [*old.occluded, False, False])
    assert (found.torso, found.image_id, found.person_id) == (5.0, 1, 2)
    assert skeleton.keypoints == (*COCO.keypoints, "neck", "head_top")
    assert (skeleton.name, skeleton.flip[17:], skeleton.head, skeleton.limbs[-1]) == ("coco+head", (17, 18), (17, 18), (18, 17))


def test_the_head_turns_and_grows_with_the_person():
    turn = 2.5 * np.array([[0.0, -1.0], [1.0, 0.0]])
    upright, turned = (derived(points)[0] for points in (UPRIGHT, {name: turn @ point for name, point in UPRIGHT.items()}))
    assert turned.keypoints[17:] == pytest.approx(upright.keypoints[17:] @ turn.T)


@pytest.mark.parametrize("gone", [("left_ear", "right_ear"), ("left_ear",), ("left_eye", "left_ear")])
def test_ears_and_one_eye_may_be_missing(gone):
    assert derived(without(*gone))[0].labelled[17:].all()


@pytest.mark.parametrize("gone", [("left_shoulder",), ("right_shoulder",), ("left_eye", "right_eye"), tuple(UPRIGHT)])
def test_without_both_shoulders_and_an_eye_there_is_no_head(gone):
    found, _ = derived(without(*gone))
    assert not found.labelled[17:].any()
    assert found.head is None
    assert np.isfinite(found.keypoints).all()


@pytest.mark.parametrize(("height", "there"), [(0.0, False), (0.3, False), (0.4, True), (-0.4, True)])
def test_a_bent_head_is_not_derived(height, there):
    """Eyes at the height of the shoulders: seen from above. 258 pixels lie between the shoulders."""
    bent = {name: (x, -818 - height * 258) if "shoulder" not in name else (x, y) for name, (x, y) in UPRIGHT.items()}
    assert derived(bent)[0].labelled[17:].all() == there


def test_shoulders_in_profile_are_no_reason_to_leave_the_head_out():
    profile = {name: (500 + 0.05 * (x - 500), y) for name, (x, y) in UPRIGHT.items()}
    assert derived(profile)[0].labelled[17:].all()

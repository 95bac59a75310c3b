"""Keypoint sets: mirror pairs from names, JSON, COCO categories, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.errors import AnnotationError
from glasspose.skeletons import COCO, FLIC, HEAD_BOX, LSP, MPII, SKELETONS, Skeleton, skeleton_from_coco, skeleton_from_json

ALL = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=list(SKELETONS))


@ALL
def test_the_mirror_twin_is_the_other_side_of_the_same_place(skeleton):
    swapped = [skeleton.keypoints[i] for i in skeleton.flip]
    other = {"left": "right", "right": "left"}
    if not skeleton.mirrors:
        assert skeleton is HEAD_BOX
        return
    assert swapped == ["_".join(other.get(word, word) for word in name.split("_")) for name in skeleton.keypoints]
    assert all(skeleton.keypoints[left].startswith("left") for left, _ in skeleton.pairs)


@ALL
def test_mirroring_twice_changes_nothing(skeleton):
    assert [skeleton.flip[i] for i in skeleton.flip] == list(range(len(skeleton)))


@ALL
def test_limbs_join_different_keypoints_once_and_reach_all(skeleton):
    assert len({frozenset(limb) for limb in skeleton.limbs}) == len(skeleton.limbs)
    assert all(a != b for a, b in skeleton.limbs)
    assert {i for limb in skeleton.limbs for i in limb} == set(range(len(skeleton)))


@ALL
def test_json_and_back(skeleton):
    assert skeleton_from_json(json.loads(json.dumps(skeleton.to_json()))) == skeleton


PLACES = st.lists(st.text("abcdxyz", min_size=2, max_size=6), min_size=1, max_size=8, unique=True)


@given(places=PLACES, single=st.sampled_from([[], ["nose"], ["tail", "tip"]]))
def test_pairs_come_from_names_whatever_their_order(places, single):
    names = tuple([f"right_{place}" for place in places] + single + [f"left_{place}" for place in reversed(places)])
    skeleton = skeleton_from_coco({"name": "x", "keypoints": list(names)})
    assert {(names[a], names[b]) for a, b in skeleton.pairs} == {(f"left_{place}", f"right_{place}") for place in places}
    assert [skeleton.flip[i] for i in skeleton.flip] == list(range(len(names)))


@pytest.mark.parametrize(
    ("left", "right"), [("left_ear", "right_ear"), ("ear_L", "ear_R"), ("L-Ear", "R-Ear"), ("l_ear", "r_ear"), ("front_left_paw", "front_right_paw")]
)
def test_ways_to_name_a_side(left, right):
    assert skeleton_from_coco({"keypoints": [right, "nose", left]}).pairs == ((2, 0),)


def test_names_without_a_clear_side_have_no_twin():
    assert skeleton_from_coco({"keypoints": ["left_ear", "rear", "lip", "left_right_x", "right_tail"]}).pairs == ()


def test_counts_and_reference_lengths_of_the_field():
    assert {name: len(skeleton) for name, skeleton in SKELETONS.items()} == {"coco": 17, "mpii": 16, "lsp": 14, "flic": 11, "head_box": 2}
    assert [LSP.keypoints[i] for i in (0, 5, 6, 11, 12, 13)] == ["right_ankle", "left_ankle", "right_wrist", "left_wrist", "neck", "head_top"]
    assert [MPII.keypoints[i] for i in (6, 7, 8, 9)] == ["pelvis", "thorax", "upper_neck", "head_top"]
    assert LSP.torso == (2, 9)
    assert [FLIC.keypoints[i] for i in FLIC.torso] == ["right_shoulder", "left_hip"]
    assert (LSP.head, MPII.head, COCO.head) == ((12, 13), (8, 9), None)


def test_sigmas_are_those_of_coco_and_alike_on_both_sides():
    assert COCO.sigmas[:5] == (0.026, 0.025, 0.025, 0.035, 0.035)
    assert all(COCO.sigmas[a] == COCO.sigmas[b] for a, b in COCO.pairs)
    assert (MPII.sigmas, LSP.sigmas, FLIC.sigmas) == (None, None, None)


def test_the_category_of_coco_is_coco():
    category = {"id": 1, "name": "person", "keypoints": list(COCO.keypoints), "skeleton": [[16, 14]]}
    assert skeleton_from_coco(category) is COCO
    other = skeleton_from_coco(category, sigmas=[0.1] * 17)
    assert (other.sigmas, other.limbs, other.torso) == ((0.1,) * 17, ((15, 13),), COCO.torso)


@pytest.mark.data
def test_the_category_of_the_real_file_is_coco(data_root):
    document = json.loads((data_root / "coco" / "annotations" / "person_keypoints_val2017.json").read_text())
    (category,) = document["categories"]
    assert skeleton_from_coco(category) is COCO
    drawn = {frozenset((a - 1, b - 1)) for a, b in category["skeleton"]}
    assert {frozenset(limb) for limb in COCO.limbs} <= drawn


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": ()}, "different names"),
        ({"keypoints": ("a", "a", "b")}, "different names"),
        ({"pairs": ((0, 3),)}, "pairs point outside"),
        ({"limbs": ((-1, 0),)}, "limbs point outside"),
        ({"torso": (0, 7)}, "torso point outside"),
        ({"head": (3, 0)}, "head point outside"),
        ({"pairs": ((0, 1), (1, 2))}, "two left/right pairs"),
        ({"sigmas": (0.1, 0.1)}, "2 OKS sigmas for 3"),
        ({"sigmas": (0.1, 0.1, 0.0)}, "OKS sigmas"),
    ],
)
def test_what_is_no_skeleton_is_refused(changes, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        Skeleton(**({"name": "x", "keypoints": ("a", "b", "c")} | changes))
    assert caught.value.remedy


@pytest.mark.parametrize("category", [{}, {"keypoints": []}, {"keypoints": "abc"}, {"keypoints": [1, 2]}, {"keypoints": ["a"], "skeleton": [1]}])
def test_what_is_no_category_is_refused(category):
    with pytest.raises(AnnotationError):
        skeleton_from_coco(category)


@pytest.mark.parametrize(
    "changes", [{"keypoints": None}, {"pairs": [[0]]}, {"pairs": [["a", "b"]]}, {"sigmas": "ab"}, {"torso": 3}, {"limbs": [[0, 99]]}, {"head": [0]}]
)
def test_what_is_no_json_skeleton_is_refused(changes):
    with pytest.raises(AnnotationError):
        skeleton_from_json(LSP.to_json() | changes)
    with pytest.raises(AnnotationError):
        skeleton_from_json({key: value for key, value in LSP.to_json().items() if key not in changes})


def test_a_keypoint_is_found_by_name():
    assert LSP.keypoints[LSP.index("left_knee")] == "left_knee"
    with pytest.raises(AnnotationError, match=r"no keypoint 'nose'.*right_ankle"):
        LSP.index("nose")


def test_coco_has_the_nineteen_limbs_of_its_category():
    assert len(COCO.limbs) == 19


@pytest.mark.parametrize(
    ("names", "mirrors"),
    [
        (("left_eye", "right_eye", "nose"), True),
        (("a", "b"), True),
        (("left_eye", "nose"), False),
        (("top_left", "bottom_right"), False),
        (("Right_Paw", "Left_Paw"), True),
    ],
)
def test_people_can_be_mirrored_where_every_side_has_its_twin(names, mirrors):
    assert skeleton_from_coco({"name": "x", "keypoints": list(names)}).mirrors == mirrors


def test_every_skeleton_of_the_field_has_a_mirror_image_but_that_of_corners():
    assert [name for name, skeleton in SKELETONS.items() if not skeleton.mirrors] == ["head_box"]


@pytest.mark.parametrize(
    ("names", "corners"),
    [
        (("head_top_left", "head_bottom_right"), (0, 1)),
        (("paw_bottom_right", "paw_top_left"), (1, 0)),
        (("head_top_left", "paw_bottom_right"), None),
        (("head_top_left", "head_bottom_right", "nose"), None),
        (("a", "b"), None),
    ],
)
def test_two_corners_of_one_box_are_known_by_name(names, corners):
    assert skeleton_from_coco({"name": "x", "keypoints": list(names)}).corners == corners

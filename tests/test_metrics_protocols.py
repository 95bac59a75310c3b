from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples_for_tests import examples
from glasspose.errors import UsageError
from glasspose.metrics import Matched, box_scores, corners, groups_of, iou, limbs_of, measure, protocol, protocols, sides_of
from glasspose.skeletons import COCO, FLIC, LSP, MPII, Skeleton

seeds = st.integers(0, 2**32 - 1)
WHOLE = np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]])
"""Pixels of 256 x 256 to cells of 64 x 64."""


def matched(offsets, labelled=None, skeleton=COCO, *, truth=None, occluded=None, torso=50.0, head=20.0):
    """People whose keypoints are off by `offsets` (N, K, 2) pixels; by default all at (100, 100)."""
    offsets = np.asarray(offsets, float)
    shape = offsets.shape[:2]
    truth = np.full((*shape, 2), 100.0) if truth is None else np.asarray(truth, float)
    return Matched(
        skeleton=skeleton,
        predicted=truth + offsets,
        truth=truth,
        labelled=np.ones(shape, bool) if labelled is None else labelled,
        occluded=np.zeros(shape, bool) if occluded is None else occluded,
        torso=np.full(shape[0], torso),
        head=np.full(shape[0], head),
        image_ids=np.arange(shape[0]),
        to_grid=np.tile(WHOLE, (shape[0], 1, 1)),
    )


def off_by(skeleton, places, n=1):
    """Offsets of `n` people: (x, y) for each named keypoint, nothing for the others."""
    offsets = np.zeros((n, len(skeleton), 2))
    for name, offset in places.items():
        offsets[:, skeleton.index(name)] = offset
    return offsets


def random_people(seed, skeleton=COCO, n=12, noise=15.0):
    rng = np.random.default_rng(seed)
    shape = (n, len(skeleton))
    told = matched(
        rng.normal(0, noise, (*shape, 2)),
        rng.random(shape) < 0.8,
        skeleton,
        truth=rng.uniform(10, 245, (*shape, 2)),
        occluded=rng.random(shape) < 0.3,
    )
    return replace(told, torso=rng.uniform(20, 80, n), head=rng.uniform(10, 40, n), image_ids=rng.integers(0, n, n))


def value(told, name):
    return measure(told, name).overall.value


@pytest.mark.parametrize(
    ("pixels", "right"),
    [(12, True), (15, True), (16, False), (40, False), (-12, True), (-14, False)],
)
def test_the_thesis_counts_whole_cells_below_3_2(pixels, right):
    """Three cells of four pixels are right, four are wrong. 100 pixels lie in cell 25 (24.6), 115 in 28 (28.4), 116 in 29 (28.6), 86 in 21."""
    assert value(matched(off_by(COCO, {"nose": (pixels, 0)})), "thesis") == pytest.approx(1.0 if right else 16 / 17)


def test_the_threshold_itself_is_wrong_in_the_thesis_and_right_elsewhere():
    told = matched(off_by(COCO, {"nose": (10, 0)}))
    assert value(told, "torso@0.2") == 1.0
    assert value(told, "torso@0.2:strict") == pytest.approx(16 / 17)


def test_the_thesis_averages_people_and_not_keypoints():
    """Person 1 has one keypoint, which is wrong; person 2 has three, all right."""
    labelled = np.zeros((2, 17), bool)
    labelled[0, 0] = labelled[1, :3] = True
    offsets = np.zeros((2, 17, 2))
    offsets[0, 0] = 40
    told = matched(offsets, labelled)
    assert value(told, "thesis") == 0.5
    assert value(told, "thesis:joints") == 0.75
    assert value(told, "thesis:keypoints") == pytest.approx((0.5 + 1 + 1) / 3)


def test_visible_only_and_its_original_divisor():
    """Of four people one has no visible keypoint: the original divides by four all the same."""
    occluded = np.zeros((4, 17), bool)
    occluded[3] = True
    occluded[0, 1:] = True
    offsets = np.zeros((4, 17, 2))
    offsets[0, 0] = 40
    told = matched(offsets, occluded=occluded)
    assert value(told, "thesis_visible") == pytest.approx(2 / 3)
    assert value(told, "thesis_visible:everybody") == pytest.approx(2 / 4)


def test_labels_off_the_grid_are_not_judged_and_predictions_are_moved_onto_it():
    truth = np.full((1, 17, 2), 250.0)
    truth[0, 0] = 300
    told = matched(np.full((1, 17, 2), 1000.0), truth=truth)
    assert measure(told, "thesis").score.counts[0] == 0
    assert value(told, "thesis") == 1.0


def test_limbs_of_the_thesis_are_pooled_by_pairs():
    """Elbows half right, wrists with one label and wrong, knees and ankles unlabelled: the mean of 1/2 and 0."""
    labelled = np.zeros((1, 17), bool)
    labelled[0, [COCO.index(name) for name in ("left_elbow", "right_elbow", "left_wrist", "nose")]] = True
    told = matched(off_by(COCO, {"left_elbow": (40, 0), "left_wrist": (40, 0)}), labelled)
    assert value(told, "thesis_limbs") == 0.25
    assert value(told, "thesis_limbs:joints") == pytest.approx(1 / 3)


def test_limbs_leave_head_and_torso_out():
    told = matched(off_by(MPII, {"head_top": (90, 0), "left_hip": (90, 0), "left_knee": (90, 0)}), skeleton=MPII)
    assert value(told, "limbs") == pytest.approx(7 / 8)


def test_head_box_and_head_segment_are_different_units():
    truth = np.zeros((1, 16, 2))
    truth[0, MPII.index("head_top")] = (0, 26.66)
    told = matched(off_by(MPII, {"left_ankle": (12, 0)}), skeleton=MPII, truth=truth, head=20.0)
    assert value(told, "head_box@0.5") == pytest.approx(15 / 16)
    assert value(told, "head_segment@0.5") == 1.0


def test_a_head_segment_is_not_a_head_box():
    truth = np.zeros((1, 14, 2))
    truth[0, LSP.index("head_top")] = (0, 20)
    with pytest.raises(UsageError, match="no head boxes"):
        measure(matched(np.zeros((1, 14, 2)), skeleton=LSP, truth=truth, head=20.0), "head_box@0.5")


def test_both_means_of_mpii():
    told = matched(off_by(MPII, {"pelvis": (90, 0), "left_ankle": (90, 0)}), skeleton=MPII, truth=np.ones((1, 16, 2)))
    assert value(told, "pckh") == pytest.approx(13 / 14)
    assert value(told, "pckh_pooled") == pytest.approx(14 / 16)


def test_flic_is_measured_in_the_way_from_right_shoulder_to_left_hip():
    truth = np.zeros((1, 11, 2))
    truth[0, FLIC.index("left_hip")] = (30, 40)
    told = matched(off_by(FLIC, {"left_wrist": (6, 8), "right_wrist": (6, 8.1)}), skeleton=FLIC, truth=truth, torso=0.0)
    assert measure(told, "flic").score.per_keypoint[FLIC.index("left_wrist")] == 1.0
    assert value(told, "flic") == pytest.approx(10 / 11)
    with pytest.raises(UsageError, match="'head_top'"):
        measure(told, "flic_torso@0.2:visible") and matched(np.zeros((1, 11, 2)), skeleton=FLIC).between("head_top", "nose")


def uvic_people(**missing):
    truth = np.full((1, 17, 2), 100.0)
    truth[0, COCO.index("left_hip"), 0] = 150
    truth[0, COCO.index("left_eye"), 0] = 110
    labelled = np.ones((1, 17), bool)
    labelled[0, [COCO.index(name) for name in missing]] = False
    return truth, labelled


@pytest.mark.parametrize(
    ("missing", "tolerance"),
    [({}, 10.0), ({"left_hip": 0}, 2.0), ({"left_hip": 0, "right_eye": 0}, 5.0)],
)
def test_the_unit_of_uvic_and_its_fallbacks(missing, tolerance):
    truth, labelled = uvic_people(**missing)
    for offset, right in ((tolerance, 1.0), (tolerance + 0.01, 0.0)):
        told = matched(off_by(COCO, {"left_ankle": (offset, 0)}), labelled, truth=truth)
        assert measure(told, "uvic_x_only").score.per_keypoint[COCO.index("left_ankle")] == right


def test_uvic_ignores_y_and_counts_missing_keypoints_that_are_answered_with_0_0():
    truth, labelled = uvic_people(nose=0)
    offsets = off_by(COCO, {"left_ankle": (0, 500), "nose": (-100, -100)})
    told = matched(offsets, labelled, truth=truth)
    buggy = measure(told, "uvic_x_only").score
    assert (buggy.per_keypoint[COCO.index("left_ankle")], buggy.counts[0], buggy.per_keypoint[0]) == (1.0, 1, 1.0)
    true = measure(told, "uvic").score
    assert (true.per_keypoint[COCO.index("left_ankle")], true.counts[0]) == (0.0, 0)


@given(seeds)
@settings(max_examples=examples(30))
def test_the_distance_in_x_alone_never_scores_lower(seed):
    told = random_people(seed)
    for unit in ("uvic@1", "torso@0.2", "pixels@10"):
        true, buggy = measure(told, unit), measure(told, f"{unit}:x_only")
        assert (buggy.values >= true.values).all()
        assert buggy.overall.value >= true.overall.value


EVERY = ["torso@0.2", "head_segment@0.5", "thesis", "thesis_visible:everybody", "thesis_limbs", "limbs", "flic", "uvic_x_only", "pcp", "pdj@0.3"]


@given(seeds, st.permutations(range(12)))
@settings(max_examples=examples(15))
def test_the_order_of_people_changes_nothing(seed, order):
    told = random_people(seed, MPII)
    arrays = ("predicted", "truth", "labelled", "occluded", "torso", "head", "image_ids", "to_grid")
    moved = replace(told, **{name: getattr(told, name)[list(order)] for name in arrays})
    for name in (name for name in EVERY if name != "uvic_x_only"):
        assert value(moved, name) == pytest.approx(value(told, name), nan_ok=True)


@given(seeds, st.sampled_from([0.25, 2.0, 16.0]))
@settings(max_examples=examples(20))
def test_a_larger_picture_scores_the_same(seed, factor):
    """Powers of two, so that no rounding hides in it."""
    told = random_people(seed, MPII)
    grid = told.to_grid.copy()
    grid[..., :2] /= factor
    larger = replace(
        told, predicted=told.predicted * factor, truth=told.truth * factor, torso=told.torso * factor, head=told.head * factor, to_grid=grid
    )
    for name in ("torso@0.2", "head@0.5", "head_segment@0.5", "thesis", "flic", "limbs", "pcp"):
        assert measure(larger, name).overall.value == measure(told, name).overall.value, name


@given(seeds, st.sampled_from(["torso@0.2", "thesis", "thesis_limbs", "torso@0.2:joints", "pixels@12:visible"]))
@settings(max_examples=examples(30))
def test_masking_people_is_removing_them(seed, name):
    told = random_people(seed)
    half = np.arange(12) < 6
    masked = replace(told, labelled=told.labelled & half[:, None])
    arrays = ("predicted", "truth", "labelled", "occluded", "torso", "head", "image_ids", "to_grid")
    removed = replace(told, **{key: getattr(told, key)[half] for key in arrays})
    one, other = measure(masked, name), measure(removed, name)
    assert one.overall.value == pytest.approx(other.overall.value, nan_ok=True)
    assert one.overall.interval == pytest.approx(other.overall.interval)
    assert one.parts.keys() == other.parts.keys()
    assert one.score.per_keypoint == other.score.per_keypoint


def test_what_missing_keypoints_are_said_to_be_changes_nothing():
    told = random_people(3)
    junk = replace(told, truth=np.where(told.labelled[..., None], told.truth, 1e5))
    for name in (name for name in EVERY if name not in ("uvic_x_only", "head_segment@0.5")):
        assert measure(junk, name).to_json() == measure(told, name).to_json(), name


def test_parts_of_the_body_by_hand():
    told = matched(off_by(MPII, {"left_wrist": (90, 0), "left_ankle": (90, 0), "right_ankle": (90, 0)}, n=2), skeleton=MPII)
    parts = {part: share.value for part, share in measure(told, "torso@0.2").parts.items()}
    assert parts == {
        "head": 1.0, "shoulders": 1.0, "elbows": 1.0, "wrists": 0.5, "hips": 1.0, "knees": 1.0, "ankles": 0.0, "left": 4 / 6, "right": 5 / 6,
    }  # fmt: skip
    assert measure(told, "torso@0.2").parts["wrists"].interval == (0.5, 0.5)


def test_groups_and_sides_by_name():
    assert [MPII.keypoints[k] for k in groups_of(MPII.keypoints)["head"]] == ["head_top"]
    assert len(groups_of(COCO.keypoints)["head"]) == 5
    assert limbs_of(MPII.keypoints) == tuple(k for k in range(16) if MPII.keypoints[k].split("_")[-1] in ("elbow", "wrist", "knee", "ankle"))
    assert sides_of(("l_paw", "R-Paw", "tail")) == {"left": (0,), "right": (1,)}
    assert groups_of(("tail",)) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torzo@0.2", "Known are"),
        ("torso", "no threshold"),
        ("torso@x", "no threshold"),
        ("torso@-1", "no threshold"),
        ("torso@nan", "no threshold"),
        ("torso@0.2:visibel", "Words are"),
    ],
)
def test_names_that_are_not_understood(name, words):
    with pytest.raises(UsageError, match=words):
        protocol(name)


def test_pdj_stands_for_its_thresholds():
    told = protocols(["pdj", "pcp", "pdj@0.2"])
    assert [p if isinstance(p, str) else (p.name, p.threshold) for p in told] == [*((f"pdj@{t}", t) for t in (0.1, 0.2, 0.3, 0.4, 0.5)), "pcp"]


def test_a_skeleton_without_the_ends_of_a_unit_is_refused():
    for name in ("head_segment@0.5", "uvic@1"):
        with pytest.raises(UsageError, match="has no"):
            measure(matched(np.zeros((1, 2, 2)), skeleton=Skeleton(name="box", keypoints=("a", "b"))), name)


def test_boxes_by_hand():
    truth = np.array([[[0.0, 0], [10, 10]], [[0, 0], [10, 10]], [[0, 0], [10, 10]]])
    given_ = truth + np.array([[[0.0, 0], [0, 0]], [[5, 0], [5, 0]], [[100, 100], [100, 100]]])
    found = box_scores(given_, truth, np.ones((3, 2), bool), np.arange(3))
    assert iou(given_, truth) == pytest.approx([1, 1 / 3, 0])
    assert found.mse.value == pytest.approx((0 + 12.5 + 10000) / 3)
    assert (found.iou.value, found.found.value, found.n) == (pytest.approx(4 / 9), pytest.approx(1 / 3), 3)
    assert iou(given_[:, ::-1], truth) == pytest.approx([1, 1 / 3, 0])
    half = box_scores(given_, truth, np.array([[True, True], [True, False], [False, False]]), np.arange(3))
    assert (half.n, half.iou.value) == (1, 1.0)
    with pytest.raises(UsageError, match="two corners"):
        box_scores(np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), np.ones((1, 3), bool), np.arange(1))


def test_predictions_in_a_corner_are_counted():
    """One of four labelled and the only missing one lie at the square's top left; its middle top is no corner."""
    skeleton = Skeleton(name="five", keypoints=("a", "b", "c", "d", "e"))
    truth = np.array([[[100.0, 100]] * 4 + [[0, 0]]])
    told = matched(np.array([[[-98.0, -98], [0, -98], [0, 0], [9, 9], [3, 4]]]), np.array([[True] * 4 + [False]]), skeleton, truth=truth)
    found = corners(told)
    assert (found["labelled"]["value"], found["missing"]["value"], found["labels"]["value"]) == (0.25, 1.0, 0.0)
    assert found["at_origin"] == {"labelled": 0, "missing": 1}

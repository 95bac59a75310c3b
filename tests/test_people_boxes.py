import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glasspose.people import PersonBoxes
from glasspose.people.boxes import sift

SIZE = (100, 200)


def people(*boxes, scores=None):
    return PersonBoxes(boxes=np.array(boxes, float).reshape(-1, 4), scores=np.array(scores if scores else [0.5] * len(boxes), float))


def test_boxes_are_clipped_to_the_image_and_dropped_where_nothing_is_left():
    kept = people([-10, -5, 50, 60], [150, 50, 300, 300], [201, 10, 220, 30], [10, 99.5, 20, 140]).within(SIZE)
    assert kept.boxes.tolist() == [[0, 0, 50, 60], [150, 50, 200, 100]]


def test_the_surest_comes_first_and_ties_keep_their_order():
    kept = people([0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], scores=[0.2, 0.9, 0.2]).within(SIZE)
    assert kept.boxes[:, 0].tolist() == [20, 0, 40]


def test_a_person_found_twice_is_kept_once():
    boxes = np.array([[10, 10, 50, 90], [11, 10, 51, 90], [60, 10, 100, 90]], float)
    kept = sift(boxes, np.array([0.6, 0.9, 0.7]), size=SIZE, threshold=0.5)
    assert kept.boxes.tolist() == [[11, 10, 51, 90], [60, 10, 100, 90]]
    assert kept.scores.tolist() == [0.9, 0.7]


def test_the_threshold_holds_its_own_value_and_nonfinite_boxes_go():
    boxes = np.array([[0, 0, 20, 20], [50, 0, 70, 20], [np.nan, 0, 20, 20], [100, 0, np.inf, 20]], float)
    kept = sift(boxes, np.array([0.5, 0.49, 0.9, 0.9]), size=SIZE, threshold=0.5)
    assert kept.boxes.tolist() == [[0, 0, 20, 20]]


def test_nobody_is_an_answer():
    kept = sift(np.zeros((0, 4)), np.zeros(0), size=SIZE, threshold=0.5)
    assert kept.boxes.shape == (0, 4)
    assert kept.scores.shape == (0,)


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 12), st.just(4)), elements=st.floats(-300, 300)), st.integers(0, 1000))
def test_what_is_kept_lies_in_the_image_sorted_and_apart(boxes, seed):
    kept = sift(boxes, np.random.default_rng(seed).random(len(boxes)), size=SIZE, threshold=0.3)
    assert (kept.boxes >= 0).all()
    assert (kept.boxes <= [200, 100, 200, 100]).all()
    assert (np.diff(kept.scores) <= 0).all()
    assert all(iou(a, b) <= 0.7 + 1e-6 for i, a in enumerate(kept.boxes) for b in kept.boxes[:i])


def iou(a, b):
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)

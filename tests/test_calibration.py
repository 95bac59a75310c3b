import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.calibration import Calibration, Trust, best_threshold, calibration_from_card, person_scores
from glasspose.errors import WeightsError

scored = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30)


def balanced(scores, truth, threshold):
    """Balanced accuracy, counted by hand."""
    told = [score >= threshold for score in scores]
    hits = [t for t, there in zip(told, truth, strict=True) if there]
    rejected = [not t for t, there in zip(told, truth, strict=True) if not there]
    return (sum(hits) / len(hits) + sum(rejected) / len(rejected)) / 2


@given(scored)
def test_no_other_threshold_is_better(pairs):
    scores, truth = [s for s, _ in pairs], np.array([t for _, t in pairs])
    threshold, accuracy = best_threshold(scores, truth)
    if truth.all() or not truth.any():
        assert (threshold, accuracy) == (0.5, 0.5)
        return
    assert accuracy == pytest.approx(balanced(scores, truth, threshold))
    assert all(balanced(scores, truth, other) <= accuracy + 1e-9 for other in [*scores, 0.0, 0.5, 1.0])


def test_classes_that_lie_apart_are_told_apart():
    threshold, accuracy = best_threshold([0.1, 0.2, 0.7, 0.9], np.array([False, False, True, True]))
    assert (threshold, accuracy) == (0.7, 1.0)


def test_the_rare_class_counts_as_much_as_the_common_one():
    scores, truth = [0.2] * 99 + [0.9] * 2, np.array([False] * 98 + [True] + [True] * 2)
    assert best_threshold(scores, truth) == (0.9, pytest.approx((2 / 3 + 1) / 2))


def test_a_person_is_scored_by_the_strongest_keypoints():
    """So that a portrait, which shows few, is a person all the same."""
    scores = np.array([[0.0] * 10 + [0.8, 0.6, 1.0, 0.4], [0.1] * 14])
    assert person_scores(scores).tolist() == pytest.approx([0.7, 0.1])


def test_few_keypoints_are_all_counted():
    assert person_scores(np.array([[0.2, 0.4]])) == pytest.approx([0.3])
    assert person_scores(np.zeros((0, 14))).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0, 1), st.text())
def test_a_card_gives_back_what_was_written(seen, person, note):
    calibration = Calibration(seen=tuple(seen), person=person, note=note)
    card = json.loads(json.dumps({"calibration": calibration.to_json()}))
    assert calibration_from_card(card, len(seen)) == calibration


def test_without_a_calibration_there_is_a_plain_one_that_says_so():
    found = calibration_from_card({}, 3)
    assert (found.seen, found.person, found.note) == ((0.2, 0.2, 0.2), 0.3, "not calibrated")


@pytest.mark.parametrize(
    "data",
    [
        *([], {}, "text", 7, {"seen": [0.1] * 3}, {"seen": 0.1, "person": 0.2}, {"seen": [None] * 3, "person": 0.2}),
        *({"seen": ["a"] * 3, "person": 0.2}, {"seen": [0.1] * 3, "person": None}, {"seen": [0.1] * 2, "person": 0.2}),
        *({"seen": [0.1, 0.1, 1.5], "person": 0.2}, {"seen": [0.1] * 3, "person": -1}, {"seen": [0.1, 0.1, float("nan")], "person": 0.2}),
    ],
)
def test_a_malformed_calibration_is_refused(data):
    with pytest.raises(WeightsError, match="calibration in the card"):
        calibration_from_card({"calibration": data}, 3)


TRUST = Trust(probability=(((0.1, 0.2), (0.5, 0.9)),) * 2, radius=((0.1, 0.2, 0.3, 0.4),) * 2, large=50.0, note="n")


def test_probabilities_and_radii_come_back_from_a_card():
    calibration = Calibration(seen=(0.1, 0.1), person=0.2, trust=TRUST)
    card = json.loads(json.dumps({"calibration": calibration.to_json()}))
    assert calibration_from_card(card, 2) == calibration
    assert TRUST.probabilities(np.array([[0.0, 0.3], [0.5, 1.0]])).tolist() == [[0.2, pytest.approx(0.55)], [0.9, 0.9]]


def test_radii_are_pixels_of_the_pose_and_of_its_group():
    pose = np.array([[[0.0, 0.0], [40.0, 40.0]]])
    seen = np.array([[True, False]])
    assert TRUST.radii(pose, seen)[0].tolist() == pytest.approx([0.3 * 40, 0.1 * 40])
    assert TRUST.radii(2 * pose, seen)[0].tolist() == pytest.approx([0.4 * 80, 0.2 * 80])
    assert TRUST.radii(pose[:0], seen[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"probability": []},
            {"probability": [[[0.5, 0.1], [0.1, 0.9]]] * 2},
            {"probability": [[[0.1, 1.5]]] * 2},
            {"probability": [[]] * 2},
            {"large": None},
        ),
        *({"radius": [[0.1] * 3] * 2}, {"radius": [[-1.0] * 4] * 2}, {"radius": "x"}, {"coverage": 2}, {"large": float("inf")}),
    ],
)
def test_malformed_probabilities_are_refused(change):
    data = {"seen": [0.1] * 2, "person": 0.2, "trust": TRUST.to_json() | change}
    with pytest.raises(WeightsError, match="probabilities in the card"):
        calibration_from_card({"calibration": data}, 2)

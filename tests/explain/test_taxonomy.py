from importlib import import_module

import numpy as np
import pytest

from glasspose.explain.injected import inject, recovered, selftest_errors, standing
from glasspose.explain.taxonomy import Kind, Others, classify, gains
from glasspose.explain.tolerance import areas
from glasspose.skeletons import COCO, Skeleton

injected = import_module("glasspose.explain.injected")
STICK = Skeleton(name="stick", keypoints=("left_hand", "right_hand", "head"), pairs=((0, 1),), sigmas=(0.1, 0.1, 0.1))
LABEL = np.array([[[10.0, 0.0], [90.0, 0.0], [50.0, 60.0]]])
AREA = np.array([2500.0])
"""Similarity of 0.5 at 11.8 pixels, of 0.85 at 5.7."""
SOMEBODY = Others(beside=np.array([0]), keypoints=LABEL + np.array([0.0, 200.0]), labelled=np.ones((1, 3), bool), area=AREA)


def kinds(points, others=SOMEBODY, labelled=(True, True, True)):
    return classify(np.array([points], float), LABEL, np.array([labelled]), AREA, STICK, others)[0].tolist()


@pytest.mark.parametrize(
    ("hand", "kind"),
    [
        ((12, 0), Kind.GOOD),
        ((18, 0), Kind.JITTER),
        ((88, 3), Kind.INVERSION),
        ((11, 203), Kind.SWAP),
        ((90, 195), Kind.SWAP),
        ((50, 61), Kind.MISS),
        ((50, 260), Kind.MISS),
    ],
)
def test_a_frozen_pair_of_people(hand, kind):
    """The left hand of the upper one: on itself, near it, on the other hand, on a hand of the lower one, on a head (of either), which is no hand."""
    assert kinds([hand, (90, 0), (50, 60)]) == [kind, Kind.GOOD, Kind.GOOD]


def test_without_others_nothing_is_a_swap_and_without_a_label_there_is_no_kind():
    assert kinds([(11, 203), (90, 0), (50, 60)], None)[0] == Kind.MISS
    assert kinds([(10, 0), (90, 0), (50, 60)], labelled=(True, False, True)) == [Kind.GOOD, -1, Kind.GOOD]
    assert kinds([(90, 0), (90, 0), (50, 60)], labelled=(True, False, True))[0] == Kind.MISS
    unlabelled = Others(beside=np.array([0]), keypoints=SOMEBODY.keypoints, labelled=np.zeros((1, 3), bool), area=AREA)
    assert kinds([(11, 203), (90, 0), (50, 60)], unlabelled)[0] == Kind.MISS


def test_the_most_similar_label_claims_it():
    close = Others(beside=np.array([0]), keypoints=LABEL + np.array([8.0, 0.0]), labelled=np.ones((1, 3), bool), area=AREA)
    assert kinds([(13, 0), (90, 0), (50, 60)], close)[0] == Kind.GOOD
    assert kinds([(17, 0), (90, 0), (50, 60)], close)[0] == Kind.SWAP


@pytest.mark.parametrize("number", range(12))
def test_injected_mistakes_are_recovered(number):
    rng = np.random.default_rng(number)
    truth = standing(80, rng)
    everyone = np.ones(truth.shape[:2], bool)
    neighbour = truth + np.array([900.0, 0.0])
    others = Others(beside=np.arange(80), keypoints=neighbour, labelled=everyone, area=areas(neighbour))
    rates = np.eye(5)[number % 5] * 0.6 + 0.08 if number < 10 else rng.dirichlet(np.ones(5))
    predicted, given = inject(truth, others, (rates / rates.sum()).tolist(), COCO, rng)
    found = classify(predicted, truth, everyone, areas(truth), COCO, others)
    assert recovered(found, given, everyone) >= 0.99
    values = np.random.default_rng(1).uniform(size=found.shape)
    assert values.mean() + sum(gain.added for gain in gains(found, values, everyone)) == pytest.approx(1, abs=1e-12)
    assert sum(gain.share for gain in gains(found, values, everyone)) == pytest.approx(1)


def test_the_self_test_passes_and_fails_on_a_broken_taxonomy(monkeypatch):
    assert all(check.passed for check in selftest_errors(3))
    monkeypatch.setattr(injected, "classify", lambda *a: np.where(classify(*a) == Kind.SWAP, Kind.MISS, classify(*a)))
    assert not all(check.passed for check in selftest_errors(3))

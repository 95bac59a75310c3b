import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.errors import InputError, UsageError
from glasspose.metrics import auc, distances, epe, normalised, pck, pcp, pdj, usable

seeds = st.integers(0, 2**32 - 1)


def people(seed=0, n=40, k=5, noise=8.0):
    """Predicted and true keypoints (n, k, 2), labelled (n, k), reference lengths (n,) between 20 and 80."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 200, (n, k, 2))
    return truth + rng.normal(0, noise, truth.shape), truth, rng.random((n, k)) < 0.8, rng.uniform(20, 80, n)


# One keypoint, computed by hand: predicted, true, length, threshold, right
HAND = [
    ((0, 0), (0, 0), 10, 0.5, True),
    ((0, 0), (0, 0), 10, 0.0, True),
    ((3, 4), (0, 0), 10, 0.5, True),  # distance 5 = 0.5 x 10: the threshold belongs to it
    ((3, 4), (0, 0), 9.99, 0.5, False),
    ((3, 4), (0, 0), 10.01, 0.5, True),
    ((3, 4), (0, 0), 10, 0.49, False),
    ((-3, -4), (0, 0), 10, 0.5, True),
    ((0, 5), (0, 0), 10, 0.5, True),  # y counts as much as x
    ((0, 6), (0, 0), 10, 0.5, False),
    ((6, 0), (0, 0), 10, 0.5, False),
    ((5, 5), (0, 0), 10, 0.5, False),  # 7.07: not the larger of both offsets
    ((106, 208), (100, 200), 50, 0.2, True),
    ((106, 208), (100, 200), 49, 0.2, False),
    ((106, 208), (100, 200), 20, 0.5, True),
    ((-100, -200), (-106, -208), 50, 0.2, True),
    ((0, 0), (100, 0), 100, 1.0, True),
    ((0, 0), (100, 0), 100, 0.99, False),
    ((5, 12), (0, 0), 65, 0.2, True),
    ((5, 12), (0, 0), 64, 0.2, False),
    ((0.25, 0), (0, 0), 0.5, 0.5, True),
]


@pytest.mark.parametrize(("predicted", "truth", "length", "threshold", "right"), HAND)
def test_pck_of_one_keypoint_by_hand(predicted, truth, length, threshold, right):
    apart = distances(np.array([[predicted]], float), np.array([[truth]], float))
    found = pck(apart, np.ones((1, 1), bool), np.array([float(length)]), threshold)
    assert (found.mean, found.micro, found.per_keypoint, found.n) == (right, right, (right,), 1)


def test_macro_and_micro_by_hand():
    apart = np.array([[1.0, 9.0, 9.0], [1.0, 1.0, 9.0], [9.0, 9.0, 1.0], [1.0, 9.0, 9.0]])
    counted = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], bool)
    found = pck(apart, counted, np.full(4, 10.0), 0.5)
    assert found.per_keypoint == (0.75, 0.0, None)
    assert (found.mean, found.micro) == (0.375, 0.6)
    assert (found.counts, found.n, found.left_out) == ((4, 1, 0), 4, 0)


def test_people_without_length_or_labels_are_left_out_and_counted():
    apart, counted = np.zeros((6, 2)), np.ones((6, 2), bool)
    counted[5] = False
    length = np.array([10.0, 0.0, np.nan, np.inf, -3.0, 10.0])
    assert usable(length).tolist() == [True, False, False, False, False, True]
    found = pck(apart, counted, length, 0.5)
    assert (found.n, found.left_out, found.counts, found.mean) == (1, 5, (1, 1), 1.0)


def test_normalised_is_infinite_without_a_length():
    assert normalised(np.array([[5.0], [5.0]]), np.array([10.0, 0.0])).tolist() == [[0.5], [np.inf]]


def test_nobody_is_none_everywhere():
    found = pck(np.zeros((0, 2)), np.zeros((0, 2), bool), np.zeros(0), 0.5, image_ids=np.zeros(0, int))
    assert (found.mean, found.micro, found.per_keypoint, found.n, found.left_out) == (None, None, (None, None), 0, 0)
    assert found.interval is None


@given(seeds)
def test_perfect_predictions_are_one(seed):
    _, truth, labelled, length = people(seed)
    apart = distances(truth, truth)
    assert pck(apart, labelled, length, 0.0).mean == pck(apart, labelled, length, 0.2).micro == auc(apart, labelled, length).mean == 1.0
    assert epe(apart, labelled).mean == 0.0
    assert pcp(truth, truth, labelled, [(0, 1), (2, 3)]).mean == 1.0


@given(seeds)
def test_order_of_people_does_not_matter(seed):
    predicted, truth, labelled, length = people(seed)
    order = np.random.default_rng(seed).permutation(len(truth))
    apart = distances(predicted, truth)
    assert pck(apart[order], labelled[order], length[order], 0.2) == pck(apart, labelled, length, 0.2)
    assert epe(apart[order], labelled[order]).mean == pytest.approx(epe(apart, labelled).mean, rel=1e-12)


@given(seeds, st.sampled_from([0.25, 2.0, 64.0]), st.integers(-1000, 1000))
def test_scale_and_shift_of_all_coordinates_do_not_matter(seed, scale, shift):
    predicted, truth, labelled, length = people(seed)
    apart, moved = distances(predicted, truth), distances(scale * predicted + shift, scale * truth + shift)
    assert pck(moved, labelled, scale * length, 0.2) == pck(apart, labelled, length, 0.2)
    assert auc(moved, labelled, scale * length) == auc(apart, labelled, length)
    assert epe(moved, labelled).mean == pytest.approx(scale * epe(apart, labelled).mean)


@given(seeds)
def test_unlabelled_keypoints_do_not_matter(seed):
    predicted, truth, labelled, length = people(seed)
    other = np.where(labelled[..., None], predicted, 1e6)
    for measure in (lambda p: pck(distances(p, truth), labelled, length, 0.2), lambda p: epe(distances(p, truth), labelled)):
        assert measure(other) == measure(predicted)
    assert pcp(other, truth, labelled, [(0, 1)]) == pcp(predicted, truth, labelled, [(0, 1)])


@given(seeds)
def test_an_added_keypoint_that_nobody_has_changes_no_average(seed):
    predicted, truth, labelled, length = people(seed)
    apart = distances(predicted, truth)
    wider = pck(np.pad(apart, ((0, 0), (0, 1))), np.pad(labelled, ((0, 0), (0, 1))), length, 0.2)
    found = pck(apart, labelled, length, 0.2)
    assert (wider.mean, wider.micro, wider.per_keypoint) == (found.mean, found.micro, (*found.per_keypoint, None))


@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_pck_grows_with_the_threshold(seed, one, other):
    predicted, truth, labelled, length = people(seed)
    low, high = (pck(distances(predicted, truth), labelled, length, t) for t in sorted((one, other)))
    assert low.micro <= high.micro
    assert all(a <= b for a, b in zip(low.per_keypoint, high.per_keypoint, strict=True))


@given(seeds, st.integers(1, 60), st.sampled_from([0.1, 0.5, 2.0]))
def test_auc_is_the_trapezoid_of_the_curve(seed, steps, maximum):
    predicted, truth, labelled, length = people(seed)
    apart = distances(predicted.round(), truth.round())
    length = length.round()  # so that some distances fall on the grid
    curve = [score.micro for score in pdj(apart, labelled, length, np.linspace(0, maximum, steps + 1))]
    assert auc(apart, labelled, length, maximum, steps=steps).micro == pytest.approx(np.trapezoid(curve) / steps, abs=1e-12)


def test_auc_by_hand():
    apart = np.array([[0.0, 0.25, 0.5, 0.26, 0.51]])
    found = auc(apart, np.ones((1, 5), bool), np.ones(1), 0.5, steps=2)
    assert found.per_keypoint == (1.0, 0.75, 0.25, 0.25, 0.0)


def test_epe_by_hand():
    found = epe(np.array([[1.0, 10.0], [3.0, 99.0]]), np.array([[True, True], [True, False]]))
    assert (found.per_keypoint, found.mean, found.micro) == ((2.0, 10.0), 6.0, pytest.approx(14 / 3))


def test_pdj_is_pck_at_each_threshold():
    predicted, truth, labelled, torso = people()
    apart = distances(predicted, truth)
    assert pdj(apart, labelled, torso, [0.1, 0.2]) == (pck(apart, labelled, torso, 0.1), pck(apart, labelled, torso, 0.2))


@pytest.mark.parametrize(("first", "second", "right"), [((0, 5), (10, 5), True), ((0, 5.1), (10, 0), False), ((0, 0), (10, 5.1), False)])
def test_pcp_wants_both_ends_within_half_the_limb(first, second, right):
    truth = np.array([[(0.0, 0.0), (10.0, 0.0)]])
    found = pcp(np.array([[first, second]], float), truth, np.ones((1, 2), bool), [(0, 1)])
    assert (found.mean, found.counts) == (right, (1,))


def test_pcp_counts_limbs_with_two_labelled_ends_apart():
    truth = np.array([[(0.0, 0.0), (10.0, 0.0), (10.0, 0.0), (0.0, 9.0)]])
    found = pcp(truth, truth, np.array([[True, True, True, False]]), [(0, 1), (1, 2), (0, 3)])
    assert (found.per_keypoint, found.counts) == ((1.0, None, None), (1, 0, 0))


def test_wrong_arguments_are_one_line():
    keypoints = np.zeros((2, 3, 2))
    with pytest.raises(UsageError, match="differ in shape"):
        distances(keypoints, keypoints[:1])
    with pytest.raises(InputError, match="1 keypoints have coordinates that are not finite"):
        distances(np.where(np.arange(12).reshape(2, 3, 2) == 4, np.nan, 0), keypoints)
    with pytest.raises(UsageError, match="reference lengths"):
        pck(np.zeros((2, 3)), np.ones((2, 3), bool), np.ones(3), 0.5)
    with pytest.raises(UsageError, match="PCP needs limbs"):
        pcp(keypoints, keypoints, np.ones((2, 3), bool), ())

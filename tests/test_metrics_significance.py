import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glasspose.metrics.significance import benjamini_hochberg, holm, mean_interval, permutation_p, sign_flip_p

P = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


@given(P)
def test_corrections_agree_with_scipy_and_with_the_definition(p):
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    order = np.argsort(p, kind="stable")
    stepped = [min(1, max((len(p) - j) * p[order[j]] for j in range(i + 1))) for i in range(len(p))]
    assert holm(p)[order] == pytest.approx(stepped)


def test_sign_flips_find_what_is_there_and_little_else():
    rng = np.random.default_rng(0)
    false = [(sign_flip_p(rng.normal(size=(40, 5)), resamples=200) <= 0.05).any() for _ in range(100)]
    assert sum(false) <= 10
    shifted = rng.normal(size=(40, 5))
    shifted[:, 2] += 1
    p = sign_flip_p(shifted)
    assert p[2] < 0.01
    assert (np.delete(p, 2) > 0.05).all()


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(1)
    held = sum(low <= 0 <= high for low, high in (mean_interval(rng.normal(size=60), resamples=300) for _ in range(200)))
    assert 180 <= held <= 198
    groups = np.repeat(np.arange(20), 3)
    values = np.repeat(rng.normal(size=20), 3)
    wide, narrow = mean_interval(values, groups=groups), mean_interval(values)
    assert wide[1] - wide[0] > 1.4 * (narrow[1] - narrow[0])
    assert mean_interval(np.ones(3), groups=np.zeros(3)) is None


def test_permutation_p_is_never_zero():
    assert permutation_p(5.0, np.zeros(99)) == pytest.approx(0.01)
    assert permutation_p(0.0, np.zeros(99)) == pytest.approx(1.0)

import numpy as np
import pytest

from glasspose.explain.reliability import (
    apply,
    best_fit,
    calibration_error,
    conformal_radius,
    covered,
    grouped_radii,
    halves,
    isotonic,
    logistic,
    paired_error,
    resampled_error,
    risk_coverage,
    selftest_trust,
)

RNG = np.random.default_rng(0)
HIT = RNG.random(3000) < 0.6


def test_fixtures_of_known_error():
    assert [check.name.partition(" of ")[2] for check in selftest_trust(1)] == ["perfect oracle", "constant confidence 0.9", "honest confidence"]
    assert all(check.passed for check in selftest_trust(1))
    assert calibration_error(HIT.astype(float), HIT) == 0
    assert calibration_error(np.full(3000, 0.25), HIT) == pytest.approx(HIT.mean() - 0.25)
    assert calibration_error(1 - HIT.astype(float), HIT) == 1


def test_an_overconfident_score_by_hand():
    confidence = np.repeat([0.9, 0.5], 100)
    hit = np.concatenate([np.arange(100) < 60, np.arange(100) < 50])
    assert calibration_error(confidence, hit) == pytest.approx(0.15)
    once = np.ones((1, 200))
    assert resampled_error(confidence, hit, once)[0] == pytest.approx(0.15)


@pytest.mark.parametrize("fit", [isotonic, logistic])
def test_maps_rise_and_calibrate(fit):
    score = RNG.uniform(0, 1, 4000)
    hit = RNG.random(4000) < score**2
    knots = fit(score[:2000], hit[:2000])
    assert list(knots) == sorted(knots)
    assert [y for _, y in knots] == sorted(y for _, y in knots)
    assert len(knots) <= 17
    found = paired_error(score[2000:], apply(knots, score[2000:]), hit[2000:], np.arange(2000))
    assert found["fall_interval"][0] > 0
    assert found["after"] < 0.05


def test_the_better_map_is_taken():
    score = RNG.uniform(0, 1, 3000)
    steep = RNG.random(3000) < np.where(score > 0.5, 0.9, 0.1)
    assert best_fit(score, steep, np.arange(3000))[0] == "isotonic"
    for hit in (np.ones(50, bool), np.zeros(50, bool)):
        _, knots = best_fit(score[:50], hit, np.arange(50))
        assert abs(apply(knots, np.array([0.5]))[0] - hit.mean()) < 0.1


def test_risk_of_a_perfect_and_of_no_order():
    risk, area = risk_coverage(HIT.astype(float), HIT)
    assert risk[HIT.sum() - 1] == 0
    assert risk[-1] == pytest.approx(1 - HIT.mean())
    assert area < 0.15
    flat, level = risk_coverage(np.zeros(3000), HIT)
    assert np.allclose(flat, 1 - HIT.mean())
    assert level == pytest.approx(1 - HIT.mean())


def test_radii_hold_what_they_promise():
    errors = RNG.exponential(1, (600, 3)) * [1, 2, 3]
    group = RNG.integers(0, 2, (600, 3))
    errors *= 1 + 3 * group
    everything, shares = np.ones((600, 3), bool), []
    for _ in range(100):
        half = halves(np.arange(600), RNG)
        radii = grouped_radii(errors[half], everything[half], group[half], 2)
        inside = covered(errors[~half], group[~half], radii)
        shares.append([inside.mean(), inside[group[~half] == 1].mean(), inside[group[~half] == 0].mean()])
    assert np.abs(np.mean(shares, axis=0) - 0.905).max() < 0.012


def test_few_errors_tell_no_radius_and_borrow_a_larger_one():
    assert conformal_radius(np.arange(8.0)) is None
    assert conformal_radius(np.arange(9.0)) == 8
    errors = np.concatenate([np.full((40, 2), 1.0), np.full((3, 2), 9.0)])
    group = np.concatenate([np.zeros((40, 2), int), np.ones((3, 2), int)])
    radii = grouped_radii(errors, np.ones((43, 2), bool), group, 2)
    assert radii[:, 0].tolist() == [1, 1]
    assert (radii[:, 1] >= 1).all()


def test_pictures_are_never_split():
    groups = RNG.integers(0, 30, 200)
    half = halves(groups, RNG)
    assert not set(groups[half]) & set(groups[~half])

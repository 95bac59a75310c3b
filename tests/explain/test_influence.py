import numpy as np
import pytest

from glasspose.explain.influence import false_findings, influence, split_half
from glasspose.metrics.significance import mean_interval, mean_intervals


def planted(n=40, effect=0.3, seed=0):
    rng = np.random.default_rng(seed)
    gained = rng.normal(0, 0.1, (n, 4, 4))
    gained[:, 1, 2] += effect
    counted = np.broadcast_to(~np.eye(4, dtype=bool), gained.shape).copy()
    return gained, counted, np.arange(n)


def test_what_is_planted_is_found_alone():
    found = influence(*planted())
    assert np.argwhere(found.significant).tolist() == [[1, 2]]
    assert found.mean[1, 2] == pytest.approx(0.3, abs=0.05)
    assert np.isnan(found.mean.diagonal()).all()
    assert (found.p.diagonal() == 1).all()


def test_without_influence_at_most_ten_of_a_hundred_runs_find_anything():
    runs = [influence(*planted(effect=0.0, seed=seed)).significant.any() for seed in range(100)]
    assert sum(runs) <= 10
    found = influence(*planted())
    assert false_findings(found, np.arange(40)) <= 10


def test_less_than_background_is_no_influence():
    assert not influence(*planted(effect=-0.3)).significant.any()


def test_two_people_of_a_picture_are_one_witness():
    gained, counted, groups = planted(n=8, effect=0.12)
    alone = influence(gained, counted, groups)
    tripled = influence(np.repeat(gained, 3, 0), np.repeat(counted, 3, 0), np.repeat(groups, 3))
    assert tripled.p == pytest.approx(alone.p)
    assert tripled.bounds == pytest.approx(alone.bounds, nan_ok=True)


def test_halves_agree_where_there_is_a_pattern_and_do_not_where_there_is_none():
    gained, counted, groups = planted()
    pattern = np.random.default_rng(5).normal(0, 0.3, (4, 4))
    assert split_half(influence(gained + pattern, counted, groups), groups, 4) > 0.95
    assert abs(split_half(influence(*planted(effect=0)), groups, 4)) < 0.6
    assert split_half(influence(gained[:2], counted[:2], groups[:2]), groups[:2], 4) is None


def test_many_means_are_the_means_one_by_one():
    gained, counted, groups = planted(n=12)
    groups = groups // 2
    flat, kept = gained.reshape(12, -1), counted.reshape(12, -1)
    means, bounds = mean_intervals(flat, kept, groups)
    assert means[6] == pytest.approx(flat[:, 6].mean())
    assert bounds[6] == pytest.approx(mean_interval(flat[:, 6], groups=groups), abs=1e-12)
    assert np.isnan(bounds[0]).all()

import numpy as np
import pytest

from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.explain.planting import plant
from glasspose.explain.standing_out import ALPHA, FEWEST, null_of, standing_out, told
from glasspose.explain.suspects import rank, suspected
from glasspose.explain.suspicion import Claims
from glasspose.skeletons import LSP


def called(values):
    return int((values >= null_of(values).level()).sum())


def test_exponential_lists_are_called_about_as_rarely_as_they_should_be():
    lists = np.random.default_rng(0).exponential(size=(2000, 200))
    some = np.mean([called(values) > 0 for values in lists])
    assert 0.02 <= some <= 0.065


def test_thinner_tails_are_called_less_and_outliers_are_called():
    lists = np.random.default_rng(0).normal(size=(500, 200))
    assert np.mean([called(values) > 0 for values in lists]) <= 0.01
    lists[:, :4] = 12.0
    assert [called(values) for values in lists[:50]] == [4] * 50


def test_what_is_expected_beyond_a_level():
    values = np.random.default_rng(0).exponential(size=1000)
    null = null_of(values)
    assert null.beyond(null.level()) == pytest.approx(ALPHA)
    assert null.beyond(-1.0) == 500
    assert null.beyond(3.0) == pytest.approx((values >= 3).sum(), rel=0.3)


def test_a_tenth_of_outliers_does_not_move_the_level():
    values = np.random.default_rng(0).exponential(size=1000)
    wild = values.copy()
    wild[np.argsort(values)[-99:]] = 1e6
    assert null_of(wild).level() == pytest.approx(null_of(values).level())


def test_of_few_people_and_of_equal_ones_nothing_is_said():
    assert null_of(np.arange(FEWEST - 1.0)) is None
    assert null_of(np.ones(100)) is None
    assert "too few" in told(None, 12)
    assert "2 of 90 stand out" in told({"count": 2, "p_of_first": 0.001}, 90)
    assert "No label stands out" in told({"count": 0, "p_of_first": 1.0}, 90)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return read(DrawnPeople(count=400, folder=tmp_path_factory.mktemp("drawn"))).annotations


def ranked(drawn, seed, planted, noise=2.0, n=150):
    """People with exact labels, a network that is off by about `noise` pixels, and errors in some of the labels."""
    rng = np.random.default_rng(seed)
    people = [drawn[i] for i in rng.permutation(len(drawn))[:n]]
    truth, labelled = (np.stack([getattr(person, name) for person in people]) for name in ("keypoints", "labelled"))
    answers = truth + rng.normal(0, noise, truth.shape) * rng.lognormal(0, 0.3, (n, 1, 1))
    claims = Claims(skeleton=LSP, keypoints=answers, scores=rng.uniform(0.6, 0.9, truth.shape[:2]), truth=truth, labelled=labelled)
    who, _, points, known = plant(truth, labelled, LSP, planted, rng)
    return rank(people, claims.with_labels(who, points, known), np.tile(np.eye(2, 3), (n, 1, 1)), seed), who


def test_planted_errors_stand_out(drawn):
    found = [(standing_out(made.suspicion), made, who) for made, who in (ranked(drawn, seed, 3) for seed in range(4))]
    assert sum(out["count"] for out, _, _ in found) >= 4
    for out, made, who in found:
        assert set(np.flatnonzero(made.suspicion >= out["level"])) <= set(who)
        assert (out["p_of_first"] <= ALPHA) == (out["count"] > 0)
    _, made, _ = found[0]
    assert suspected(made, null_of(made.suspicion).level())["count_if_none_is_wrong"] == pytest.approx(ALPHA)


@pytest.mark.slow
def test_where_no_label_is_wrong_at_most_ten_of_a_hundred_runs_call_any(drawn):
    assert sum(called(ranked(drawn, seed, 0, noise=(1.0, 2.0, 4.0, 8.0)[seed % 4])[0].suspicion) > 0 for seed in range(100)) <= 10

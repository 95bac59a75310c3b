import json
import time

import numpy as np
import pytest

from glasspose.errors import UsageError
from glasspose.metrics import bootstrap, interval_of, score


def hits(n, rate=0.7, k=4, seed=0):
    """Right or wrong (n, k), and a mask without gaps."""
    return np.random.default_rng(seed).random((n, k)) < rate, np.ones((n, k), bool)


def test_intervals_hold_the_averages():
    found = score(*hits(300), image_ids=np.arange(300) // 2)
    assert found.interval[0] < found.mean < found.interval[1]
    assert found.micro_interval[0] < found.micro < found.micro_interval[1]
    assert all(low < value < high for value, (low, high) in zip(found.per_keypoint, found.per_keypoint_intervals, strict=True))


def test_intervals_shrink_with_the_root_of_n():
    widths = [np.diff(score(*hits(n), image_ids=np.arange(n)).interval)[0] for n in (100, 1600)]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


def test_interval_of_a_proportion_is_the_textbook_one():
    values, counted = hits(2000, k=1)
    low, high = score(values, counted, image_ids=np.arange(2000)).interval
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(values.mean() * (1 - values.mean()) / 2000), rel=0.1)


def test_interval_is_the_middle_95_per_cent():
    assert interval_of(np.array([*np.linspace(0, 1, 1001), np.nan])) == pytest.approx((0.025, 0.975))
    assert interval_of(np.full(3, np.nan)) is None


def test_people_of_one_image_stay_together():
    values, counted = (np.repeat(a, 9, axis=0) for a in hits(100))
    together = np.diff(score(values, counted, image_ids=np.arange(900) // 9).interval)
    alone = np.diff(score(values, counted, image_ids=np.arange(900)).interval)
    assert together / alone == pytest.approx(3, rel=0.2)


def test_draws_are_those_of_a_plain_loop():
    values, counted = hits(12, seed=1)
    counted &= np.random.default_rng(2).random(counted.shape) < 0.8
    images = np.array([5, 5, 3, 9, 3, 3, 7, 7, 1, 1, 1, 1])
    found = bootstrap(values, counted, images, seed=4, resamples=50)
    rng, names = np.random.default_rng(4), np.unique(images)
    for row in range(50):
        people = np.concatenate([np.flatnonzero(images == names[i]) for i in rng.integers(len(names), size=len(names))])
        expected = score(values[people], counted[people])
        assert (found.mean[row], found.micro[row]) == pytest.approx((expected.mean, expected.micro))


def test_same_seed_gives_the_same_draws_and_another_seed_others():
    data = *hits(50), np.arange(50)
    assert np.array_equal(bootstrap(*data, seed=1).mean, bootstrap(*data, seed=1).mean)
    assert not np.array_equal(bootstrap(*data, seed=1).mean, bootstrap(*data, seed=2).mean)


def test_two_models_on_the_same_people_are_paired():
    values, counted = hits(200)
    worse = values & (np.arange(200) % 20 > 0)[:, None]
    a, b = (bootstrap(v, counted, np.arange(200)) for v in (values, worse))
    low, high = interval_of(a.mean - b.mean)
    assert 0 < low < values.mean() - worse.mean() < high
    assert high - low < np.diff(interval_of(a.mean))


def test_fewer_than_two_images_have_no_interval():
    values, counted = hits(10)
    assert score(values, counted, image_ids=np.zeros(10, int)).interval is None
    assert score(values, counted, np.arange(10) < 1, image_ids=np.arange(10)).interval is None
    assert score(values, counted).interval is None


def test_a_rare_keypoint_has_an_interval_of_the_resamples_that_hold_it():
    values, counted = hits(40)
    counted[1:, 0] = False
    counted[:, 1] = False
    found = score(values, counted, image_ids=np.arange(40))
    assert found.per_keypoint_intervals[0] == (values[0, 0], values[0, 0])
    assert found.per_keypoint_intervals[1] is None


def test_people_who_are_not_chosen_change_nothing():
    values, counted = hits(60)
    chosen = np.arange(60) < 40
    found = score(values, counted, chosen, image_ids=np.arange(60))
    alone = score(values[:40], counted[:40], image_ids=np.arange(40))
    assert found.to_json() == alone.to_json() | {"left_out": 20}


def test_numbers_outside_the_mask_do_not_matter_even_when_infinite():
    values, counted = np.array([[1.0, np.inf], [0.0, np.nan], [1.0, 1.0]]), np.array([[True, False], [True, False], [True, True]])
    assert score(values, counted, image_ids=np.arange(3)).per_keypoint == (pytest.approx(2 / 3), 1.0)


def test_scores_are_json_without_nan():
    values, counted = hits(10)
    counted[:, 1] = False
    found = json.loads(json.dumps(score(values, counted, image_ids=np.arange(10)).to_json(), allow_nan=False))
    assert found["per_keypoint"][1] is None
    assert found["n"] == 10


def test_blocks_of_resamples_give_what_one_block_gives(monkeypatch):
    data = *hits(30), np.arange(30)
    whole = bootstrap(*data, resamples=10).mean
    monkeypatch.setattr("glasspose.metrics.scores._BLOCK", 90)
    assert np.array_equal(bootstrap(*data, resamples=10).mean, whole)


def test_a_thousand_resamples_of_three_thousand_people_take_well_under_a_second():
    values, counted = hits(3000, k=17)
    began = time.process_time()
    bootstrap(values, counted, np.arange(3000))
    assert time.process_time() - began < 0.7


def test_masks_and_image_numbers_have_to_fit():
    values, counted = hits(5)
    with pytest.raises(UsageError, match=r"mask \(5, 3\)"):
        score(values, counted[:, :3])
    with pytest.raises(UsageError, match="image numbers"):
        score(values, counted, image_ids=np.arange(4))

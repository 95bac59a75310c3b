import csv
import math

import numpy as np
import pytest

from glasspose.errors import TrainingError
from glasspose.rates import WINDOW, range_test, smooth, sweep
from glasspose.training import train
from recipes_for_tests import nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")


def quadratic(curvature, start=1.0):
    """Gradient descent on curvature / 2 * x²: its loss falls as long as the rate is below 2 / curvature."""
    place = [start]

    def advance(rate):
        loss = 0.5 * curvature * place[0] ** 2
        place[0] -= rate * curvature * place[0]
        return loss

    return advance


@pytest.mark.parametrize("curvature", [0.5, 40.0, 3000.0])
def test_the_loss_of_a_quadratic_is_lowest_at_two_over_its_curvature(curvature):
    found = sweep(quadratic(curvature), 200)
    step = (10 / 1e-7) ** (1 / 199)
    assert 2 / curvature / step**3 <= found.lowest <= 2 / curvature * step**3
    assert found.suggestion == found.lowest / 10
    assert found.rates[-1] < 10 or curvature < 1, "it ends when the loss runs away"


def test_a_loss_belongs_to_the_rate_that_led_to_it():
    found = sweep(quadratic(1.0), 50, 0.01, 0.5)
    assert found.losses[0] == pytest.approx(0.5 * (1 - 0.01) ** 2)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) == 49


def test_one_bad_batch_ends_nothing():
    calm = quadratic(1.0)
    losses = iter([1e3 if i == 20 else None for i in range(60)])
    found = sweep(lambda rate: (calm(rate), next(losses))[1] or calm(rate), 60, 1e-4, 0.1)
    assert len(found.rates) == 59


def test_smoothing_is_a_median():
    assert smooth([1, 100, 2, 3, 4]) == [2, 2.5, 3, 3.5, 3]


@pytest.mark.parametrize("advance", [lambda rate: math.nan, quadratic(1e12)])
def test_what_runs_away_at_once_is_refused(advance):
    with pytest.raises(TrainingError, match="runs away"):
        sweep(advance, 40, 1e-3, 1)


def test_a_recipe_is_tested_and_no_run_is_left(tmp_path):
    recipe = nano_recipe(tmp_path)
    found = range_test(recipe, 25, out=tmp_path / "out", packs=tmp_path / "packs")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["range_test.png"]
    assert len(found.rates) > WINDOW
    assert np.isfinite(found.losses).all()
    train(nano_recipe(tmp_path, epochs=1), out=tmp_path / "out", packs=tmp_path / "packs")


def test_the_first_loss_is_that_of_training(tmp_path):
    """At a rate of almost zero, an epoch of the test is an epoch of training."""
    recipe = nano_recipe(tmp_path, optimiser=nano_recipe(tmp_path).optimiser.model_copy(update={"learning_rate": 1e-12}), epochs=1)
    found = range_test(recipe, 20, out=tmp_path / "out", packs=tmp_path / "packs")
    train(recipe, out=tmp_path / "run", packs=tmp_path / "packs")
    row = next(csv.DictReader((tmp_path / "run/log.csv").read_text().splitlines()))
    mean = np.mean([float(row["train/loss/stack0"]), float(row["train/loss/stack1"])])
    assert found.losses[0] == pytest.approx(mean, rel=0.1)

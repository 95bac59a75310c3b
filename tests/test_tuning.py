import csv
import json

import pytest

from glasspose import training
from glasspose.errors import UsageError
from glasspose.training import train
from glasspose.tuning import draw, rungs, tune, with_values
from recipes_for_tests import nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")
CHOICES = {"optimiser.learning-rate": [1e-12, 3e-3, 1e-11], "codec.loss": ["mse"]}


@pytest.mark.parametrize(
    ("epochs", "trials", "expected"), [(9, 9, [1, 3, 9]), (100, 3, [33, 100]), (100, 30, [3, 11, 33, 100]), (2, 50, [2]), (5, 1, [5]), (10, 2, [10])]
)
def test_rungs_triple_up_to_the_recipes_own_epochs(epochs, trials, expected):
    assert rungs(epochs, trials) == expected


def test_all_combinations_or_some_of_them_by_the_seed():
    choices = {"a": [1, 2], "b": ["x", "y", "z"]}
    assert draw(choices, None, 0) == [{"a": a, "b": b} for a in (1, 2) for b in "xyz"]
    some = draw(choices, 4, 0)
    assert len({tuple(values.items()) for values in some}) == 4
    assert draw(choices, 4, 0) == some != draw(choices, 4, 1)


def test_values_go_into_the_recipe_and_are_checked(tmp_path):
    recipe = with_values(nano_recipe(tmp_path), {"optimiser.learning-rate": 0.5, "batch": 3})
    assert (recipe.optimiser.learning_rate, recipe.batch) == (0.5, 3)
    for key, value in (("optimiser.learning-rat", 1), ("optimizer.learning-rate", 1), ("batch.size", 1), ("codec.loss", "l2"), ("batch", 0)):
        with pytest.raises(UsageError):
            with_values(nano_recipe(tmp_path), {key: value})


def first_pck(folder):
    return float(next(csv.DictReader((folder / "log.csv").read_text().splitlines()))["validation/pck"])


def test_the_best_trial_is_the_run_that_train_would_have_made(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_calibrate", lambda weights, pack: None)
    monkeypatch.setattr(training, "save_curves", lambda *rest: None)
    recipe = nano_recipe(tmp_path, epochs=3)
    found = tune(recipe, CHOICES, out=tmp_path / "tune", packs=tmp_path / "packs")
    winner = found[0].number
    first = [first_pck(tmp_path / f"tune/trial00{number}") for number in range(3)]
    assert first[winner] == max(first) > min(first)
    assert [trial.epochs for trial in found] == [3, 1, 1]
    listed = json.loads((tmp_path / "tune/tuning.json").read_text())["trials"]
    assert listed[0] == {"trial": winner, "values": dict(found[0].values), "epochs": 3, "validation_pck": found[0].pck}
    train(with_values(recipe, found[0].values), out=tmp_path / "alone", packs=tmp_path / "packs")
    assert (tmp_path / f"tune/trial00{winner}/log.csv").read_bytes() == (tmp_path / "alone/log.csv").read_bytes()
    assert tune(recipe, CHOICES, out=tmp_path / "tune", packs=tmp_path / "packs") == found, "the same command trains nothing again"

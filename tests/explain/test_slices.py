from importlib import import_module

import numpy as np
import pytest

from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.explain.sample import sample_of
from glasspose.explain.slices import attributes, permuted, search

slices = import_module("glasspose.explain.slices")
N = 200


def people(seed):
    rng = np.random.default_rng(seed)
    named = {"size": rng.choice(["small", "large"], N), "view": rng.choice(["front", "side", "back"], N), "cut": rng.choice(["no", "yes"], N)}
    return {name: values.tolist() for name, values in named.items()}, np.clip(rng.normal(0.3, 0.2, N), 0, 1)


def test_a_planted_condition_is_found_and_named_first():
    named, errors = people(0)
    back = np.array(named["view"]) == "back"
    found = search(named, np.where(back, errors + 0.2, errors), np.arange(N))
    assert found[0].finding
    assert "view: back" in found[0].condition
    assert found[0].error > found[0].elsewhere
    assert not any(one.finding for one in found if "view" not in one.condition)


def test_attributes_without_meaning_show_no_slice_in_95_of_100_runs(monkeypatch):
    monkeypatch.setattr(slices, "PERMUTATIONS", 400)
    clean = sum(not any(one.finding for one in search(*people(seed), np.arange(N), seed=seed, intervals=False)) for seed in range(100))
    assert clean >= 95


def test_people_of_one_picture_stay_together():
    groups = np.repeat([7, 3, 5, 9], [2, 2, 3, 3])
    for row in permuted(groups, 20, np.random.default_rng(0)):
        assert sorted(row) == list(range(10))
        assert all(len(set(groups[row[groups == g]])) == 1 for g in np.unique(groups))


def test_small_slices_are_left_out():
    named, errors = people(1)
    named["rare"] = ["yes"] * 5 + ["no"] * (N - 5)
    conditions = [one.condition for one in search(named, errors, np.arange(N))]
    assert not any("rare: yes" in condition for condition in conditions)
    assert "rare: no" not in conditions


def test_what_labels_tell(tmp_path):
    dataset = read(DrawnPeople(count=12, folder=tmp_path))
    sample = sample_of(dataset.annotations, dataset.skeleton, (64, 64), "drawn")
    named = attributes(sample)
    assert {len(values) for values in named.values()} == {12}
    assert {"size", "view"} <= set(named)
    assert "facing" not in named
    person, k = sample.keypoints[0], dataset.skeleton.index
    if "front" in named["view"]:
        i = named["view"].index("front")
        across = sample.keypoints[i, k("left_shoulder")] - sample.keypoints[i, k("right_shoulder")]
        down = sample.keypoints[i, k("left_hip")] - sample.keypoints[i, k("left_shoulder")]
        assert across[0] * down[1] - across[1] * down[0] > 0
    assert person.shape == (14, 2)


@pytest.mark.parametrize(("left", "word"), [(40, "front"), (-40, "back"), (2, "side")])
def test_view_and_rotation(left, word):
    from types import SimpleNamespace

    from glasspose.explain.slices import _rotation, _view
    from glasspose.skeletons import LSP

    points = np.zeros((14, 2))
    for name, place in {"left_shoulder": (left, 0), "right_shoulder": (-left, 0), "left_hip": (left, 100), "right_hip": (-left, 100)}.items():
        points[LSP.index(name)] = place
    asked = SimpleNamespace(skeleton=LSP)
    everything = np.ones(14, bool)
    assert _view(points, everything, asked) == word
    assert _view(-points, everything, asked) == word
    assert _rotation(points, everything, asked).startswith("upright")
    assert _rotation(-points, everything, asked).startswith("head down")

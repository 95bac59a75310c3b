"""Weights of people, and people left out: what they do to training, and that runs stay exact."""

import copy

import numpy as np
import pytest
import torch

from glasspose import training
from glasspose.configs.framing import Framing
from glasspose.data import read
from glasspose.data.lists import Listed, people_json
from glasspose.data.loading import PackedPeople, collate
from glasspose.data.packing import open_pack
from glasspose.errors import UsageError
from glasspose.network import Learner
from glasspose.processes import launch
from recipes_for_tests import nano_recipe
from test_training import fingerprint, freeze_statistics, go, rows, run_processes, stop_at

pytestmark = pytest.mark.usefixtures("one_thread")


def listing(tmp_path, weights, name="weights.json"):
    """The first people of the recipe's data with these weights."""
    people = read(nano_recipe(tmp_path).data).annotations
    listed = [Listed(image=p.image_id, person=p.person_id, weight=w) for p, w in zip(people, weights, strict=False)]
    path = tmp_path / name
    path.write_bytes(people_json(listed))
    return path


@pytest.mark.parametrize("changes", [{"margin": 1.5}, {"framing": "squash"}])
def test_a_network_knows_how_it_was_shown_people(tmp_path, changes):
    recipe = nano_recipe(tmp_path)
    recipe = recipe.model_copy(update={"packing": recipe.packing.model_copy(update=changes)})
    run, _ = training.start(recipe, read(recipe.data).skeleton, None, ())
    assert run.network.framing == Framing(**changes)


def gradients(tmp_path, monkeypatch, people, weights):
    """Of one step over some people, by the training loop's own step."""
    recipe = nano_recipe(tmp_path)
    run, _ = training.start(recipe, people.packs[0].skeleton, None, ())
    fabric = launch()
    model, optimiser = fabric.setup(Learner(run.network), run.optimiser)
    model.train()
    monkeypatch.setattr(optimiser, "step", lambda: None)
    batch = collate([{**people[0, i], "weight": np.float32(w)} for i, w in weights])
    loss = training.step(recipe, run, model, optimiser, batch, fabric)
    return loss, torch.cat([p.grad.flatten() for p in run.network.model.parameters()])


def test_a_weight_of_two_is_the_person_twice_and_one_of_zero_is_nobody(tmp_path, monkeypatch):
    freeze_statistics(monkeypatch)
    go(tmp_path, epochs=1)
    folder = next(path.parent for path in (tmp_path / "packs").glob("*train*/pack.json"))
    people = PackedPeople([open_pack(folder)], (64, 64))
    weighted, plain = (gradients(tmp_path, monkeypatch, people, who) for who in ([(0, 2.0), (1, 0.5), (2, 0.0)], [(0, 1)] * 4 + [(1, 1)]))
    assert weighted[0] == pytest.approx(plain[0], rel=1e-5)
    assert torch.allclose(weighted[1], plain[1], rtol=1e-3, atol=1e-6)
    other = gradients(tmp_path, monkeypatch, people, [(0, 1.0), (1, 1.0), (2, 1.0)])
    assert not torch.allclose(weighted[1], other[1], rtol=1e-2, atol=1e-5)


@pytest.mark.slow
def test_weights_of_one_change_no_bit(tmp_path):
    go(tmp_path, "plain")
    go(tmp_path, "ones", weights=listing(tmp_path, [1.0] * 24))
    go(tmp_path, "more", weights=listing(tmp_path, [4.0] * 6, "more.json"))
    assert fingerprint(tmp_path / "ones") == fingerprint(tmp_path / "plain")
    assert fingerprint(tmp_path / "more")[0] != fingerprint(tmp_path / "plain")[0]


def test_a_weighted_run_stopped_anywhere_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    weights = listing(tmp_path, [4.0, 0.0, 0.25] * 4)
    go(tmp_path, "whole", weights=weights, ema=0.9)
    stop_at(monkeypatch, 4)
    with pytest.raises(SystemExit):
        go(tmp_path, "stopped", weights=weights, ema=0.9)
    monkeypatch.undo()
    kept = tmp_path / "stopped/weights.json"
    assert kept.read_bytes() == weights.read_bytes()
    before = copy.copy(kept.read_bytes())
    for other in (None, listing(tmp_path, [9.0], "other.json")):
        with pytest.raises(UsageError, match="the run began with"):
            go(tmp_path, "stopped", weights=other, ema=0.9, resume=True)
    assert kept.read_bytes() == before
    go(tmp_path, "stopped", weights=weights, ema=0.9, resume=True)
    assert fingerprint(tmp_path / "stopped") == fingerprint(tmp_path / "whole")


def test_who_is_left_out_is_never_trained_on(tmp_path):
    data = nano_recipe(tmp_path).data.model_copy(update={"leave_out": listing(tmp_path, [1.0] * 8)})
    go(tmp_path, data=data, epochs=1)
    packs = {path.parent.name: open_pack(path.parent) for path in (tmp_path / "packs").glob("*/pack.json")}
    assert {name.split("-")[1]: len(pack) for name, pack in packs.items()} == {"train": 16, "val": 24}


@pytest.mark.slow
def test_two_processes_have_the_weighted_loss_trace_of_one(tmp_path):
    listing(tmp_path, [4.0, 0.0, 0.25] * 4)
    for processes in (1, 2):
        run_processes(tmp_path, processes, f"p{processes}", "weighted")
    one, two = ([float(row["validation/loss"]) for row in rows(tmp_path / f"p{processes}")] for processes in (1, 2))
    assert two == pytest.approx(one, rel=1e-4)
    run_processes(tmp_path, 1, "plain", "plain")
    assert [float(row["validation/loss"]) for row in rows(tmp_path / "plain")] != pytest.approx(one, rel=1e-4)

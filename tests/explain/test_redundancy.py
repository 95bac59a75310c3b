import json

import numpy as np
import pytest

from explain.test_branches import dots_sample
from explain.turning_for_tests import coloured_sample, turning
from explain.two_paths_for_tests import two_paths
from glasspose import explain
from glasspose.__main__ import main
from glasspose.configs.data import DrawnPeople
from glasspose.explain import alignment, probe_targets, redundancy
from glasspose.explain.activations import untrained
from glasspose.explain.alignment import cka, laws, matrix, selftest_alignment
from glasspose.explain.early_exit import exits
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.principal import centred
from glasspose.explain.probing import Target, directions, folds, interval, read, read_both
from glasspose.explain.sample import draw_sample
from glasspose.explain.subject import subject

pytestmark = pytest.mark.usefixtures("one_thread")
RNG = np.random.default_rng(0)


def target(values):
    values = values.reshape(len(values), -1)
    return Target(name="t", values=values, known=np.ones(values.shape, bool))


def test_the_laws_of_cka_and_that_the_biased_one_breaks_the_third(monkeypatch):
    assert all(check.passed for check in selftest_alignment())

    def biased(one, other):
        return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))

    wide = RNG.normal(size=(60, 400))
    assert all(check.passed for check in laws(wide))
    monkeypatch.setattr(alignment, "cka", biased)
    assert [check.passed for check in laws(wide)] == [True, True, False]


def test_cka_of_all_pairs_is_cka_of_each():
    rows = [RNG.normal(size=(40, 5)), RNG.normal(size=(40, 9))]
    rows.append(rows[0] @ RNG.normal(size=(5, 5)))
    grams = [centred(one) for one in rows]
    whole, bounds = matrix(grams)
    assert whole == pytest.approx(np.array([[cka(a, b) for b in grams] for a in grams]))
    assert (bounds[..., 0] <= whole + 1e-9).all()
    assert (bounds[..., 1] >= whole - 1e-9).all()


def test_a_probe_reads_what_is_there_and_nothing_of_other_people():
    rows = RNG.normal(size=(120, 300)) * np.geomspace(3, 0.01, 300)
    own, control = read_both(centred(rows), target(rows[:, :2] @ RNG.normal(size=(2, 2))), folds(np.arange(120), 0))
    assert own.r2 > 0.9
    assert -0.25 < control.r2 < 0.1
    low, high = interval(own, np.arange(120), control)
    assert 0.5 < low < own.r2 - control.r2 < high


def test_people_of_one_picture_stand_in_one_fold():
    groups = np.repeat(np.arange(30), 3)
    fold = folds(groups, 0)
    assert all(len(set(fold[groups == i])) == 1 for i in range(30))
    assert set(fold) == set(range(5))
    noise, copies = RNG.normal(size=(30, 50)), np.repeat(RNG.normal(size=30), 3)  # the same person thrice: by person a probe would remember
    rows = np.repeat(noise, 3, axis=0)
    assert read(centred(rows), target(copies), fold).r2 < 0.2
    assert read(centred(rows), target(copies), np.arange(90) % 5).r2 > 0.9


def test_unlabelled_values_are_never_looked_at():
    rows = RNG.normal(size=(100, 10))
    values = rows[:, :1].copy()
    known = np.arange(100)[:, None] % 3 > 0
    values[~known] = 1e6
    assert read(centred(rows), Target(name="t", values=values, known=known), folds(np.arange(100), 0)).r2 > 0.9


def test_the_direction_of_a_probe_is_that_of_what_it_reads():
    rows = RNG.normal(size=(200, 6))
    found = directions(rows, rows @ np.eye(6)[:, :2])
    assert found @ np.eye(6)[:, :2] == pytest.approx(np.eye(2), abs=0.05)


def test_the_untrained_network_has_other_weights_and_the_samples_statistics(nano_weights, tmp_path):
    asked = subject(nano_weights)
    sample = draw_sample(DrawnPeople(count=6, folder=tmp_path), asked.skeleton, asked.size, 6)
    before = {name: value.clone() for name, value in asked.network.model.state_dict().items()}
    one, same, other = (untrained(asked.network, sample, seed).model.state_dict() for seed in (0, 0, 1))
    weights = [name for name in before if name.endswith("weight") and before[name].ndim == 4]
    assert all((one[name] != before[name]).any() and (one[name] == same[name]).all() and (one[name] != other[name]).any() for name in weights)
    assert all((one[name] != 0).any() for name in before if name.endswith("running_mean"))
    assert all((value == before[name]).all() for name, value in asked.network.model.state_dict().items())


def test_parameters_that_learnt_nothing_do_not_beat_the_untrained_network(monkeypatch):
    monkeypatch.setattr(redundancy, "draw_sample", lambda *_: dots_sample(60))
    monkeypatch.setattr(probe_targets, "RANDOM", 21)
    made = explain.layers(two_paths("bottleneck"), DrawnPeople(), n=60)
    passed = {check.name.split(": ")[-1]: check.passed for check in made.checks}
    assert passed["R2 above that of shuffled labels"] is True
    assert passed["R2 above that of the untrained network"] is False
    assert made.verdict == "NOT FAITHFUL"


@pytest.mark.parametrize(("by", "used"), [("bottleneck", True), ("skip", False)])
def test_what_is_known_is_used_only_where_the_network_reads_it(by, used, monkeypatch):
    monkeypatch.setattr(probe_targets, "RANDOM", 21)
    asked, sample = subject(turning(by)), coloured_sample(60)
    known, moved = probe_targets.removal(asked, sample, "stack0.bottleneck", folds(sample.image_ids, 0), 0)
    assert known.passed
    assert moved.passed is used


def test_every_stack_is_judged_and_priced(nano_weights, tmp_path):
    asked = subject(nano_weights)
    made = exits(asked, draw_sample(DrawnPeople(count=8, folder=tmp_path), asked.skeleton, asked.size, 8))
    assert [one.stack for one in made] == [1, 2]
    assert 0 < made[0].gigaflops < made[1].gigaflops
    assert made[0].gain is None
    assert made[1].gain == pytest.approx(made[1].pck - made[0].pck)
    assert "milliseconds" not in made[0].numbers()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_json(nano_weights, tmp_path, monkeypatch):
    monkeypatch.setattr(probe_targets, "RANDOM", 3)
    data = DrawnPeople(count=50, folder=tmp_path)
    one, same, other = (json.dumps(explain.layers(nano_weights, data, n=42, seed=seed).to_json()) for seed in (1, 1, 2))
    assert one == same != other


def test_where_it_does_not_apply(nano_weights, tmp_path):
    with pytest.raises(NotApplicableError, match="20 people"):
        explain.layers(nano_weights, DrawnPeople(count=20, folder=tmp_path))
    network = two_paths()
    network.model.taps = dict
    with pytest.raises(NotApplicableError, match="no named place"):
        explain.layers(network, DrawnPeople(count=20, folder=tmp_path))


def test_the_command(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(probe_targets, "RANDOM", 3)
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "44", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "layers", str(nano_weights), *data, "--strict"])
    printed = capsys.readouterr().out
    assert end.value.code == (4 if "NOT FAITHFUL" in printed else 0)
    made = {path.name for path in (tmp_path / "glasspose-out/explain").iterdir()}
    assert {"layers.json", "layers-probes.png", "layers-cka.png", "layers-dimensions.png", "layers-stacks.png", "layers-stacks.csv"} <= made

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dots_for_tests import DOTS, FIGURE, SIZE, dot_network, dot_picture
from explain.two_paths_for_tests import two_paths
from glasspose import explain
from glasspose.__main__ import main
from glasspose.attribution.ablation import MODES, answers_without, branches
from glasspose.configs.data import DrawnPeople
from glasspose.explain import branches as module
from glasspose.explain.branches import level_subsets
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.sample import Sample

pytestmark = pytest.mark.usefixtures("one_thread")


def dots_sample(n=8):
    """Pictures of dots, all labelled, each figure somewhere else."""
    rng = np.random.default_rng(0)
    keypoints = np.stack([0.55 * FIGURE - 8 + rng.uniform(0, 25, 2) for _ in range(n)])
    return Sample(
        name="dots",
        sha256="0" * 64,
        skeleton=DOTS,
        pixels=np.stack([dot_picture(figure, SIZE, radius=5.0) for figure in keypoints]),
        keypoints=keypoints,
        labelled=np.ones((n, 6), bool),
        occluded=np.zeros((n, 6), bool),
        torso=np.full(n, 60.0),
        image_to_input=np.tile(np.eye(2, 3), (n, 1, 1)),
        people=[SimpleNamespace(image_id=i) for i in range(n)],
    )


def explained(by, monkeypatch):
    monkeypatch.setattr(module, "draw_sample", lambda *_: dots_sample())
    return explain.skips(two_paths(by), DrawnPeople(), n=8)


def lost(explanation, branch, mode, key="lost_agreement"):
    return next(row[key] for row in explanation.numbers["effects"] if row["branches"] == [branch] and row["mode"] == mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_branch_that_nobody_reads_matters_nothing(mode, monkeypatch):
    made = explained("skip", monkeypatch)
    assert lost(made, "stack0.skip1", mode) == 0.0
    assert lost(made, "stack0.skip1", mode, "lost_pck@0.1") == 0.0


def test_the_only_path_is_everything(monkeypatch):
    made = explained("skip", monkeypatch)
    assert made.numbers["pck@0.2"] == 1.0
    assert lost(made, "stack0.skip0", "zero", "lost_pck@0.1") > 0.9
    assert lost(made, "stack0.skip0", "resample") > 0.5
    assert "it lives on its skips" in made.answer


def test_a_network_that_uses_its_bottleneck_alone_loses_nothing(monkeypatch):
    made = explained("bottleneck", monkeypatch)
    assert max(row["lost_agreement"] for row in made.numbers["effects"]) == 0.0
    assert "the bottleneck alone carries most of it" in made.answer


def test_putting_back_changes_nothing_and_the_check_fails_where_it_does(monkeypatch, nano_weights, tmp_path):
    data = DrawnPeople(count=6, folder=tmp_path)
    checks = explain.skips(nano_weights, data, n=6).checks
    assert checks[0].passed
    monkeypatch.setattr(module, "answers_without", lambda *a, **k: answers_without(*a, **k).roll(1, -1))
    assert explain.skips(nano_weights, data, n=6).checks[0].passed is False


def test_the_constant_is_the_kindest_and_means_are_of_the_sample(monkeypatch):
    made = explained("skip", monkeypatch)
    assert lost(made, "stack0.skip0", "constant") <= lost(made, "stack0.skip0", "mean") + 0.02
    network, sample = two_paths(), dots_sample()
    known = branches(network, {"stack0.skip0": network.model.skip0}, sample.inputs(), batch=3)
    assert torch.allclose(known.means["stack0.skip0"][0], network.model.dots(sample.inputs()).mean(0), atol=1e-6)


def test_levels_stand_together_over_all_stacks():
    names = [f"stack{s}.skip{d}" for s in range(2) for d in range(3)]
    subsets = level_subsets(names)
    assert len(subsets) == 7
    assert ("stack0.skip0", "stack1.skip0") in subsets
    assert tuple(names) in subsets


@pytest.mark.slow
def test_the_same_seed_gives_the_same_json(nano_weights, tmp_path):
    data = DrawnPeople(count=8, folder=tmp_path)
    one, same, other = (json.dumps(explain.skips(nano_weights, data, n=5, seed=seed).to_json()) for seed in (3, 3, 4))
    assert one == same != other


def test_without_skips_it_does_not_apply(monkeypatch):
    network = dot_network()
    network.model.taps = dict
    with pytest.raises(NotApplicableError, match=r"no \.skip"):
        explain.skips(network, DrawnPeople())


def test_retrained_weights_are_measured_apart(monkeypatch):
    monkeypatch.setattr(module, "draw_sample", lambda *_: dots_sample())
    made = explain.skips(two_paths("skip"), DrawnPeople(), n=8, retrained=two_paths("bottleneck"))
    assert made.numbers["retrained"]["pck@0.2"] == 1.0
    assert "Retrained without skips: 100.0 %, another question" in made.answer


def test_the_command(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "6", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "skips", str(nano_weights), *data, "--n", "6", "--strict"])
    printed = capsys.readouterr().out
    assert end.value.code == (4 if "NOT FAITHFUL" in printed else 0)
    assert "n = 6, seed 0, model nano" in printed
    made = sorted(path.name for path in (tmp_path / "glasspose-out/explain").iterdir())
    assert made == ["skips-branches.png", "skips-effects.csv", "skips-histograms.png", "skips-levels.png", "skips-people.png", "skips.json"]

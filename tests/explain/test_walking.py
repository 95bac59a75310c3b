import json

import cv2
import numpy as np
import PIL.Image
import pytest
import torch

from explain.test_branches import dots_sample
from explain.turning_for_tests import coloured_sample, turning
from explain.two_paths_for_tests import two_paths
from glasspose import explain
from glasspose.__main__ import main
from glasspose.configs.data import DrawnPeople
from glasspose.explain import steering, walk_probe, walking, walks
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.steering import decoder, moves_of_skips
from glasspose.explain.subject import silent, subject

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(walk_probe, "RANDOM", 24)
    monkeypatch.setattr(walking, "SOURCES", 4)


def walked(network, sample, monkeypatch):
    monkeypatch.setattr(walking, "draw_sample", lambda *_: sample)
    return explain.walk(network, DrawnPeople(), n=len(sample))


def passed(made, words):
    return [check.passed for check in made.checks if words in check.name]


def test_a_bottleneck_that_carries_everything_moves_as_much_alone(monkeypatch):
    made = walked(two_paths("bottleneck"), dots_sample(24), monkeypatch)
    assert made.numbers["bypass_index"] == pytest.approx(1.0)
    assert passed(made, "step 0") == [True]
    assert passed(made, "bypass") == [True]


def test_a_bottleneck_that_nobody_reads_is_called_bypassed(monkeypatch):
    made = walked(turning("skip"), coloured_sample(24), monkeypatch)
    assert made.numbers["bypass_index"] == 0.0
    assert made.verdict == "NOT FAITHFUL"
    assert "is bypassed" in made.answer
    assert "bottleneck not causal here" in made.reasons[0]


def test_the_pose_follows_the_bottleneck_that_turns_it(monkeypatch):
    made = walked(turning("bottleneck"), coloured_sample(), monkeypatch)
    assert passed(made, "the bottleneck alone") == [True, True]
    assert made.numbers["probe"]["attribute"] == "lean"
    assert made.numbers["probe"]["frozen"]["spearman"] >= 0.99
    assert "moves the pose" in made.answer


def test_the_pose_does_not_follow_what_it_does_not_hang_on_although_a_probe_reads_it(monkeypatch):
    made = walked(turning("skip"), coloured_sample(), monkeypatch)
    assert made.numbers["probe"]["r2"] > 0.9
    assert False in passed(made, "the bottleneck alone")
    assert passed(made, "the bottleneck with its skips")[0]


def test_skips_go_along_by_regression():
    known = decoder(subject(turning()), coloured_sample(), silent)
    along = known.found.axes[0]
    moved = moves_of_skips(known, along)["stack0.skip0"]
    assert moved.ravel() == pytest.approx(along, abs=1e-4)  # here skip and bottleneck say the same


def test_memory_of_skips_is_bounded(monkeypatch):
    monkeypatch.setattr(steering, "MEMORY", 1)
    known = decoder(subject(turning()), coloured_sample(70), silent)
    assert len(known.skip_rows["stack0.skip0"]) == 32 < len(known.rows)
    assert known.skip_means["stack0.skip0"].ravel() == pytest.approx(known.rows.mean(0), abs=1e-5)


def test_steps_beyond_everybody_are_off_and_too_many_are_no_longer_faithful(monkeypatch):
    monkeypatch.setattr(walks, "STEPS", np.array([-30.0, -3.0, 0.0, 3.0, 30.0]))
    monkeypatch.setattr(walk_probe, "STEPS", walks.STEPS)
    for module in ("walk_figures", "walking"):
        monkeypatch.setattr(f"glasspose.explain.{module}.STEPS", walks.STEPS)
    made = walked(turning(), coloured_sample(), monkeypatch)
    assert made.numbers["off_manifold"] >= 0.4
    assert passed(made, "where nobody is") == [False]


def test_a_decoder_that_changes_what_it_is_given_fails_at_step_0(monkeypatch):
    monkeypatch.setattr(steering, "_plus", lambda step: lambda output: output * 1.01 + step)
    assert passed(walked(turning(), coloured_sample(), monkeypatch), "step 0") == [False]


def test_nearest_people_are_people_with_all_keypoints(monkeypatch):
    sample = coloured_sample()
    sample.labelled[:30, 0] = False
    known = decoder(subject(turning()), sample, silent)
    rows = walking._nearest(known, sample, known.asked.ask_all(sample))
    assert [row.component for row in rows] == [1, 2, 3, 10, 30]
    assert min(person for row in rows for person in row.people) >= 30
    target = known.found.scores[:, 0]
    assert target[rows[0].people[0]] < 0 < target[rows[0].people[-1]]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_json(nano_weights, tmp_path, monkeypatch):
    monkeypatch.setattr(walk_probe, "RANDOM", 2)
    monkeypatch.setattr(walking, "SOURCES", 2)
    monkeypatch.setattr(walking, "WALKED", (0,))
    data = DrawnPeople(count=22, folder=tmp_path)
    one, same, other = (json.dumps(explain.walk(nano_weights, data, n=20, seed=seed).to_json()) for seed in (1, 1, 2))
    assert one == same != other


def test_without_a_bottleneck_it_does_not_apply(tmp_path):
    network = turning()
    network.model.taps = lambda: {"stem": network.model.skip}
    with pytest.raises(NotApplicableError, match="has no bottleneck"):
        explain.walk(network, DrawnPeople(count=24, folder=tmp_path))
    with pytest.raises(NotApplicableError, match="3 people"):
        explain.walk(turning(), DrawnPeople(count=24, folder=tmp_path), n=3)


def test_the_command_from_a_photograph(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.png", np.random.default_rng(0).integers(0, 255, (90, 70, 3), np.uint8))
    data = ["--data.kind", "drawn_people", "--data.count", "20", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "walk", str(nano_weights), *data, "--photo", "photo.png", "--strict"])
    printed = capsys.readouterr().out
    assert end.value.code == (4 if "NOT FAITHFUL" in printed else 0)
    out = tmp_path / "glasspose-out/explain"
    assert {"walk.json", "walk-film.png", "walk-film.gif", "walk-nearest.png", "walk-walks.csv"} <= {path.name for path in out.iterdir()}
    with PIL.Image.open(out / "walk-film.gif") as film:
        assert film.n_frames > 1
    assert torch.is_inference_mode_enabled() is False

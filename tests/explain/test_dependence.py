import json

import numpy as np
import pytest

from dots_for_tests import DOTS as SIX
from dots_for_tests import FIGURE, GREY, SIZE, dot_network, dot_picture
from glasspose.__main__ import main
from glasspose.explain import dependence, hiding
from glasspose.explain.dependence import explained, hallucinated, selftest_context
from glasspose.explain.dependence_figures import mean_pose
from glasspose.explain.explanation import Verdict
from glasspose.explain.hand_wired import dotted, finder
from glasspose.explain.sample import Sample
from glasspose.explain.shapley import shapley_values
from glasspose.explain.subject import subject
from glasspose.skeletons import LSP

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def copied():
    return explained(subject(finder(copied=True)), dotted(8))


def six_dots(n=6):
    rng = np.random.default_rng(0)
    keypoints = np.stack([0.55 * FIGURE + 5 + rng.uniform(0, 12, 2) for _ in range(n)])
    pixels = np.stack([dot_picture(figure, SIZE, radius=3.0) for figure in keypoints])
    noise = rng.integers(-6, 7, pixels.shape)
    pixels = np.where((pixels == GREY).all(-1, keepdims=True), pixels + noise, pixels).astype(np.uint8)
    one = dotted(n)
    return Sample(
        name="dots",
        sha256="0" * 64,
        skeleton=SIX,
        pixels=pixels,
        keypoints=keypoints,
        labelled=np.ones((n, 6), bool),
        occluded=np.zeros((n, 6), bool),
        torso=np.full(n, 60.0),
        image_to_input=np.tile(np.eye(2, 3), (n, 1, 1)),
        people=one.people,
    )


def failed(explanation):
    return [check.name for check in explanation.checks if check.passed is False]


def test_independent_keypoints_do_not_move_each_other():
    """The dots of `dots_for_tests` are weighed by nearness of colour, so that a fill moves them by a hair; `finder` is exact."""
    made = explained(subject(dot_network()), six_dots(4))
    mean = made.numbers["influence"]["mean"]
    assert np.isfinite(mean[:6]).sum() == 30
    assert np.nanmax(np.abs(mean)) < 0.02
    assert made.answer.startswith("None of 30 pairs")
    assert np.diagonal(made.numbers["lost_agreement"]["mean"]).min() > 0.5
    exact = explained(subject(finder()), dotted(5))
    assert np.nanmax(np.abs(exact.numbers["influence"]["interval"])) == 0
    assert np.diagonal(exact.numbers["lost_agreement"]["mean"]).min() > 0.5
    assert exact.checks[-1].passed is None


def test_a_keypoint_that_another_one_s_dot_places_is_found(copied):
    mean = copied.numbers["influence"]["mean"]
    assert copied.answer.startswith("Hiding the red moves the magenta most")
    assert mean[0, 4] > 0.5
    assert np.nanmax(np.delete(mean[:5].ravel(), 4)) < 0.1
    assert np.nanmax(np.abs(mean[4])) < 0.02
    assert copied.verdict == Verdict.FAITHFUL, failed(copied)


def test_shapley_gives_a_copied_keypoint_to_the_part_that_places_it(copied):
    shapley = copied.numbers["shapley"]
    shares = dict(zip(shapley["parts"], shapley["mean"], strict=True))
    assert shares["magenta"][4] == pytest.approx(0, abs=0.02)
    assert max(shares, key=lambda part: shares[part][4]).startswith("red")


@pytest.mark.slow
def test_the_self_test_passes():
    assert all(check.passed for check in selftest_context(1))


def test_checks_fail_where_they_should(monkeypatch):
    sample = dotted(4)
    asked = subject(finder(copied=True))
    monkeypatch.setattr(dependence, "shapley_values", lambda values: 1.01 * shapley_values(values))
    assert failed(explained(asked, sample)) == ["Shapley values sum to what all parts are worth together"]
    monkeypatch.undo()
    monkeypatch.setattr(hiding, "hidden", lambda images, mask, fill: images + 0 * mask + 0.5 * fill)
    broken = failed(explained(asked, sample))
    assert "an empty cover moves no keypoint" in broken
    assert "all parts to be seen give the answer itself" in broken


def test_a_network_that_answers_at_random_has_no_stable_matrix(monkeypatch):
    asked = subject(finder())
    true = type(asked).ask

    def erratic(self, images):
        told = true(self, images)
        turn = np.random.default_rng(int(images.abs().sum() * 100) % 2**32)
        told.keypoints[:] += turn.normal(0, 8, told.keypoints.shape)
        return told

    monkeypatch.setattr(type(asked), "ask", erratic)
    made = explained(asked, dotted(6))
    correlation = made.numbers["split_half"]
    assert correlation < 0.9
    check = dependence._stable(correlation, 8, claimed=True)
    assert check.passed is False
    assert "8 people are too few" in check.reason
    assert "an empty cover moves no keypoint" not in failed(made)


def test_who_invents_a_keypoint():
    """Two people, one keypoint, one fill: the first stays sure and goes elsewhere; the second was never sure."""
    sample = dotted(2)
    found = hiding.hide(subject(finder()), sample, 0, lambda *_: None)
    found.similar[:, 0, :, 0, 0], found.scores[:, 0, :, 0, 0] = 0.1, 0.9
    found.similar[:, 0, :, 1, 1], found.scores[:, 0, :, 1, 1] = 0.9, 0.9
    found.similar[:, 0, :, 2, 2], found.scores[:, 0, :, 2, 2] = 0.1, 0.1
    found.whole.scores[1, 0] = 0.0
    invented, confident = hallucinated(found, np.full(5, 0.2))
    assert invented[0].tolist()[:3] == [1.0, 0.0, 0.0]
    assert confident[:, 0].tolist() == [True, False]


def test_limbs_that_point_anywhere_keep_their_length_in_the_mean_pose():
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 100, (20, len(LSP), 2))
    pose = mean_pose(keypoints, LSP)
    assert pose.min() == 0
    assert pose.max() == pytest.approx(1)
    arm = np.linalg.norm(pose[LSP.index("right_elbow")] - pose[LSP.index("right_wrist")])
    assert arm > 0.1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_json():
    asked, sample = subject(finder(copied=True)), dotted(3)
    one, same, other = (json.dumps(explained(asked, sample, seed).to_json()) for seed in (3, 3, 4))
    assert one == same != other


def test_the_command(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "2", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "context", str(nano_weights), *data, "--n", "2", "--strict"])
    printed = capsys.readouterr().out
    assert end.value.code == (4 if "NOT FAITHFUL" in printed else 0)
    assert "n = 2, seed 0, model nano" in printed
    made = {path.name for path in (tmp_path / "glasspose-out/explain").iterdir()}
    assert {f"context-{name}.png" for name in ("matrix", "limbs", "graph", "shapley", "people")} <= made
    assert {"context.json", "context-influence.csv", "context-hallucination.csv"} <= made

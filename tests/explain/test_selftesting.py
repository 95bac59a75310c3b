import json

import numpy as np
import pytest
import torch

from glasspose import explain
from glasspose.__main__ import main
from glasspose.explain import selftesting
from glasspose.explain.evidence import METHODS, Evidence
from glasspose.explain.explanation import Check, Verdict
from glasspose.explain.known_answers import hand_wired
from glasspose.explain.selftesting import BAD_METHODS, attempt, grown
from glasspose.explain.shortcut_networks import NOWHERE, accompanied, before_background, shortcuts, watermarked

pytestmark = pytest.mark.usefixtures("one_thread")
LISTED = selftesting.OF_OTHER_COMMANDS
QUICK = ("occlusion", "gradient_times_input")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Other commands' self tests have tests of their own."""
    monkeypatch.setattr(selftesting, "OF_OTHER_COMMANDS", ())


@pytest.fixture(scope="module")
def wired():
    return hand_wired(3)


@pytest.mark.parametrize("method", METHODS)
def test_every_shipped_method_finds_the_reasons_of_hand_wired_networks(method, wired):
    for known in wired:
        trial = attempt(method, METHODS[method], known)
        assert trial.passed, trial


@pytest.mark.parametrize("method", BAD_METHODS)
def test_every_bad_method_is_rejected_by_hand_wired_networks_alone(method, wired):
    assert not all(attempt(method, BAD_METHODS[method], known).passed for known in wired)


def test_guided_backpropagation_is_taken_in_by_what_cancels_out(wired):
    cancelled = next(known for known in wired if known.name == "cancelled decoy")
    assert attempt("guided backpropagation", BAD_METHODS["guided backpropagation"], cancelled).on_decoy > 0.5
    assert attempt("gradient_times_input", METHODS["gradient_times_input"], cancelled).on_decoy < 1e-6


def test_the_known_reasons_are_reasons(wired):
    """Without its cause a keypoint is gone; without its decoy nothing changes."""
    for known in wired:
        for i, k in enumerate(known.keypoints):
            bare = known.inputs()[i : i + 1]
            without_cause, without_decoy = bare.clone(), bare.clone()
            without_cause[0, :, torch.from_numpy(known.cause[i])] = 0
            without_decoy[0, :, torch.from_numpy(known.decoy[i] & ~known.cause[i])] = 0
            with torch.no_grad():
                own, gone, same = (float(known.network.heatmaps(x)[0, -1, k].max()) for x in (bare, without_cause, without_decoy))
            assert own > 0.3
            assert gone < 0.1 * own
            assert same == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("draw", [watermarked, before_background, accompanied])
def test_pictures_of_shortcuts_say_where_their_reason_is(draw):
    scenes = [draw(np.random.default_rng(i)) for i in range(12)]
    assert all(not (scene.cause & scene.decoy).any() for scene in scenes)
    assert len({scene.keypoint for scene in scenes if scene.keypoint != NOWHERE}) > 1


def quick(monkeypatch, wired):
    monkeypatch.setattr(selftesting, "hand_wired", lambda: wired)
    monkeypatch.setattr(selftesting, "shortcuts", lambda seed: [])
    return explain.selftest(methods=QUICK)


@pytest.mark.slow
def test_the_suite_passes_and_says_so(monkeypatch, wired):
    made = quick(monkeypatch, wired)
    assert made.verdict == Verdict.FAITHFUL
    assert "4 of 4 deliberately bad methods were rejected" in made.answer
    assert json.dumps(made.to_json()) == json.dumps(quick(monkeypatch, wired).to_json())


@pytest.mark.slow
def test_a_shipped_method_that_is_bad_fails_the_suite(monkeypatch, wired):
    monkeypatch.setitem(METHODS, "occlusion", BAD_METHODS["edge map"])
    made = quick(monkeypatch, wired)
    assert made.verdict == Verdict.NOT_FAITHFUL
    assert "own dots" in made.reasons[0]


@pytest.mark.slow
def test_a_bad_method_that_is_taken_for_good_fails_the_suite(monkeypatch, wired):
    monkeypatch.setitem(BAD_METHODS, "random", METHODS["gradient_times_input"])
    made = quick(monkeypatch, wired)
    assert made.verdict == Verdict.NOT_FAITHFUL
    assert "the suite takes it for good" in made.reasons[0]


def test_other_commands_add_their_own(monkeypatch, wired):
    monkeypatch.setattr(selftesting, "OF_OTHER_COMMANDS", (("skips", "planted:selftest_skips"),))
    planted = type("Module", (), {"selftest_skips": staticmethod(lambda seed: [Check(name="dead branch", passed=False)])})
    monkeypatch.setattr(selftesting, "import_module", lambda name: planted)
    made = quick(monkeypatch, wired)
    assert made.reasons == ["FAILED: skips: dead branch"]


def test_every_listed_self_test_is_there():
    from importlib import import_module

    for _, place in LISTED:
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(f"glasspose.explain.{module}"), function))


def test_the_command_ends_with_4_where_it_fails(monkeypatch, wired, tmp_path, capsys):
    monkeypatch.setattr(selftesting, "hand_wired", lambda: wired)
    monkeypatch.setattr(selftesting, "shortcuts", lambda seed: [])
    for name in METHODS:  # the quickest in place of all: what is tested is how it ends
        monkeypatch.setitem(METHODS, name, METHODS["gradient_times_input"])
    for code in (0, 4):
        with pytest.raises(SystemExit) as end:
            main(["explain", "selftest", "--out", str(tmp_path)])
        assert end.value.code == code
        monkeypatch.setitem(METHODS, "smooth_grad", lambda case: Evidence(map=torch.ones(64, 64)))
    assert "NOT FAITHFUL" in capsys.readouterr().out


def test_a_region_grows_by_its_reach():
    region = np.zeros((9, 9), bool)
    region[4, 4] = True
    assert grown(region, 2).sum() == 25


@pytest.mark.slow
def test_every_shipped_method_finds_learned_shortcuts():
    for known in shortcuts():
        for name, method in METHODS.items():
            trial = attempt(name, method, known)
            assert trial.passed, trial

import json

import numpy as np
import pytest
from masked_for_tests import people

from glasspose.__main__ import main
from glasspose.explain import cues
from glasspose.explain.cues import CUES
from glasspose.explain.explanation import Verdict
from glasspose.explain.hand_wired import SIDED, dotted, finder, placer, sided
from glasspose.explain.robustness import HULL, _checks, effects, explained, monotone, selftest_stress, stress, stressed
from glasspose.explain.sample import draw_sample, whose
from glasspose.explain.shortcut_stress import selftest_shortcuts
from glasspose.explain.subject import silent, subject

pytestmark = pytest.mark.usefixtures("one_thread")


def asked_of(decided_by, n=6):
    return explained(subject(placer(decided_by)), sided(n, decided_by))


def row(explanation, cue, dose=None):
    return [r for r in explanation.numbers["effects"] if r["cue"] == cue and dose in (None, r["dose"])][-1]


@pytest.fixture(scope="module")
def background():
    return asked_of("background")


def test_a_background_shortcut_is_ranked_first(background):
    assert background.answer.startswith("Changing background breaks it first: at the full dose it loses ")
    assert background.numbers["first"]["clear"]
    assert row(background, "background")["lost_agreement"] > 0.2
    assert row(background, "background")["inverted"] == pytest.approx(row(background, "background")["lost_agreement"], abs=1e-3)
    assert row(background, "background")["lost_pck@0.2"] > 0.2
    assert max(row(background, cue)["lost_agreement"] for cue in ("colour", "texture", "edges only", "background blurred")) == 0
    assert background.verdict == Verdict.FAITHFUL


def test_a_watermark_shortcut_is_ranked_first():
    made = asked_of("watermark")
    first = next(r["cue"] for r in made.numbers["reliance"] if r["family"] == "cue")
    assert first.startswith("background")
    assert row(made, first)["lost_agreement"] > 0.2
    assert row(made, "texture")["lost_agreement"] == 0


def test_a_network_that_looks_at_nothing_loses_nothing_and_mirrors_well():
    made = asked_of("nothing")
    assert "No change of background, colour, texture or edges moves any keypoint" in made.answer
    assert row(made, "flip")["inverted"] == 0
    assert row(made, "flip")["lost_agreement"] == pytest.approx(0, abs=1e-6)


def test_a_network_that_takes_a_corner_for_left_is_inverted_by_mirrors():
    made = asked_of("corner")
    assert row(made, "flip")["inverted"] == 1
    assert made.numbers["left_right_inversion_when_mirrored"] == 1


def test_dots_are_followed_through_shifts_scales_and_turns():
    made = explained(subject(finder()), dotted(4))
    for cue in ("crop shift", "crop scale", "rotation"):
        assert row(made, cue)["lost_agreement"] < 0.1, cue
    assert row(made, "flip")["inverted"] is None
    assert row(made, "occlusion", 0.35)["lost_agreement"] > row(made, "occlusion", 0.15)["lost_agreement"] * 0.9


@pytest.mark.slow
def test_the_self_test_passes():
    assert all(check.passed for check in selftest_stress(1))


@pytest.mark.slow
def test_background_comes_first_on_trained_shortcuts_and_the_test_of_that_can_fail(monkeypatch):
    """A network each: trained here, once for both."""
    kept = selftest_shortcuts()
    assert [check.name.split()[4] for check in kept] == ["watermark", "background", "companion"]
    assert all(check.passed for check in kept), kept
    for cue in ("background", "background blurred"):
        monkeypatch.setitem(cues._PAINTED, cue, lambda of, dose: of.pixels.copy())
    assert not any(check.passed for check in selftest_shortcuts())


def test_the_check_of_dose_0_fails_where_a_cue_touches_the_picture(monkeypatch):
    monkeypatch.setitem(cues._PAINTED, "colour", lambda of, dose: of.pixels // 2)
    found = stressed(subject(placer()), sided(2), 0, silent)
    checks = _checks(found, effects(found, sided(2)))
    assert checks[0].passed is False
    assert checks[0].value > 20


def test_the_check_of_doses_fails_where_more_costs_less(background):
    rows = [dict(r) for r in background.numbers["effects"]]
    for name, cue in CUES.items():
        for lost, r in zip(np.linspace(0.9, 0.1, len(cue.doses)), [r for r in rows if r["cue"] == name], strict=True):
            r["lost_agreement"] = lost
    assert monotone(rows) < 0.8
    assert monotone([{**r, "lost_agreement": 0.0} for r in rows]) is None


def test_the_check_of_the_person_fails_where_the_pose_is_elsewhere():
    sample = sided(2)
    sample.keypoints[:] = 3.0
    found = stressed(subject(placer()), sample, 0, silent)
    assert found.holds == 0
    assert _checks(found, effects(found, sample))[2].passed is False


@pytest.mark.parametrize(
    ("masked", "told"),
    [
        (3, "the mask in the labels (3 of 3 people)"),
        (1, f"the mask in the labels (1 of 3 people) or {HULL} (2 of 3 people)"),
        (0, f"{HULL} (3 of 3 people)"),
    ],
)
def test_it_says_by_what_people_are_told_from_the_background(masked, told):
    assert whose(masked, 3, HULL) == told


@pytest.mark.slow
@pytest.mark.parametrize("hulls", [1, 0])
def test_text_numbers_and_captions_say_who_has_a_mask(tmp_path, hulls):
    made = stress(placer(), people(tmp_path, (True, not hulls)))
    told = f"The person is {whose(2 - hulls, 2, HULL)}."
    assert made.answer.endswith(told)
    assert made.numbers["people_by"] == {"mask": 2 - hulls, "hull": hulls}
    assert [figure.caption.endswith(told) for figure in made.figures] == [True] * 3
    assert told == f"The person is {made.provenance.asked['person']}."
    assert any("masks would show of 1 people" in limit for limit in made.limits) == bool(hulls)


def test_occluded_keypoints_need_not_lie_on_a_mask(tmp_path):
    sample = draw_sample(people(tmp_path), SIDED, (96, 96), 2, masks=True)
    sample.keypoints[:, 0] = 3.0
    assert stressed(subject(placer()), sample, 0, silent).holds == 0.75
    sample.occluded[:, 0] = True
    assert stressed(subject(placer()), sample, 0, silent).holds == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_json():
    asked, sample = subject(finder()), dotted(2)
    one, same, other = (json.dumps(explained(asked, sample, seed).to_json()) for seed in (3, 3, 4))
    assert one == same != other


def test_the_command(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "3", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "stress", str(nano_weights), *data, "--n", "3", "--strict"])
    printed = capsys.readouterr().out
    assert end.value.code == (4 if "NOT FAITHFUL" in printed else 0)
    assert "n = 3, seed 0, model nano" in printed
    made = sorted(path.name for path in (tmp_path / "glasspose-out/explain").iterdir())
    assert made == ["stress-doses.csv", "stress-doses.png", "stress-reliance.csv", "stress-reliance.png", "stress-worst.png", "stress.json"]

"""What the README says of the weights that ship."""

import json
from dataclasses import replace

import matplotlib.cbook
import numpy as np
import pytest

from glasspose import evaluation
from glasspose.checkpoint import SHIPPED, load_weights
from glasspose.configs.data import Lspet
from glasspose.explain.saliency import card_check
from glasspose.explain.verdicts import FEWEST
from glasspose.explain.witness import witness
from glasspose.prediction import load

PLACES = {"head_top": (262, 40), "neck": (262, 335), "right_shoulder": (105, 400), "left_shoulder": (425, 400)}
QUARTER_OF_SHOULDERS = 80


@pytest.fixture(scope="module")
def portrait():
    return load("hourglass-tiny-lsp").predict(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


@pytest.mark.parametrize("keypoint", PLACES)
def test_the_portraits_keypoints_lie_where_a_person_would_put_them(portrait, keypoint):
    k = portrait.skeleton.index(keypoint)
    assert portrait.seen[0, k]
    assert np.hypot(*(portrait.keypoints[0, k] - PLACES[keypoint])) <= QUARTER_OF_SHOULDERS


def test_what_the_portrait_does_not_show_is_unseen(portrait):
    outside = [portrait.skeleton.index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle", "wrist")]
    assert not portrait.seen[0, outside].any()


def test_the_file_is_small_enough_to_ship():
    network, card = load_weights("hourglass-tiny-lsp")
    assert (SHIPPED / "hourglass-tiny-lsp.safetensors").stat().st_size <= 3_000_000
    assert sum(p.numel() for p in network.model.parameters()) <= 1_500_000
    assert {"licence", "intended_use", "known_skew", "training", "scores", "calibration"} <= set(card)


def test_the_card_and_the_results_say_the_same():
    _, card = load_weights("hourglass-tiny-lsp")
    for split in ("val", "test"):
        told = json.loads((SHIPPED.parents[2] / f"docs/results/hourglass-tiny-lsp.lspet-{split}.json").read_text())
        assert told["weights"]["sha256"] == card["sha256"]
        assert card["scores"][f"lspet/{split}"]["crop from labels"]["pck@0.2"]["mean"] == told["pck@0.2"]["mean"]


@pytest.mark.parametrize("question", ["why", "context"])
def test_the_card_keeps_the_verdicts_that_the_docs_state(question):
    """So that the explanation of a single photograph quotes one."""
    kept = load_weights("hourglass-tiny-lsp")[1]["explanations"][question]
    assert kept["n"] >= FEWEST
    assert f"verdict is **{kept['verdict']}**" in (SHIPPED.parents[2] / f"docs/explain/{question}.md").read_text()
    assert (kept["verdict"] == "FAITHFUL") == all(kept["checks"].values())


def test_a_single_photograph_quotes_the_shipped_verdict():
    check = card_check(witness("hourglass-tiny-lsp"))
    assert check.reason == "NOT FAITHFUL on 50 people of lspet/val"
    assert check.passed is False


@pytest.mark.data
def test_the_first_people_of_validation_score_as_the_card_says(data_root, monkeypatch):
    people = evaluation.read(Lspet(root=data_root / "lspet", split="val"))
    monkeypatch.setattr(evaluation, "read", lambda config: replace(people, annotations=people.annotations[:80]))
    report = evaluation.evaluate("hourglass-tiny-lsp", Lspet(root=data_root / "lspet", split="val"))
    assert report["pck@0.2"]["mean"] > 0.55
    assert report["two_pass"]["pck@0.2"]["mean"] > 0.5

import json
from dataclasses import replace

import numpy as np
import pytest

from glasspose.checkpoint import load_weights
from glasspose.commands.explain.presenting import present
from glasspose.configs.data import DrawnPeople
from glasspose.configs.explaining import Asking
from glasspose.errors import UsageError
from glasspose.explain.explanation import Check, Explanation, Figure, Provenance, Table, plain
from glasspose.explain.sample import draw_sample
from glasspose.explain.subject import subject
from glasspose.explain.verdicts import keep_verdict, kept_verdict

PASSED, FAILED, NOT_RUN = (Check(name="law", passed=passed, value=0.5, bound="at most 1") for passed in (True, False, None))
LOCAL = replace(FAILED, only_local=True)


def explanation(*checks, n=60):
    provenance = Provenance(model="m", model_sha256="a" * 64, data="d", data_sha256="b" * 64, n=n, seed=0)
    return Explanation(
        name="why",
        question="Why?",
        answer="Because.",
        checks=checks,
        numbers={"x": np.float64(1 / 3), "y": np.nan},
        provenance=provenance,
        figures=[Figure(name="one", caption="c", png=b"png")],
        tables=[Table(name="two", caption="c", columns=["a"], rows=[[1], [None]])],
    )


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ((PASSED,), "FAITHFUL"),
        ((PASSED, NOT_RUN), "FAITHFUL"),
        ((PASSED, LOCAL), "LOCAL ONLY"),
        ((PASSED, LOCAL, FAILED), "NOT FAITHFUL"),
        ((NOT_RUN,), "NOT FAITHFUL"),
        ((), "NOT FAITHFUL"),
    ],
)
def test_one_failed_check_is_enough_and_nothing_tested_is_nothing_shown(checks, verdict):
    made = explanation(*checks)
    assert made.verdict == verdict
    assert bool(made.reasons) == (verdict != "FAITHFUL") or made.checks == (NOT_RUN,)


def test_what_is_saved(tmp_path):
    explanation(PASSED).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["why-one.png", "why-two.csv", "why.json"]
    assert (tmp_path / "why-two.csv").read_text() == 'a\n1\n""\n'
    saved = json.loads((tmp_path / "why.json").read_text())
    assert saved["numbers"] == {"x": 0.333333, "y": None}
    assert saved["verdict"] == "FAITHFUL"


def test_strict_ends_with_4_only_where_it_is_not_faithful(tmp_path, capsys):
    assert present(explanation(FAILED), "w", Asking(out=tmp_path, strict=True)) == 4
    assert "NOT FAITHFUL: FAILED: law 0.5 (at most 1)" in capsys.readouterr().out
    assert present(explanation(FAILED), "w", Asking(out=tmp_path)) == 0
    assert present(explanation(LOCAL), "w", Asking(out=tmp_path, strict=True)) == 0


def test_a_verdict_is_kept_in_the_card_and_quoted(nano_weights, tmp_path):
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"own{suffix}").write_bytes(nano_weights.with_suffix(suffix).read_bytes())
    nano_weights = tmp_path / "own.safetensors"
    assert "keeps no verdict" in kept_verdict(load_weights(nano_weights)[1], "why")
    keep_verdict(nano_weights, explanation(PASSED))
    assert kept_verdict(load_weights(nano_weights)[1], "why") == "FAITHFUL on 60 people of d"
    with pytest.raises(UsageError, match="49 people"):
        keep_verdict(nano_weights, explanation(PASSED, n=49))


def test_plain_keeps_six_digits():
    assert plain({"a": (np.float32(0.1), np.int64(3), True, "x")}) == {"a": [0.1, 3, True, "x"]}


def test_a_sample_depends_on_its_seed_alone(tmp_path, nano_weights):
    asked = subject(nano_weights)
    data = DrawnPeople(count=12, folder=tmp_path)
    one, same, other = (draw_sample(data, asked.skeleton, asked.size, 5, seed) for seed in (0, 0, 1))
    assert one.sha256 == same.sha256 != other.sha256
    assert len(one) == 5
    assert one.inputs().shape == (5, 3, *asked.size)
    assert one.image_ids.tolist() == sorted(one.image_ids)
    assert len(draw_sample(data, asked.skeleton, asked.size, 50)) == 12
    told = asked.ask_all(one, batch=2)
    assert np.abs(told.keypoints - asked.ask(one.inputs()).keypoints).max() < 1e-3

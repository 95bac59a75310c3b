"""The three commands from end to end, on networks that have learnt nothing or know everything."""

import json
import shutil
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from jsonschema import validate

from commands_for_tests import ROOT
from dots_for_tests import dot_network
from explain.test_branches import dots_sample
from glasspose import explain, load
from glasspose.__main__ import main
from glasspose.calibration import calibration_from_card
from glasspose.checkpoint import load_weights, save_weights
from glasspose.configs.data import DrawnPeople
from glasspose.data.drawn_people import read_drawn_people
from glasspose.errors import InputError, UsageError
from glasspose.explain.judged_people import judges_of, learnt_from
from glasspose.explain.sample import draw_sample
from glasspose.explain.subject import subject
from glasspose.explain.taxonomy import Others
from glasspose.skeletons import LSP

confidence, mistakes = (import_module(f"glasspose.explain.{name}") for name in ("confidence", "mistakes"))
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def weights(nano_weights, tmp_path):
    """A copy, so that cards can be written."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(nano_weights.with_suffix(suffix), tmp_path / f"nano{suffix}")
    return tmp_path / "nano.safetensors"


def words(drawn, count):
    return ["--data.kind", "drawn_people", "--data.count", str(count), "--data.folder", str(drawn)]


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["explain", *map(str, arguments)])
    return end.value.code


def test_a_perfect_network_makes_no_mistakes(monkeypatch):
    monkeypatch.setattr(
        mistakes,
        "others_in",
        lambda *_: Others(beside=np.zeros(0, int), keypoints=np.zeros((0, 6, 2)), labelled=np.zeros((0, 6), bool), area=np.zeros(0)),
    )
    monkeypatch.setattr(mistakes, "read", lambda _: SimpleNamespace(annotations=()))
    monkeypatch.setattr(mistakes, "as_skeleton", lambda dataset, _: dataset)
    monkeypatch.setattr(mistakes, "areas_of", lambda sample: np.full(len(sample), 3000.0))
    sample = dots_sample(12)
    for i, person in enumerate(sample.people):
        person.person_id, person.image = i, "x.png"
    monkeypatch.setattr(mistakes, "draw_sample", lambda *_: sample)
    made = explain.errors(dot_network(), DrawnPeople(), n=12)
    assert made.numbers["kinds"]["good"]["share"] == 1.0
    assert made.numbers["gains"]["pck@0.2"]["now"] == 1.0


def test_errors_of_a_network_that_has_learnt_nothing(nano_weights, drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = run("errors", nano_weights, *words(drawn, 40), "--n", 40, "--strict")
    printed = capsys.readouterr().out
    assert code == (4 if "NOT FAITHFUL" in printed else 0)
    assert "keypoints are good" in printed
    made = json.loads((tmp_path / "glasspose-out/explain/errors.json").read_text())
    for found in made["numbers"]["gains"].values():
        assert found["now"] + sum(kind["added"] for kind in found["kinds"].values()) == pytest.approx(1, abs=1e-4)
    assert {"errors-kinds.png", "errors-gains.png", "errors-worst.png", "errors-review.csv"} <= {
        path.name for path in (tmp_path / "glasspose-out/explain").iterdir()
    }


def test_checks_of_errors_fail_where_they_should(nano_weights, drawn, monkeypatch):
    data = DrawnPeople(count=40, folder=drawn)
    monkeypatch.setattr(mistakes, "search", lambda *a, **k: [SimpleNamespace(finding=True)])
    short = {"x": {"now": 0.5, "kinds": {"miss": {"added": 0.4}}}}
    checks = mistakes._checks(short, [SimpleNamespace(finding=True)], *_classified(nano_weights, data), 0)
    assert [check.passed for check in checks] == [False, False]


def _classified(weights, data):
    asked = subject(weights)
    sample = draw_sample(data, asked.skeleton, asked.size, 20, 0)
    return np.where(sample.labelled, 0, -1), sample, sample.labelled


@pytest.mark.parametrize("question", ["errors", "labels", "trust"])
def test_the_same_seed_gives_the_same_json(question, nano_weights, drawn):
    data, n = DrawnPeople(count=40, folder=drawn), {"trust": 40}.get(question, 20)
    one, same = (json.dumps(getattr(explain, question)(nano_weights, data, n=n, seed=3).to_json()) for _ in range(2))
    assert one == same


def folds(folder, drawn, count=60, wrong=()):
    """Out-of-fold answers that are nearly right."""
    rng = np.random.default_rng(0)
    people = read_drawn_people(DrawnPeople(count=count, folder=drawn)).annotations
    entries = [
        {
            "person_id": person.person_id,
            "image_id": person.image_id,
            "fold": i % 2,
            "keypoints": (person.keypoints + rng.normal(0, 3, (14, 2))).tolist(),
            "scores": rng.uniform(0.5, 0.9, 14).tolist(),
        }
        for i, person in enumerate(people)
    ]
    folder.mkdir()
    content = {"format": "glasspose.out_of_fold", "version": 1, "skeleton": LSP.to_json(), "folds": 2, "people": entries}
    (folder / "out_of_fold.json").write_text(json.dumps(content))
    return content


def test_labels_by_folds(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folds(tmp_path / "run", drawn)
    assert run("labels", "run", *words(drawn, 60), "--plant", 0.1, "--strict") == 0
    printed = capsys.readouterr().out
    assert "FAITHFUL" in printed
    made = json.loads((tmp_path / "glasspose-out/explain/labels.json").read_text())
    assert made["numbers"]["planted"]["precision@k"] > 0.7
    page = (tmp_path / "glasspose-out/explain/labels.html").read_text()
    assert page.count('class="suspect"') == 60
    assert len(page) < 8_000_000
    assert "http" not in page.replace("http-equiv", "")
    assert len((tmp_path / "glasspose-out/explain/labels-suspects.csv").read_text().splitlines()) == 61


def test_an_untrained_network_and_one_that_has_seen_the_labels_are_not_faithful(nano_weights, drawn, tmp_path):
    data = DrawnPeople(count=40, folder=drawn, split="train")
    network, card = load_weights(nano_weights)
    save_weights(tmp_path / "seen.safetensors", network, {**card, "training": {"data": {"drawn_people/train": 40}}})
    made = explain.labels(tmp_path / "seen.safetensors", data, n=40, planted=0.1)
    assert made.verdict == "NOT FAITHFUL"
    assert made.answer.startswith("WARNING")
    untrained = explain.labels(nano_weights, data, n=40, planted=0.1)
    assert {check.name: check.passed for check in untrained.checks}["the network adds to what limb lengths alone tell"] is False
    assert untrained.verdict != "FAITHFUL"


@pytest.mark.parametrize(
    ("known", "name", "answer"),
    [
        ((), "lspet/val", None),
        (("lspet/train",), "lspet/val", True),
        (("lspet/train",), "lspet/train", False),
        (("lspet/train",), "lspet/all", False),
        (("coco/train (derived neck and head top)",), "coco/train", False),
        (("lspet",), "lspet/val", False),
    ],
)
def test_who_has_seen_what(known, name, answer):
    assert learnt_from(known, name)[0] is answer


def test_damaged_folds_are_refused(drawn, tmp_path):
    dataset = read_drawn_people(DrawnPeople(count=4, folder=drawn))
    content = folds(tmp_path / "run", drawn, count=4)
    path = tmp_path / "run/out_of_fold.json"
    for damaged in (
        {},
        [],
        {**content, "people": [{}]},
        {**content, "skeleton": 3},
        {**content, "people": [{**content["people"][0], "scores": [1]}]},
    ):
        path.write_text(json.dumps(damaged))
        with pytest.raises(InputError):
            judges_of(tmp_path / "run", dataset)
    path.write_text(json.dumps({**content, "people": content["people"][:2]}))
    with pytest.raises(UsageError, match="2 of 4 people"):
        judges_of(tmp_path / "run", dataset).claims(dataset.annotations)
    path.unlink()
    with pytest.raises(UsageError, match=r"no out_of_fold\.json"):
        judges_of(tmp_path / "run", dataset)


def taught(monkeypatch):
    """Answers that are as often right as a known function of their score says."""
    real = confidence._Looked.__init__

    def init(self, *a, **k):
        real(self, *a, **k)
        rng = np.random.default_rng(0)
        self.scores = rng.uniform(0, 0.5, self.scores.shape)
        self.hit = rng.random(self.scores.shape) < 0.2 + 1.4 * self.scores

    monkeypatch.setattr(confidence._Looked, "__init__", init)


def test_trust_writes_what_predict_then_tells(weights, drawn, tmp_path, monkeypatch, capsys):
    taught(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert run("trust", weights, *words(drawn, 120), "--other.kind", "drawn_people", "--other.count", 30, "--other.folder", drawn, "--write") == 0
    printed = capsys.readouterr().out
    assert "calibration lowers the error" in printed
    _, card = load_weights(weights)
    kept = calibration_from_card(card, 14)
    assert kept.trust is not None
    assert "held-out calibration error" in kept.trust.note
    picture = str(next(drawn.glob("**/*.png")))
    poses = load(weights, device="cpu").predict(picture)
    told = poses.to_json("x.png")
    validate(told, json.loads((ROOT / "docs/schemas/poses.schema.json").read_text()))
    point = told["people"][0]["keypoints"]["neck"]
    assert {"probability", "radius", "score"} <= set(point)
    assert np.allclose(poses.probability, kept.trust.probabilities(poses.scores))
    assert load(weights, device="cpu", flip_test=False).predict(picture).probability is None


def test_trust_refuses_to_write_what_does_not_help(weights, drawn, monkeypatch):
    data = DrawnPeople(count=60, folder=drawn)
    before = weights.with_suffix(".json").read_text()
    monkeypatch.setattr(
        confidence,
        "paired_error",
        lambda *a: {"before": 0.1, "after": 0.1, "fall": 0.0, **{f"{k}_interval": (-0.1, 0.1) for k in ("before", "after", "fall")}},
    )
    assert explain.trust(weights, data, n=60).checks[0].passed is False
    with pytest.raises(UsageError, match="not written"):
        explain.trust(weights, data, n=60, write=True)
    assert weights.with_suffix(".json").read_text() == before


def test_radii_that_do_not_hold_fail(nano_weights, drawn, monkeypatch):
    real = confidence.grouped_radii
    monkeypatch.setattr(confidence, "grouped_radii", lambda *a: 0.5 * real(*a))
    checks = explain.trust(nano_weights, DrawnPeople(count=60, folder=drawn), n=60).checks
    assert checks[1].passed is False
    assert torch.get_num_threads() == 1

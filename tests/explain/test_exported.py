"""Files without weights: what only changes pictures is asked of them as of the weights, and everything else says that it does not apply."""

import json

import numpy as np
import pytest

from explain.test_saliency import export
from glasspose import explain, exporting
from glasspose.__main__ import main
from glasspose.attribution import occlusion
from glasspose.checkpoint import load_weights
from glasspose.configs.data import DrawnPeople
from glasspose.errors import UsageError
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.sample import draw_sample
from glasspose.explain.subject import subject
from glasspose.explain.verdicts import keep_verdict
from glasspose.explain.witness import Witness, questioned, witness

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


@pytest.fixture(scope="module")
def own(nano_weights, tmp_path_factory):
    return exporting.export(nano_weights, "onnx", tmp_path_factory.mktemp("own") / "nano.onnx").path


@pytest.fixture(scope="module")
def theirs(nano_weights, tmp_path_factory):
    """The same network as a file of somebody else: no card, float pictures, the last stack's maps."""
    return export(load_weights(nano_weights)[0], tmp_path_factory.mktemp("theirs") / "other.onnx", "maps")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return DrawnPeople(count=4, folder=tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(occlusion, "ACROSS", 2)


@pytest.mark.usefixtures("coarse")
def test_why_of_our_own_export_needs_no_skeleton_and_finds_what_it_finds_in_the_weights(own, nano_weights, people):
    ours, plain = (explain.why(weights, people, n=1, methods=("occlusion",)) for weights in (own, nano_weights))
    area, other = (made.numbers["curves"]["occlusion"]["deletion"]["mean"] for made in (ours, plain))
    assert ours.provenance.asked["methods"] == ["occlusion"]
    assert area == pytest.approx(other, abs=0.02)
    assert witness(own).has_weights is False
    assert ours.provenance.model == "nano"
    assert next(check for check in ours.checks if "shuffled" in check.name).passed is None


def test_a_photograph_is_cut_as_predict_would(own, nano_weights, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "photo.png"), np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    from glasspose.explain.saliency import _framed

    ours, plain = (_framed(witness(weights), str(tmp_path / "photo.png"), None) for weights in (own, nano_weights))
    assert ours == pytest.approx(plain, abs=1)


def test_context_of_our_own_export_is_that_of_the_weights(own, nano_weights, people):
    """All but for cells where a level of rounding (files take whole levels) moves a flat map's peak."""
    ours, plain = (explain.context(weights, people, n=1) for weights in (own, nano_weights))
    for part in ("lost_agreement", "shapley"):
        apart = np.abs(np.array(ours.numbers[part]["mean"]) - np.array(plain.numbers[part]["mean"]))
        assert np.nanmean(apart) < 0.02
        assert np.nanmean(np.abs(plain.numbers[part]["mean"])) > 0.05
    assert ours.numbers["hallucination"]["n"] == plain.numbers["hallucination"]["n"] > 0


def test_context_of_a_file_of_others(theirs, people):
    made = explain.context(theirs, people, n=1, skeleton="lsp-14")
    checks = {check.name: check.passed for check in made.checks}
    assert checks["an empty cover moves no keypoint"]
    assert checks["Shapley values sum to what all parts are worth together"]
    assert made.numbers["hallucination"]["rate"] is None
    assert any("nobody has fitted thresholds" in limit for limit in made.limits)
    assert "stays confident" not in made.answer
    json.dumps(made.to_json(), allow_nan=False)


def test_a_file_of_others_says_what_its_network_says(theirs, nano_weights, people):
    asked = questioned(theirs, "lsp")
    assert isinstance(asked, Witness)
    images = draw_sample(people, asked.skeleton, asked.size, 3).inputs()
    told, expected = asked.ask(images), load_weights(nano_weights)[0].heatmaps(images)[:, -1].detach()
    assert np.allclose(told.scores, expected.flatten(2).amax(2), atol=1e-4)


def test_the_command_takes_both(own, theirs, people, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(occlusion, "ACROSS", 2)
    data = ["--data.kind", "drawn_people", "--data.count", "4", "--data.folder", str(people.folder), "--n", "1"]
    for words in (["context", str(theirs), "--skeleton", "lsp"], ["why", str(own)]):
        with pytest.raises(SystemExit) as end:
            main(["explain", *words, *data])
        assert end.value.code == 0, capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["explain", "context", str(theirs), *data])
    assert end.value.code == 2
    assert "does not say which keypoints" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["skips", "latent", "walk", "layers", "improve"])
def test_what_needs_weights_does_not_apply(own, people, name):
    with pytest.raises(NotApplicableError, match="exported file"):
        getattr(explain, name)(own, people.model_copy(update={"count": 60, "split": "val"}), n=60)


def test_gradients_do_not_apply_to_our_own_export(own, people):
    with pytest.raises(NotApplicableError, match="gradients need the network itself"):
        explain.why(own, people, n=1, methods=("smooth_grad",))
    with pytest.raises(UsageError, match="know their own"):
        explain.why(own, people, n=1, skeleton="lsp")


@pytest.mark.usefixtures("coarse")
def test_an_exported_file_keeps_nothing(own, people):
    with pytest.raises(UsageError, match="an exported file keeps no verdict"):
        keep_verdict(own, explain.why(own, people, n=1))
    assert subject(own).exported


@pytest.mark.parametrize(("name", "n"), [("errors", 30), ("trust", 30), ("stress", 2), ("labels", 30)])
def test_what_needs_no_weights_is_asked_of_an_export_too(own, people, tmp_path, name, n):
    made = getattr(explain, name)(own, people.model_copy(update={"count": n, "folder": tmp_path}), n=n)
    assert made.provenance.model == "nano"
    assert made.provenance.n == n

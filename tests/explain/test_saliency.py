import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from masked_for_tests import people

from glasspose import explain
from glasspose.__main__ import main
from glasspose.attribution import occlusion
from glasspose.attribution.answering import Answer
from glasspose.attribution.faithfulness import Curves
from glasspose.configs.data import DrawnPeople
from glasspose.errors import UsageError, WeightsError
from glasspose.explain import saliency
from glasspose.explain.evidence import METHODS
from glasspose.explain.explanation import NotApplicableError, Verdict
from glasspose.explain.faithfulness_checks import checks_of, verdict_of
from glasspose.explain.hand_wired import placer
from glasspose.explain.known_answers import DOTS, hand_wired
from glasspose.explain.sample import Sample
from glasspose.explain.studying import Studied
from glasspose.explain.verdicts import keep_verdict
from glasspose.files import write_atomically

pytestmark = pytest.mark.usefixtures("one_thread")


def sample_of_known(known):
    n = len(known.pixels)
    return Sample(
        name=known.name,
        sha256="0" * 64,
        skeleton=known.network.skeleton,
        pixels=known.pixels,
        keypoints=np.full((n, len(known.network.skeleton), 2), 30.0),
        labelled=np.ones((n, len(known.network.skeleton)), bool),
        occluded=np.zeros((n, len(known.network.skeleton)), bool),
        torso=np.full(n, 30.0),
        image_to_input=np.tile(np.eye(2, 3), (n, 1, 1)),
        people=[SimpleNamespace(image_id=i) for i in range(n)],
    )


@pytest.fixture(scope="module")
def wired():
    return {known.name: known for known in hand_wired(12)}


@pytest.fixture(scope="module")
def far(wired):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(saliency, "FEWER", 1)
        return explain.why(wired["far cause"].network, sample_of_known(wired["far cause"]))


@pytest.fixture
def coarse(monkeypatch):
    """Few and large cells, where it does not matter what is found."""
    monkeypatch.setattr(occlusion, "ACROSS", 2)
    monkeypatch.setattr(saliency, "FEWER", 1)


def named(explanation, part):
    return next(check for check in explanation.checks if part in check.name)


def test_a_far_cause_beats_the_blob_at_the_keypoint(far):
    assert named(far, "beats the random").passed
    assert named(far, "beats the centre blob").passed
    assert named(far, "complete").passed
    assert far.numbers["verdicts"]["occlusion"] == "beats the blob"
    assert far.numbers["half_of_evidence_within_px"]["mean"] == pytest.approx(np.hypot(20, 8), abs=6)
    assert far.numbers["pointing"]["mean"] < 0.5
    assert far.numbers["indices"]["LI"]["mean"] < far.numbers["indices"]["LI"]["of_centre_blob"]


def test_twelve_people_are_too_few_for_a_verdict(far):
    assert named(far, "people looked at").passed is False
    assert far.verdict == Verdict.NOT_FAITHFUL


def test_a_network_that_looks_at_the_keypoint_itself_never_loses_to_chance(wired):
    made = explain.why(wired["own dots"].network, sample_of_known(wired["own dots"]), methods=("occlusion",))
    assert named(made, "beats the random").passed
    assert named(made, "complete").passed is None


def test_a_bad_method_is_not_faithful(wired, monkeypatch):
    """An edge map in place of the first method fails against chance or the blob, and does not notice shuffled weights."""
    from glasspose.explain.selftesting import BAD_METHODS

    monkeypatch.setitem(METHODS, "occlusion", BAD_METHODS["edge map"])
    made = explain.why(wired["cancelled decoy"].network, sample_of_known(wired["cancelled decoy"]), methods=("occlusion",))
    failed = [check.name for check in made.checks if check.passed is False]
    assert any("centre blob" in name for name in failed)
    assert any("shuffled" in name for name in failed)
    assert named(made, "changes when the weights are shuffled").value == pytest.approx(1)


@pytest.mark.usefixtures("coarse")
def test_on_an_untrained_network_no_method_is_told_apart_from_its_shuffled_self_by_luck(nano_weights, tmp_path):
    """Nothing was learned, so the map of the shuffled network is as good; deletion may still be right about what the network does."""
    made = explain.why(nano_weights, DrawnPeople(count=4, folder=tmp_path), n=4, methods=("occlusion",))
    assert made.verdict == Verdict.NOT_FAITHFUL


@pytest.mark.usefixtures("coarse")
def test_fi_goes_by_masks_where_there_are_some_and_says_so(tmp_path):
    made, without = (explain.why(placer(), people(tmp_path, outlined), n=2, methods=("occlusion",)) for outlined in ((True, False), (False, False)))
    assert made.numbers["people_by"] == {"mask": 1, "box": 1}
    told = "the mask in the labels (1 of 2 people) or the box of the predicted keypoints (1 of 2 people)"
    assert made.provenance.asked["person"] == told
    assert told in made.tables[1].caption
    assert without.numbers["people_by"] == {"mask": 0, "box": 2}
    ours, theirs = (explanation.numbers["indices"]["FI"] for explanation in (made, without))
    assert ours["of_centre_blob"] != pytest.approx(theirs["of_centre_blob"])


def won(low, high):
    return {"mean": (low + high) / 2, "interval": (low, high)}


@pytest.mark.parametrize(
    ("blob", "chance", "expected", "verdict"),
    [
        (won(0.01, 0.02), won(0.1, 0.2), "beats the blob", Verdict.FAITHFUL),
        (won(-0.01, 0.02), won(0.1, 0.2), "ties the blob", Verdict.LOCAL_ONLY),
        (won(-0.03, -0.02), won(0.1, 0.2), "neither", Verdict.NOT_FAITHFUL),
        (won(0.01, 0.02), won(-0.1, 0.2), "neither", Verdict.NOT_FAITHFUL),
    ],
)
def test_the_three_verdicts(blob, chance, expected, verdict, far):
    against = {"random": chance, "centre blob": blob}
    assert verdict_of(against) == expected
    curve = Curves(deletion=np.zeros((4, 7)), insertion=np.zeros((4, 7)))
    rng = np.random.default_rng(0)
    point = torch.zeros(20, 20)
    point[3, 3] = 1
    evidence = {"occlusion": SimpleNamespace(map=point)}
    noise = torch.from_numpy(rng.normal(size=(20, 20)))
    studied = [Studied(i=i, k=0, keypoints=np.zeros((3, 2)), evidence=evidence, curves=curve, shuffled=noise) for i in range(50)]
    numbers = {"deletion_won_against": {"occlusion": against}, "completeness": {"within": 1.0, "count": 9}}
    checks = checks_of(studied, numbers, ("occlusion",), SimpleNamespace(kind="confidence"), of_network=True)
    assert type(far)(**{**vars(far), "checks": checks}).verdict == verdict


@pytest.mark.usefixtures("coarse")
@pytest.mark.slow
def test_the_same_seed_gives_the_same_json(nano_weights, tmp_path):
    data = DrawnPeople(count=6, folder=tmp_path)
    one, same, other = (json.dumps(explain.why(nano_weights, data, n=3, seed=seed, methods=("occlusion",)).to_json()) for seed in (3, 3, 4))
    assert one == same != other


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("target", ["location", "agreement", "error"])
def test_every_target_can_be_explained(wired, target):
    known = wired["far cause"]
    made = explain.why(known.network, sample_of_known(hand_wired(3)[1]), target=target, methods=("occlusion",))
    assert made.provenance.asked["target"] == target
    assert np.isfinite(made.numbers["curves"]["occlusion"]["deletion"]["mean"])


def test_what_makes_no_sense_is_said(wired):
    known = wired["own dots"]
    with pytest.raises(UsageError, match="no method or target 'magic'"):
        explain.why(known.network, sample_of_known(known), methods=("magic",))
    with pytest.raises(UsageError, match="Name a photograph"):
        explain.why(known.network, None)
    with pytest.raises(UsageError, match=r"for \.onnx files"):
        explain.why(known.network, sample_of_known(known), skeleton="lsp")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    rng = np.random.default_rng(0)
    cv2.imwrite(str(path), cv2.resize(rng.integers(0, 255, (12, 9, 3), np.uint8), (90, 120)))
    return path


@pytest.mark.usefixtures("coarse")
def test_a_photograph_quotes_the_verdict_of_many_people(nano_weights, photo, monkeypatch, tmp_path):
    made = explain.why(nano_weights, photo, methods=("occlusion",))
    assert 1 <= made.numbers["pairs"] <= 3
    assert set(made.numbers["verdicts"].values()) == {"too few to say"}
    quoted = named(made, "from its card")
    assert quoted.passed is False
    assert "keeps no verdict on `why`" in quoted.reason
    copy = tmp_path / "own.safetensors"
    for suffix in (".safetensors", ".json"):
        write_atomically(copy.with_suffix(suffix), nano_weights.with_suffix(suffix).read_bytes())
    many = SimpleNamespace(name="why", provenance=SimpleNamespace(n=50, data="x", data_sha256="0", seed=0), to_json=lambda: TOLD)
    keep_verdict(copy, many)
    again = named(explain.why(copy, photo, methods=("occlusion",)), "from its card")
    assert again.only_local
    assert again.reason == "LOCAL ONLY on 50 people of x"


TOLD = {"verdict": "LOCAL ONLY", "answer": "", "checks": []}


@pytest.mark.usefixtures("coarse")
def test_a_box_moves_the_crop(nano_weights, photo):
    whole, part = (explain.why(nano_weights, photo, box=box, methods=("occlusion",)) for box in ((0, 0, 90, 120), (10, 10, 60, 60)))
    assert whole.provenance.data_sha256 != part.provenance.data_sha256


@pytest.mark.usefixtures("coarse")
def test_the_command_on_a_dataset(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "2", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "why", str(nano_weights), *data, "--n", "2", "--strict", "--methods", "occlusion"])
    printed = capsys.readouterr().out
    assert end.value.code == 4
    assert "NOT FAITHFUL" in printed
    assert "Half of the evidence for a keypoint lies within" in printed
    made = sorted(path.name for path in (tmp_path / "glasspose-out/explain").iterdir())
    assert made == ["why-curves.png", "why-indices.csv", "why-keypoints.png", "why-methods.csv", "why-side-by-side.png", "why.json"]


def test_the_command_wants_a_photograph_or_a_dataset(nano_weights, capsys):
    with pytest.raises(SystemExit) as end:
        main(["explain", "why", str(nano_weights)])
    assert end.value.code == 2
    assert "name one photograph or one dataset" in capsys.readouterr().err


def export(network, path, shape="stacks"):
    class Output(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = network.model

        def forward(self, images):
            maps = self.model(images)
            return {"stacks": maps, "maps": maps[:, -1], "places": maps.amax(-1)[:, -1, :, :2]}[shape]

    torch.onnx.export(Output().eval(), (torch.zeros(1, 3, *network.input_size),), str(path), dynamo=False, input_names=["x"])
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.usefixtures("coarse")
class TestOnnx:
    @pytest.fixture(scope="class")
    def network(self):
        from glasspose.configs.codecs import Heatmap
        from glasspose.network import PoseNetwork
        from glasspose.skeletons import LSP
        from recipes_for_tests import NANO

        torch.manual_seed(0)
        return PoseNetwork(NANO, Heatmap(), LSP).eval()

    @pytest.mark.parametrize("shape", ["stacks", "maps", "places"])
    def test_a_file_is_explained_by_hiding(self, network, tmp_path, photo, shape):
        path = export(network, tmp_path / "model.onnx", shape)
        made = explain.why(path, photo, skeleton="lsp-14")
        assert made.provenance.asked["methods"] == ["occlusion"]
        assert named(made, "changes when the weights").passed is None
        assert named(made, "from its card").passed is False

    def test_it_answers_as_the_network_does(self, network, tmp_path):
        from glasspose.attribution.answering import NetworkAnswering
        from glasspose.explain.onnx_answering import OnnxAnswering

        images = torch.randn(3, 3, 64, 64)
        theirs = OnnxAnswering(export(network, tmp_path / "model.onnx"), 14)(images)
        assert isinstance(theirs, Answer)
        assert torch.allclose(theirs.maps, NetworkAnswering(network=network)(images).maps, atol=1e-4)

    def test_gradients_do_not_apply(self, network, tmp_path, photo):
        path = export(network, tmp_path / "model.onnx")
        with pytest.raises(NotApplicableError, match="gradients need the network itself"):
            explain.why(path, photo, skeleton="lsp", methods=("integrated_gradients",))

    def test_files_that_do_not_fit(self, network, tmp_path, photo):
        path = export(network, tmp_path / "model.onnx")
        with pytest.raises(UsageError, match="does not say which keypoints"):
            explain.why(path, photo)
        with pytest.raises(UsageError, match="no maps or places of 17 keypoints"):
            explain.why(path, photo, skeleton="coco")
        (tmp_path / "bad.onnx").write_bytes(b"nothing")
        with pytest.raises(WeightsError, match="onnxruntime reads"):
            explain.why(tmp_path / "bad.onnx", photo, skeleton="lsp")


def test_without_onnxruntime_the_remedy_is_told(tmp_path, monkeypatch):
    from glasspose.errors import MissingError
    from glasspose.explain import onnx_answering

    def missing(name):
        raise ImportError(name)

    (tmp_path / "model.onnx").write_bytes(b"x")
    monkeypatch.setattr(onnx_answering, "import_module", missing)
    with pytest.raises(MissingError, match="pip install"):
        onnx_answering.OnnxAnswering(tmp_path / "model.onnx", 14)


def test_public_names():
    assert explain.why is saliency.why
    assert DOTS.keypoints == ("red", "green", "blue")

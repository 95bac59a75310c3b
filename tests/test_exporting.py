"""Exported files do what PyTorch does, or are not there; anybody's files are opened with care."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import glasspose
from glasspose import exporting
from glasspose.checkpoint import load_weights, save_weights
from glasspose.configs.data import DrawnPeople
from glasspose.data.loading import normalise
from glasspose.engines import exported
from glasspose.engines import load_weights as open_weights
from glasspose.engines.packages import is_installed
from glasspose.errors import ExportError, InputError, MissingError, UsageError, WeightsError
from glasspose.exporting import exports, parity, validating
from glasspose.exporting.formats.onnx import Onnx
from glasspose.exporting.graph import Pipeline
from networks_for_tests import CODECS, MODELS, tiny

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parents[1]
NEEDS_OPENVINO = pytest.mark.skipif(not (is_installed("openvino") and is_installed("nncf")), reason="openvino and nncf are not installed")
BY_CODEC = {
    codec: next(m for m in ("hourglass", "deeppose", "resnet per keypoint") if MODELS[m].head == config.head) for codec, config in CODECS.items()
}


def pictures(size, count=5):
    """Blotches, 8 bits."""
    chance = np.random.default_rng(0)
    return np.stack([cv2.resize(chance.integers(0, 256, (6, 9, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC) for _ in range(count)])


def told(path, crops):
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return dict(zip(exported.OUTPUTS, session.run(list(exported.OUTPUTS), {exported.INPUT: crops}), strict=True))


def lively(model, codec, seed=0):
    """Heads start from empty maps; here they say something."""
    network = tiny(model, codec, seed=seed).eval()
    with torch.no_grad():
        for name, value in network.model.named_parameters():
            if "head" in name:
                value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(seed)))
    return network


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["uvic", "uvic_flip"])
def test_the_graph_reads_heatmaps_off_as_uvic_does_too(decoder, tmp_path):
    """Half of the keypoints are no answers there: score 0."""
    network = lively("hourglass", "heatmap").decoded(decoder)
    with torch.no_grad():
        network.model.heads[0].bias += torch.where(torch.arange(14) < 7, 0.6, -0.6)
    form = Onnx(tmp_path, "n")
    form.write(Pipeline(network, flip_test=True), network.input_size, {"made_from": {"glasspose": "0"}}, None)
    crops = pictures(network.input_size)
    ours, ties = parity.reference(network, crops, flip_test=True)
    found = told(form.path, crops)
    assert 0.2 < (ours.scores == 0).mean() < 0.8
    assert np.abs(found["scores"] - ours.scores).max() <= 1e-4
    assert ties.mean() < 0.5
    assert np.linalg.norm(found["keypoints"] - ours.keypoints, axis=-1)[~ties].max() <= parity.BOUND
    with torch.inference_mode():
        places, _ = network.keypoints(normalise(torch.from_numpy(crops)), flip_test=True)
    assert np.abs(places.numpy() - ours.keypoints)[~ties].max() <= parity.BOUND


@pytest.mark.parametrize("flip_test", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("codec", CODECS)
def test_the_graph_of_every_codec_does_what_the_network_does(codec, flip_test, tmp_path):
    network = lively(BY_CODEC[codec], codec)
    form = Onnx(tmp_path, "n")
    form.write(Pipeline(network, flip_test=flip_test), network.input_size, {"made_from": {"glasspose": "0"}}, None)
    for count in (1, 5):
        crops = pictures(network.input_size, count)
        with torch.inference_mode():
            images = normalise(torch.from_numpy(crops))
            raw = network(images)
            answer = network.answers(images, flip_test=flip_test)[:, -1:]
            maps = network.codec.maps(answer)[:, 0]
        ours, ties = parity.reference(network, crops, flip_test=flip_test)
        found = told(form.path, crops)
        assert np.abs(found["raw"] - raw.numpy()).max() <= 1e-4 * max(1, raw.abs().max())
        assert np.abs(found["heatmaps"] - maps.numpy()).max() <= 1e-4
        assert np.abs(found["scores"] - ours.scores).max() <= 1e-4
        apart = np.linalg.norm(found["keypoints"] - ours.keypoints, axis=-1)
        assert ties.mean() < 0.5
        assert apart[~ties].max() <= parity.BOUND


@pytest.fixture(scope="module")
def pose_onnx(tmp_path_factory):
    """The shipped network, exported once for all tests."""
    folder = tmp_path_factory.mktemp("exported")
    return exporting.export("hourglass-tiny-lsp", "onnx", folder / "pose.onnx")


def test_the_shipped_network_is_exported_with_its_proof(pose_onnx):
    sidecar = json.loads(pose_onnx.sidecar.read_text())
    content = pose_onnx.path.read_bytes()
    assert sidecar["file"] == {"name": "pose.onnx", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert sidecar["parity"]["which"] == "seen"
    assert sidecar["parity"]["counted"] > 200
    assert sidecar["parity"]["shift"] <= 0.05
    assert sidecar["parity"]["batches"][0] == 1
    assert max(sidecar["parity"]["batches"]) > 4
    card = load_weights("hourglass-tiny-lsp")[1]
    assert sidecar["licence"] == card["licence"]
    assert sidecar["calibration"]["seen"] == card["calibration"]["seen"]
    assert sidecar["made_from"]["sha256"] == card["sha256"]
    assert sorted(pose_onnx.path.parent.iterdir()) == [pose_onnx.path, pose_onnx.sidecar]


def test_the_card_inside_is_the_sidecar_without_checksum_and_proof(pose_onnx):
    _, card = open_weights(pose_onnx.path)
    sidecar = json.loads(pose_onnx.sidecar.read_text())
    assert {key: value for key, value in sidecar.items() if key not in ("file", "parity")} == {k: v for k, v in card.items() if k != "sha256"}


def test_the_graph_is_for_browsers_too(pose_onnx):
    import onnx

    model = onnx.load(pose_onnx.path)
    assert [(imported.domain, imported.version) for imported in model.opset_import] == [("", 17)]
    assert not {node.op_type for node in model.graph.node} & {"If", "Loop", "Scan"}
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    onnx.checker.check_model(model, full_check=True)


def test_the_documents_describe_every_entry(pose_onnx):
    page = (ROOT / "docs/export.md").read_text()
    sidecar = json.loads(pose_onnx.sidecar.read_text())
    assert [key for key in sidecar if f"`{key}`" not in page] == []
    assert [key for key in sidecar["framing"] if f"`{key}`" not in page] == []


def test_an_exported_file_predicts_what_the_weights_do(pose_onnx):
    picture = _portrait()
    ours = glasspose.load("hourglass-tiny-lsp", engine="torch").predict(picture)
    theirs = glasspose.load(pose_onnx.path).predict(picture)
    assert (ours.seen == theirs.seen).all()
    assert ours.seen.sum() >= 4
    assert np.abs(ours.keypoints - theirs.keypoints)[ours.seen].max() <= 0.05
    assert np.abs(ours.probability - theirs.probability).max() <= 1e-3


def _portrait():
    import matplotlib.cbook

    return Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


ALONE = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("glasspose", "torch", "cv2"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
sys.argv = sys.argv[1:]
exec(compile(open(sys.argv[0]).read(), "program", "exec"))
assert not {"glasspose", "torch", "cv2"} & set(sys.modules)
"""


def test_thirty_lines_of_plain_python_find_the_same_keypoints(pose_onnx, tmp_path):
    program = re.search(r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(), re.DOTALL)[1]
    assert len([line for line in program.splitlines() if line.strip()]) <= 30
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-W", "error", "-c", ALONE, tmp_path / "program.py", pose_onnx.path, _portrait()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    ours = glasspose.load("hourglass-tiny-lsp", engine="torch", flip_test=False).predict(_portrait())
    assert [row[0] for row in rows] == list(ours.skeleton.keypoints)
    assert [row[4] == "seen" for row in rows] == ours.seen[0].tolist()
    apart = np.abs(np.array([[float(v) for v in row[1:3]] for row in rows]) - ours.keypoints[0])
    assert ours.seen.sum() >= 4
    assert apart[ours.seen[0]].max() <= 8.0, "one input pixel: Pillow samples as OpenCV does up to a grey level"
    assert apart[ours.scores[0] >= 0.3].max() <= 2.5


# What fails leaves nothing


class Shifted(Onnx):
    """A file whose keypoints lie a tenth of a pixel away."""

    def runner(self):
        honest = super().runner()

        def run(crops):
            found = honest(crops)
            return parity.Told(keypoints=found.keypoints + 0.1, scores=found.scores, heatmaps=found.heatmaps)

        return run


class OnlyAlone(Onnx):
    """A file that is right for one crop and wrong for many."""

    def runner(self):
        honest = super().runner()

        def run(crops):
            found = honest(crops)
            return found if len(crops) == 1 else parity.Told(keypoints=found.keypoints[::-1], scores=found.scores, heatmaps=found.heatmaps)

        return run


class NotFinite(Onnx):
    def runner(self):
        honest = super().runner()
        return lambda crops: parity.Told(**{**vars(honest(crops)), "scores": np.full((len(crops), 14), np.nan)})


@pytest.mark.parametrize("broken", [Shifted, OnlyAlone, NotFinite])
def test_a_file_that_does_something_else_is_not_left(broken, nano_weights, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "FORMATS", {"onnx": broken})
    target = tmp_path / "out" / "n.onnx"
    with pytest.raises(ExportError) as problem:
        exporting.export(nano_weights, "onnx", target)
    assert problem.value.exit_code == 5
    assert list(target.parent.iterdir()) == []


def test_what_was_there_stays_where_an_export_fails(nano_weights, tmp_path, monkeypatch):
    target = tmp_path / "n.onnx"
    target.write_bytes(b"before")
    monkeypatch.setattr(exports, "FORMATS", {"onnx": Shifted})
    with pytest.raises(ExportError):
        exporting.export(nano_weights, "onnx", target)
    assert target.read_bytes() == b"before"


def test_too_many_undecided_keypoints_prove_nothing(tmp_path):
    torch.manual_seed(0)
    network = tiny("hourglass", "heatmap").eval()
    with torch.no_grad():
        for name, value in network.model.named_parameters():
            if "head" in name:
                value.zero_()  # every map is flat: its highest place is anywhere
    save_weights(tmp_path / "flat.safetensors", network, {"calibration": {"seen": [0.0] * 14, "person": 0.0}})
    with pytest.raises(ExportError, match="undecided"):
        exporting.export(tmp_path / "flat.safetensors", "onnx", tmp_path / "flat.onnx")
    assert not (tmp_path / "flat.onnx").exists()


def test_people_of_a_dataset_are_validated_by_pck(nano_weights, tmp_path):
    data = DrawnPeople(count=6, folder=tmp_path / "drawn", split="val")
    done = exporting.export(nano_weights, "onnx", tmp_path / "n.onnx", data=data, flip_test=True)
    assert done.validation.people == 6
    assert done.validation.pytorch == done.validation.exported
    assert json.loads(done.sidecar.read_text())["parity"]["validation"]["measure"] == "pck@0.2"
    report = glasspose.evaluate(nano_weights, data)
    assert done.validation.pytorch == pytest.approx(report["pck@0.2"]["mean"])
    measured = glasspose.evaluate(done.path, data)
    assert measured["pck@0.2"]["mean"] == pytest.approx(report["pck@0.2"]["mean"])


def test_pictures_of_a_folder_prove_it_too(nano_weights, tmp_path):
    for i, picture in enumerate(pictures((60, 90), 3)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture)
    assert exporting.export(nano_weights, "onnx", tmp_path / "n.onnx", pictures=tmp_path).parity.crops == 3
    with pytest.raises(InputError, match="no folder"):
        exporting.export(nano_weights, "onnx", tmp_path / "m.onnx", pictures=tmp_path / "nowhere")


@NEEDS_OPENVINO
def test_openvino_too(nano_weights, tmp_path):
    done = exporting.export(nano_weights, "openvino", tmp_path / "n.xml")
    assert done.parity.shift <= 0.05
    assert {path.name for path in tmp_path.iterdir()} == {"n.xml", "n.bin", "n.xml.json"}
    picture = pictures((100, 100), 1)[0]
    ours, theirs = (glasspose.load(weights, engine="auto").predict(picture) for weights in (nano_weights, done.path))
    assert np.abs(ours.scores - theirs.scores).max() <= 1e-4
    whole = (tmp_path / "n.bin").read_bytes()
    (tmp_path / "n.bin").write_bytes(whole[:-4] + b"\0\0\0\1")
    with pytest.raises(WeightsError, match="damaged"):
        open_weights(done.path)


@NEEDS_OPENVINO
@pytest.mark.slow
def test_8_bits_are_written_and_refused_where_they_lose_too_much(tmp_path, monkeypatch):
    data = DrawnPeople(count=40, folder=tmp_path / "drawn", split="val")
    monkeypatch.setattr(exports, "CALIBRATION", 20)
    monkeypatch.setattr(validating, "MOST_LOST", 0.05)
    done = exporting.export("hourglass-tiny-lsp", "openvino", tmp_path / "n.xml", int8=True, data=data)
    assert done.parity.bound is None
    assert done.parity.shift > 0.05, "8 bits that change nothing are not 8 bits"
    assert (tmp_path / "n.bin").stat().st_size < 2_500_000
    kept = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(validating, "MOST_LOST", -1.0)
    with pytest.raises(ExportError, match="loses"):
        exporting.export("hourglass-tiny-lsp", "openvino", tmp_path / "m.xml", int8=True, data=data)
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_a_loss_of_more_than_half_a_point_is_refused():
    def lost(points):
        return validating.Validation(data="d", people=9, measure="pck@0.2", pytorch=0.64, exported=0.64 - points / 100)

    lost(0.49).check()
    with pytest.raises(ExportError, match=r"loses 0.51 points of pck@0.2 on d \(64.00 to 63.49 %\)"):
        lost(0.51).check()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"to": "tensorrt"}, "no form"),
        ({"to": "onnx", "int8": True}, "for OpenVINO alone"),
        ({"to": "openvino", "int8": True}, "need people"),
        ({"to": "openvino", "int8": True, "data": DrawnPeople(count=2)}, "same split"),
        ({"to": "onnx", "out": Path("n.tflite")}, "does not end in"),
    ],
)
def test_what_makes_no_sense_is_refused(nano_weights, asked, words):
    with pytest.raises(UsageError, match=words):
        exporting.export(nano_weights, **asked)


@pytest.mark.parametrize(("to", "suffix", "remedy"), [("executorch", "pte", "executorch"), ("litert", "tflite", "make export-litert")])
def test_what_is_not_installed_is_named_with_its_remedy(nano_weights, tmp_path, monkeypatch, to, suffix, remedy):
    for name in ("executorch", "executorch.exir", "litert_torch"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingError, match=remedy):
        exporting.export(nano_weights, to, tmp_path / f"n.{suffix}")
    assert list(tmp_path.iterdir()) == []

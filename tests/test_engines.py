"""Engines give PyTorch's numbers, are cached by what they were made from, and PyTorch steps in where they cannot."""

import dataclasses
import logging

import numpy as np
import pytest
import torch

from dots_for_tests import FIGURE, dot_network, dot_picture
from glasspose import load
from glasspose.checkpoint import load_weights
from glasspose.engines import ENGINES, accelerate, cache, choosing
from glasspose.engines.modules import RawModel
from glasspose.errors import MissingError, UsageError, WeightsError
from networks_for_tests import MODELS, people, tiny

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
OTHERS = sorted(ENGINES)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GLASSPOSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def exports(monkeypatch):
    """How often a network was exported."""
    made, real = [], choosing.onnx_bytes
    monkeypatch.setattr(choosing, "onnx_bytes", lambda *given: made.append(1) or real(*given))
    return made


def installed(engine):
    return pytest.param(engine, marks=pytest.mark.skipif(not choosing.is_installed(engine), reason=f"{engine} is not installed"))


@pytest.mark.parametrize("engine", [installed(engine) for engine in OTHERS])
def test_the_shipped_network_gives_the_same_numbers_on_every_engine(engine):
    network, _ = load_weights("hourglass-tiny-lsp")
    other = accelerate(network, engine, CPU)
    assert isinstance(other.model, RawModel)
    for count in (1, 5):
        images = torch.randn(count, 3, *network.input_size, generator=torch.Generator().manual_seed(count))
        with torch.inference_mode():
            assert (other(images) - network(images)).abs().max() <= 1e-4
            ours, theirs = network.keypoints(images, flip_test=True), other.keypoints(images, flip_test=True)
        assert ours[1].shape == theirs[1].shape
        assert (ours[1] - theirs[1]).abs().max() <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_runs_on_onnx_runtime(model):
    codec = "heatmap" if MODELS[model].head == "maps" else "coordinates"
    network = tiny(model, codec).eval()
    images = people()[0][:3]
    with torch.inference_mode():
        expected = network(images)
        found = accelerate(network, "onnxruntime", CPU)(images)
    assert (found - expected).abs().max() <= 1e-4 * max(expected.abs().max().item(), 1.0)


def small(seed=0):
    return tiny("hourglass", "heatmap", seed=seed).eval()


def test_a_second_call_exports_nothing(exports):
    accelerate(small(), "onnxruntime", CPU)
    accelerate(small(), "onnxruntime", CPU)
    assert len(exports) == 1


def test_other_weights_are_exported_anew(exports):
    accelerate(small(), "onnxruntime", CPU)
    changed = small()
    with torch.no_grad():
        next(changed.model.parameters()).view(-1)[0] += 1e-3
    images = people()[0][:1]
    with torch.inference_mode():
        found = accelerate(changed, "onnxruntime", CPU)(images)
        assert (found - changed(images)).abs().max() <= 1e-5
    assert len(exports) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "no graph"])
def test_a_damaged_entry_is_exported_again(exports, cache_folder, damage):
    accelerate(small(), "onnxruntime", CPU)
    (entry,) = cache_folder.glob("*.onnx")
    whole = entry.read_bytes()
    broken = {"cut": whole[:-9], "flipped": whole[:999] + bytes([whole[999] ^ 1]) + whole[1000:], "empty": b"", "no graph": b""}[damage]
    if damage == "no graph":  # whole, but not what it should be
        cache.keep(entry.stem, b"something else")
    else:
        entry.write_bytes(broken)
    images = people()[0][:1]
    with torch.inference_mode():
        assert (accelerate(small(), "onnxruntime", CPU)(images) - small()(images)).abs().max() <= 1e-5
    assert len(exports) == 2
    assert entry.read_bytes() == whole


def test_the_cache_keeps_the_youngest_and_does_without_a_folder(cache_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "MOST", 2)
    for name in "abc":
        cache.keep(name, name.encode())
    assert len(list(cache_folder.glob("*.onnx"))) == 2
    assert cache.kept("c") == b"c"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GLASSPOSE_CACHE", str(tmp_path / "file"))
    assert isinstance(accelerate(small(), "onnxruntime", CPU).model, RawModel)


def test_few_pictures_do_not_pay_for_an_export(exports):
    network = small()
    assert accelerate(network, "auto", CPU, 0) is network
    assert accelerate(network, "auto", CPU, choosing.WORTH_IT) is network
    assert exports == []
    assert accelerate(network, "auto", CPU, choosing.WORTH_IT + 1) is not network
    assert accelerate(network, "auto", CPU, 1) is not network, "what is cached costs nothing"
    assert len(exports) == 1


def test_very_many_pictures_pay():
    assert isinstance(accelerate(small(), "auto", CPU, None).model, RawModel)


@pytest.mark.parametrize("lacking", ["onnxruntime", "onnx"])
def test_without_the_runtime_pytorch_runs(lacking, monkeypatch):
    monkeypatch.setattr(choosing, "is_installed", lambda name: name != lacking)
    network = small()
    assert accelerate(network, "auto", CPU, None) is network


def test_a_runtime_that_is_named_and_missing_is_a_typed_error(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(MissingError, match=r"glasspose\[openvino\]"):
        accelerate(small(), "openvino", CPU)


class Wrong(ENGINES["onnxruntime"]):
    """An engine that adds a little."""

    def run(self, value, names):
        return [part + 1e-3 for part in super().run(value, names)]


def test_an_engine_that_gives_other_numbers_is_not_used(monkeypatch, cache_folder, caplog):
    monkeypatch.setattr(choosing, "ENGINES", {"onnxruntime": Wrong})
    network = small()
    with pytest.raises(WeightsError, match="away from PyTorch's"):
        accelerate(network, "onnxruntime", CPU)
    with caplog.at_level(logging.WARNING):
        assert accelerate(network, "auto", CPU, None) is network
    assert "PyTorch runs this network" in caplog.text
    assert list(cache_folder.glob("*")) == []


class Odd(torch.nn.Module):
    """ONNX has no operator for this."""

    def forward(self, images):
        return torch.linalg.svdvals(images)[:, None]


def test_a_network_that_cannot_be_exported_stays_with_pytorch():
    odd = small().around(Odd())
    with pytest.raises(WeightsError, match="cannot be exported"):
        accelerate(odd, "onnxruntime", CPU)
    assert accelerate(odd, "auto", CPU, None) is odd


@pytest.mark.parametrize(("engine", "device"), [("tensorrt", "cpu"), ("onnxruntime", "cuda")])
def test_what_makes_no_sense_is_refused(engine, device):
    with pytest.raises(UsageError):
        accelerate(small(), engine, torch.device(device))


def test_other_devices_stay_with_pytorch():
    network = small()
    assert accelerate(network, "auto", torch.device("cuda"), None) is network


def test_an_engine_has_no_gradients():
    other = accelerate(small(), "onnxruntime", CPU)
    with pytest.raises(UsageError, match="gradients"):
        other(people()[0][:1].requires_grad_())


def test_numbers_that_are_not_finite_are_a_typed_error():
    class Broken(Wrong):
        def run(self, value, names):
            return [np.full((1, 1), np.nan, np.float32)]

    session = object.__new__(Broken)
    with pytest.raises(WeightsError, match="not finite"):
        RawModel(session)(people()[0][:1])


def test_a_predictor_on_an_engine_finds_the_same_people(monkeypatch):
    import glasspose.prediction as prediction

    card = {"name": "dots", "sha256": "0", "calibration": {"seen": [0.3] * 6, "person": 0.3}}
    monkeypatch.setattr(prediction, "load_weights", lambda name: (dot_network(), card))
    picture = dot_picture(FIGURE)
    ours, theirs = (load("dots", engine=engine).predict(picture) for engine in ("torch", "onnxruntime"))
    assert np.abs(ours.keypoints - theirs.keypoints).max() <= 1e-3
    assert (ours.seen == theirs.seen).all()
    assert {field.name for field in dataclasses.fields(ours)} == {field.name for field in dataclasses.fields(theirs)}

"""Exported files of anybody: each that is not what it says is a typed error, and nothing outside it is read."""

import json
import os
import random

import pytest
import torch

from glasspose import exporting
from glasspose.checkpoint import save_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.engines import accelerate, exported, open_exported
from glasspose.errors import UsageError, WeightsError
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = Hourglass(input_size=(32, 32), channels=8, depth=1, stacks=1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("small")
    save_weights(folder / "small.safetensors", PoseNetwork(SMALL, Heatmap(), LSP), {"calibration": {"seen": [0.0] * 14, "person": 0.0}})
    return exporting.export(folder / "small.safetensors", "onnx", folder / "small.onnx").path


def written(tmp_path, content):
    path = tmp_path / "odd.onnx"
    path.write_bytes(content)
    return path


def changed(whole, tmp_path, change):
    import onnx

    model = onnx.load_from_string(whole.read_bytes())
    change(model)
    return written(tmp_path, model.SerializeToString())


def with_card(whole, tmp_path, change):
    def edit(model):
        card = json.loads(model.metadata_props[0].value)
        model.metadata_props[0].value = json.dumps(change(card))

    return changed(whole, tmp_path, edit)


def test_a_whole_file_opens(whole, tmp_path):
    network, card = open_exported(written(tmp_path, whole.read_bytes()))
    assert network.input_size == (32, 32)
    assert card["name"] == "small"


def external(model):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"


def external_constant(model):
    node = model.graph.node.add(op_type="Constant", output=["more"])
    attribute = node.attribute.add(name="value", type=4)
    attribute.t.data_location = 1
    entry = attribute.t.external_data.add()
    entry.key, entry.value = "location", "secret.bin"


def foreign(model):
    model.graph.node[0].domain = "com.example"


def loop(model):
    model.graph.node.add(op_type="Loop", input=["", ""]).attribute.add(name="body", type=5).g.name = "inside"


def renamed(model):
    model.graph.output[0].name = "places"
    for node in model.graph.node:
        node.output[:] = ["places" if name == "keypoints" else name for name in node.output]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external, "other files"),
        (external_constant, "other files"),
        (foreign, "which no exported file needs"),
        (loop, "'Loop', which no"),
        (lambda model: model.functions.add(name="f", domain="d"), "functions"),
        (lambda model: model.ClearField("metadata_props"), "holds no card"),
        (renamed, "other things"),
        (lambda model: model.graph.ClearField("node"), "no network that ONNX Runtime reads"),
    ],
)
def test_what_no_exported_file_holds_is_refused(whole, tmp_path, change, words):
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    with pytest.raises(WeightsError, match=words):
        open_exported(changed(whole, tmp_path, change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: [], "not one of an exported file"),
        (lambda card: {**card, "version": 2}, "not one of an exported file"),
        (lambda card: {**card, "model": {"kind": "os.system"}}, "describes no network"),
        (lambda card: {key: value for key, value in card.items() if key != "codec"}, "describes no network"),
        (lambda card: {**card, "skeleton": 3}, "describes no network"),
    ],
)
def test_cards_are_not_believed(whole, tmp_path, change, words):
    with pytest.raises(WeightsError, match=words):
        open_exported(with_card(whole, tmp_path, change))


@pytest.mark.parametrize("change", [{"stacks": 3}, {"input_size": [64, 32]}])
def test_a_card_of_another_network_is_found_out(whole, tmp_path, change):
    network, _ = open_exported(with_card(whole, tmp_path, lambda card: {**card, "model": {**card["model"], **change}}))
    with pytest.raises(WeightsError):
        network(torch.zeros(1, 3, *network.input_size))


def test_a_card_that_describes_a_giant_costs_no_memory(whole, tmp_path):
    giant = {"channels": 1024, "stacks": 8}
    network, _ = open_exported(with_card(whole, tmp_path, lambda card: {**card, "model": {**card["model"], **giant}}))
    assert all(parameter.is_meta for parameter in network.parameters())
    with pytest.raises(WeightsError):
        network(torch.zeros(1, 3, 32, 32))


def test_cut_and_flipped_files_are_typed_errors_or_sound(whole, tmp_path):
    """A flipped bit of a weight is a sound file without its sidecar, and a damaged one with it."""
    content, chance = whole.read_bytes(), random.Random(3)
    for number in range(40):
        with pytest.raises(WeightsError):
            open_exported(written(tmp_path, content[: len(content) * number // 40]))
    (tmp_path / "odd.onnx.json").write_bytes(whole.with_name("small.onnx.json").read_bytes())
    for _ in range(60):
        place = chance.randrange(len(content))
        with pytest.raises(WeightsError):
            open_exported(written(tmp_path, content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]))


def test_sidecars_and_sizes_are_checked(whole, tmp_path, monkeypatch):
    path = written(tmp_path, whole.read_bytes())
    (tmp_path / "odd.onnx.json").write_text("{")
    with pytest.raises(WeightsError, match="no sidecar"):
        open_exported(path)
    monkeypatch.setattr(exported, "LARGEST", 100)
    with pytest.raises(WeightsError, match="at most 100 bytes"):
        open_exported(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: None])
@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_what_is_no_file_is_refused(tmp_path, make, suffix):
    path = tmp_path / f"odd{suffix}"
    make(path)
    with pytest.raises(WeightsError):
        open_exported(path)


def test_an_exported_file_runs_where_it_can_and_nowhere_else(whole, tmp_path):
    network, _ = open_exported(whole)
    assert accelerate(network, "auto", torch.device("cpu")) is network
    assert accelerate(network, "onnxruntime", torch.device("cpu")) is network
    for engine, device in (("torch", "cpu"), ("openvino", "cpu"), ("auto", "cuda")):
        with pytest.raises(UsageError):
            accelerate(network, engine, torch.device(device))
    with pytest.raises(UsageError, match="gradients"):
        network(torch.zeros(1, 3, 32, 32, requires_grad=True))

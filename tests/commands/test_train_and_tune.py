import json
from pathlib import Path

import pytest

from commands_for_tests import fails
from glasspose import training

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")
RECIPE = """
model: {kind: hourglass, input_size: [64, 64], channels: 16, depth: 2, stacks: 1}
data: {kind: drawn_people, count: 16, folder: drawn}
packing: {size: 64}
optimiser: {kind: sgd, learning_rate: 0.01, momentum: 0.9}
epochs: 1
batch: 8
"""


@pytest.fixture(autouse=True)
def recipe(elsewhere, monkeypatch):
    Path("small.yaml").write_text(RECIPE)
    monkeypatch.setattr(training, "_calibrate", lambda weights, pack: None)


def test_a_range_test_suggests_a_rate_by_its_rule_and_leaves_no_run(told):
    code, _, err = told("train", "small.yaml", "--range-test", 25, "--out", "out")
    assert code == 0
    assert "Suggestion: --optimiser.learning-rate" in err
    assert "a tenth of the rate" in err
    assert [path.name for path in Path("out").iterdir()] == ["range_test.png"]


def test_an_autoencoder_is_taught_and_put_in_by_options_alone(told):
    assert told("train", "small.yaml", "--out", "base", "--snapshots", 1)[0] == 0
    assert Path("base/snapshots/epoch0001.safetensors").exists()
    squeezed = ("--model.autoencoder.code", 4, "--autoencoder-training.epochs", 2)
    fails(told("train", "small.yaml", "--out", "squeezed", *squeezed), 2, "--init")
    code, _, err = told("train", "small.yaml", "--init", "base/best.safetensors", "--out", "squeezed", *squeezed)
    assert code == 0
    assert "autoencoder, epoch 2/2" in err
    assert json.loads(Path("squeezed/best.json").read_text())["model"]["autoencoder"] == {"code": 4, "linear": False, "output_relu": False}


def test_the_better_of_two_values_is_listed_first(told):
    code, _, err = told("tune", "small.yaml", "--choose", "optimiser.learning-rate=1e-3,0.01", "--choose", "codec.loss=mse", "--out", "tuned")
    assert code == 0
    scores = [trial["validation_pck"] for trial in json.loads(Path("tuned/tuning.json").read_text())["trials"]]
    assert scores == sorted(scores, reverse=True)
    assert "optimiser.learning-rate=0.001" in err
    fails(told("tune", "small.yaml", "--choose", "batch"), 2, "KEY=VALUE")
    fails(told("tune", "small.yaml", "--choose", "batch=x"), 2, "batch")
    fails(told("tune", "small.yaml", "--choose", "wings.count=1"), 2, "wings")


def test_pictures_of_layers_and_epochs(told, photos, shipped):
    assert told("predict", photos / "0.png", "--layers", "--out", "layers")[0] == 0
    assert Path("layers/0.layers.png").exists()
    assert told("predict", photos, "--strip", shipped, "--out", "strip")[0] == 0
    assert [path.name for path in Path("strip").iterdir()] == ["strip.jpg"]
    fails(told("predict", photos, "--strip", photos), 5, "no weights")

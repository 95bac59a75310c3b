"""Every recipe trains: two steps for each of its datasets at a small size, on drawn people."""

from pathlib import Path

import pytest
import torch

from glasspose import training
from glasspose.checkpoint import save_weights
from glasspose.configs.data import DrawnPeople
from glasspose.configs.reading import read_recipe
from glasspose.configs.training import Packing, Recipe
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP
from glasspose.training import train

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
SMALL = {
    "input_size": (64, 64),
    "channels": 16,
    "stacks": 2,
    "level_channels": None,
    "widths": (8,) * 5,
    "dense": 16,
    "deconvolution": 8,
    "width": 4,
    "backbone": "resnet18",
    "version": "hrnet_w18_small",
    "pretrained": False,
}
pytestmark = pytest.mark.usefixtures("one_thread")


def reduced(recipe, folder):
    """The same kinds and settings; only sizes, counts and people are others."""
    plain = recipe.model_dump()
    fields = type(recipe.model).model_fields
    plain["model"] |= {key: value for key, value in SMALL.items() if key in fields}
    if plain["autoencoder_training"]:
        plain["autoencoder_training"] |= {"epochs": 1}
        plain["model"]["autoencoder"]["code"] = 3
    data = DrawnPeople(count=8, folder=folder / "drawn", skeleton=recipe.data.skeleton).model_dump()
    changes = {"data": data, "extra": (data,) * len(recipe.extra), "validation": "val", "packing": Packing(size=64).model_dump()}
    return Recipe.model_validate({**plain, **changes, "epochs": 1, "batch": 4, "workers": 0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("people")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_trains_for_two_steps(path, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_calibrate", lambda weights, pack: None)
    steps = []
    real = training.step
    monkeypatch.setattr(training, "step", lambda *rest: steps.append(real(*rest)) or steps[-1])
    recipe, init = reduced(read_recipe(path), folder), None
    if "--init" in path.read_text():
        torch.manual_seed(0)
        plain = recipe.model.model_copy(update={"autoencoder": None} if "autoencoder" in type(recipe.model).model_fields else {})
        init = str(tmp_path / "init.safetensors")
        save_weights(Path(init), PoseNetwork(plain, recipe.codec, LSP), {})
    done = train(recipe, out=tmp_path / "run", packs=folder / "packs", init=init)
    assert read_recipe(tmp_path / "run/recipe.yaml") == recipe
    assert len(steps) == 2 * (1 + len(recipe.extra))
    assert len(done.history) == 1
    assert (tmp_path / "run/best.safetensors").exists()

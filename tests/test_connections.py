"""Promise 1 of docs/reliability.md: what opens a connection is a word of the user's, never a file."""

import shutil
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from connections_for_tests import no_connection
from glasspose import folds, rates, starting
from glasspose.configs.data import DrawnPeople
from glasspose.configs.reading import read_recipe
from glasspose.errors import MissingError
from glasspose.people import open_detector
from glasspose.skeletons import LSP
from glasspose.training import start, train
from glasspose.tuning import tune
from networks_for_tests import CODECS, MODELS
from recipes_for_tests import nano_recipe

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
SMALL = MODELS["resnet"].model_copy(update={"input_size": (64, 64), "pretrained": True})
TORCHVISION = "ssdlite320_mobilenet_v3_large"
pytestmark = pytest.mark.usefixtures("one_thread", "bare")


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine on which nothing has been downloaded."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # before the hub is tried again


def pretrained(tmp_path):
    return nano_recipe(tmp_path, data=DrawnPeople(count=4, folder=tmp_path / "drawn"), model=SMALL, codec=CODECS["coordinates"])


def detector(name):
    pytest.importorskip(name.partition(":")[0])
    return name


def test_the_hook_sees_what_is_begun():
    with no_connection() as begun, pytest.raises(OSError, match="no connection"):
        socket.create_connection(("127.0.0.1", 9))
    assert begun


def test_a_recipe_that_asks_for_weights_opens_no_connection(tmp_path):
    with (
        no_connection() as begun,
        pytest.raises(MissingError, match=r"of resnet\w+ are not on this machine\. Add --download .*--model\.no-pretrained$"),
    ):
        train(pretrained(tmp_path), out=tmp_path / "run", packs=tmp_path / "packs")
    assert begun == []


@pytest.mark.parametrize("path", [path for path in RECIPES if "pretrained: true" in path.read_text()], ids=lambda path: path.stem)
def test_no_recipe_of_the_package_opens_one_alone_and_its_command_asks_for_it(path):
    recipe = read_recipe(path)
    with no_connection() as begun, pytest.raises(MissingError, match="--download"):
        start(recipe, LSP, None, ())
    assert begun == []
    assert "--download" in path.read_text().split("# Command:")[1].splitlines()[0]


def test_with_the_users_word_it_is_tried(tmp_path):
    """Else the tests above would not show anything."""
    with no_connection() as begun, pytest.raises(MissingError, match="cannot be had"):
        start(pretrained(tmp_path), LSP, None, (), download=True)
    assert begun


def test_every_way_to_train_hands_the_word_on(tmp_path, monkeypatch):
    class AskedError(Exception):
        pass

    def asked(network, *, download):
        raise AskedError(download)

    monkeypatch.setattr(starting, "start_pretrained", asked)
    recipe, packs = pretrained(tmp_path), tmp_path / "packs"
    for word in (False, True):
        for way in (
            lambda given: train(recipe, out=tmp_path / "a", packs=packs, **given),
            lambda given: folds.train_folds(recipe, 2, out=tmp_path / "b", packs=packs, **given),
            lambda given: rates.range_test(recipe, 20, out=tmp_path / "c", packs=packs, **given),
            lambda given: tune(recipe, {"batch": [4]}, out=tmp_path / "d", packs=packs, **given),
        ):
            with pytest.raises(AskedError, match=str(word)):
                way({"download": True} if word else {})


def test_weights_that_are_here_need_no_word(tmp_path):
    """As huggingface_hub keeps them after a download."""
    import timm

    card = timm.models.get_pretrained_cfg(SMALL.backbone)
    theirs = timm.create_model(SMALL.backbone, pretrained=False)
    state = {key: torch.full_like(value, 3) for key, value in theirs.state_dict().items()}
    kept = tmp_path / "hub" / f"models--{card.hf_hub_id.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text("abc")
    (kept / "snapshots/abc").mkdir(parents=True)
    save_file(state, kept / "snapshots/abc/model.safetensors")
    with no_connection() as begun:
        run, story = start(pretrained(tmp_path), LSP, None, ())
    assert begun == []
    assert "ImageNet" in story[0]
    assert all((value == 3).all() for value in run.network.model.backbone.network.state_dict().values())


@pytest.mark.parametrize("name", [f"torchvision:{TORCHVISION}", "transformers:someone/something"])
def test_naming_a_detector_opens_no_connection(name):
    with no_connection() as begun, pytest.raises(MissingError, match=r"not on this machine.*Add --download") as refused:
        open_detector(detector(name))
    assert begun == []
    assert "\n" not in str(refused.value)
    with no_connection() as begun, pytest.raises(MissingError, match="cannot be"):
        open_detector(detector(name), download=True)
    assert begun


def test_published_weights_of_torchvision_that_are_here_need_no_word():
    models = pytest.importorskip("torchvision.models")
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(models.get_model_weights(TORCHVISION).DEFAULT.url).name
    kept.parent.mkdir(parents=True)
    torch.save(models.get_model(TORCHVISION, weights=None, weights_backbone=None).state_dict(), kept)
    with no_connection() as begun:
        open_detector(f"torchvision:{TORCHVISION}")
    assert begun == []


def test_a_repository_of_the_hub_that_is_here_needs_no_word(tmp_path):
    transformers = pytest.importorskip("transformers")
    from test_people_transformers import tiny

    kept = tmp_path / "hub/models--someone--something"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text("abc")
    tiny({0: "dog", 1: "person"}).save_pretrained(tmp_path / "made")
    transformers.YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path / "made")
    shutil.copytree(tmp_path / "made", kept / "snapshots/abc")
    with no_connection() as begun:
        open_detector("transformers:someone/something")
    assert begun == []

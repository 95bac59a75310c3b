"""What more than one file of tests uses."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from examples_for_tests import EXAMPLES

settings.register_profile("glasspose", deadline=None, max_examples=EXAMPLES)  # a busy machine is no failure; pytest-timeout ends what hangs
settings.load_profile("glasspose")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data that GLASSPOSE_DATA names."""
    named = os.environ.get("GLASSPOSE_DATA")
    if not named:
        pytest.skip("GLASSPOSE_DATA is not set: tests on real data are left out")
    if not Path(named).is_dir():
        pytest.skip(f"GLASSPOSE_DATA names {named}, which is not a folder: tests on real data are left out")
    return Path(named).resolve()


@pytest.fixture
def one_thread():
    """Tiny networks are fastest on one thread, and give the same bits every time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """In an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="session")
def nano_weights(tmp_path_factory) -> Path:
    """Weights of a network that has learned nothing, and holds everything to be seen."""
    from glasspose.checkpoint import save_weights
    from glasspose.configs.codecs import Heatmap
    from glasspose.network import PoseNetwork
    from glasspose.skeletons import LSP
    from recipes_for_tests import NANO

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    calibration = {"seen": [0.0] * len(LSP), "person": 0.0, "note": "for tests"}
    save_weights(path, PoseNetwork(NANO, Heatmap(), LSP), {"calibration": calibration})
    return path

"""A person at the command line, in an empty folder."""

import cv2
import pytest

from dots_for_tests import dot_network, dot_picture, moved
from glasspose import checkpoint, evaluation, prediction
from glasspose.__main__ import main


@pytest.fixture
def dots(monkeypatch):
    """Every name of weights is the network that finds dots."""
    card = {"name": "dots", "sha256": "0", "calibration": {"seen": [0.3] * 6, "person": 0.3}}
    for module in (prediction, evaluation):
        monkeypatch.setattr(module, "load_weights", lambda name: (dot_network(), card))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), dot_picture(moved(20 * i))[..., ::-1])
    return folder


@pytest.fixture
def told(capfd):
    """Run a command: its exit code, stdout and stderr. Never a traceback."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return ended.value.code, out, err

    return run


@pytest.fixture
def shipped(tmp_path, nano_weights, monkeypatch):
    """An installation that ships a network which has learned nothing."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for suffix in (".safetensors", ".json"):
        (folder / f"hourglass-tiny-lsp{suffix}").write_bytes(nano_weights.with_suffix(suffix).read_bytes())
    monkeypatch.setattr(checkpoint, "SHIPPED", folder)
    return folder

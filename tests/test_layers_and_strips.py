import cv2
import numpy as np
import pytest
import torch

from dots_for_tests import dot_picture, moved
from glasspose.attribution.taps import recorded
from glasspose.calibration import Calibration
from glasspose.checkpoint import save_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Autoencoder, ThesisHourglass
from glasspose.errors import InputError
from glasspose.layers import CELL, CHANNELS, _cell, _row, layer_picture
from glasspose.network import PoseNetwork
from glasspose.prediction import Predictor
from glasspose.skeletons import LSP
from glasspose.strips import strip
from networks_for_tests import tiny
from recipes_for_tests import NANO

pytestmark = pytest.mark.usefixtures("one_thread")
PICTURE = dot_picture(moved(20))
SHOWN = (12, 1)
"""Cells are apart by this many pixels at most, and have captions under them."""


def predictor():
    torch.manual_seed(0)
    config = ThesisHourglass(input_size=(64, 64), channels=16, depth=2, stacks=1, autoencoder=Autoencoder(code=7))
    return Predictor(PoseNetwork(config, Heatmap(), LSP), Calibration(seen=(0.0,) * 14, person=0.0), device="cpu")


def test_a_row_for_each_tap_and_one_for_the_crop():
    asked = predictor()
    sheet = layer_picture(asked, PICTURE)
    taps = asked.network.model.taps()
    assert len(taps) == 7
    assert sheet.shape[0] >= (len(taps) + 1) * CELL
    assert CHANNELS * CELL <= sheet.shape[1] <= CHANNELS * (CELL + 8)
    assert asked.flip_test, "as it was"


def test_a_row_for_convolution_normalisation_and_pooling_of_the_first_layers(monkeypatch):
    network = tiny("deeppose", "coordinates").eval()
    shown, real = [], _row
    monkeypatch.setattr("glasspose.layers._row", lambda name, values: shown.append((name, values.shape[1:])) or real(name, values))
    layer_picture(Predictor(network, Calibration(seen=(0.0,) * 14, person=0.0), device="cpu"), PICTURE)
    assert shown[:6] == [
        *(("stem.conv", (16, 24)), ("stem.norm", (16, 24)), ("stem", (8, 12))),
        *(("layer1.conv", (8, 12)), ("layer1.norm", (8, 12)), ("layer1", (4, 6))),
    ]


def test_the_liveliest_channels_of_the_picture_itself_are_shown():
    maps = np.stack([np.eye(4) * n for n in (0, 3, 1, 5, 2, 9, 8, 7, 6, 4)]).astype(np.float32)
    assert [caption for _, caption in _row("stem", maps)] == [f"stem {n}" for n in (5, 6, 7, 8, 3, 9, 1, 4)]
    code = _row("code", np.arange(50, dtype=np.float32))
    assert [caption for _, caption in code] == ["code, 50"]
    assert _cell(maps[0]).shape == (CELL, CELL, 3), "an even map is no error"


def test_what_is_shown_is_the_last_pass_of_the_picture_not_its_mirror_image(monkeypatch):
    asked = predictor()
    found = []
    monkeypatch.setattr("glasspose.layers._row", lambda name, values: found.append((name, values)) or [])
    layer_picture(asked, PICTURE)
    asked.flip_test = False
    with recorded(asked.network.model.taps()) as expected:
        asked.heatmaps(PICTURE)
    for name, values in found:
        np.testing.assert_array_equal(values, expected[name][0].numpy())


def test_a_strip_has_a_column_for_each_snapshot(tmp_path):
    for epoch in (40, 5):
        torch.manual_seed(epoch)
        calibration = {"seen": [0.0] * 14, "person": 0.0}
        save_weights(tmp_path / f"epoch{epoch:04}.safetensors", PoseNetwork(NANO, Heatmap(), LSP), {"calibration": calibration})
    sheet = strip([PICTURE, PICTURE], ["one", "two"], tmp_path, device="cpu")
    assert 3 * 192 <= sheet.shape[1] <= 3 * 200
    first, second, third = (sheet[:120, i * 196 : i * 196 + 190].astype(int) for i in range(3))
    assert np.abs(first - cv2.resize(PICTURE, (192, 128), interpolation=cv2.INTER_AREA)[:120, :190]).max() < 3
    assert np.abs(second - first).max() > 50
    assert np.abs(third - second).max() > 50
    with pytest.raises(InputError, match="no weights"):
        strip([PICTURE], ["one"], tmp_path / "nothing")

"""Every fast path next to the plain loop that it replaces."""

import numpy as np
import pytest
import torch

from dots_for_tests import FIGURE, dot_network, dot_picture, moved
from glasspose.benchmarks import heatmaps, peers
from glasspose.benchmarks.one_by_one import OneByOne
from glasspose.calibration import Calibration
from glasspose.codecs.heatmap import HeatmapCodec, _peaks
from glasspose.configs.codecs import Heatmap
from glasspose.metrics import distances, pckh_table
from glasspose.prediction import Predictor
from glasspose.skeletons import MPII

pytestmark = pytest.mark.usefixtures("one_thread")
MAPS = heatmaps.heat(24)


def loop(decode, maps):
    return np.stack([decode(one) for one in maps.numpy()])


def test_dark_is_within_a_hundred_thousandth_of_a_pixel_also_at_the_border():
    codec = HeatmapCodec(Heatmap(decoder="dark"), 16, (256, 256))
    found = codec.to_map(codec.decode(MAPS)[0]).numpy()
    assert np.abs(found - loop(peers.dark, MAPS)).max() < 1e-5
    peaks = loop(lambda maps: np.stack([np.unravel_index(one.argmax(), one.shape)[::-1] for one in maps]), MAPS)
    guarded = (peaks < 2).any(-1) | (peaks >= 62).any(-1)
    assert guarded.sum() > 20
    assert np.array_equal(found[guarded], peaks[guarded])
    assert np.abs(found - peaks)[~guarded].max() > 0.2


@pytest.mark.parametrize("sigma", [0.5, 0.8, 2.0])
def test_dark_smooths_as_wide_as_it_should(sigma):
    codec = HeatmapCodec(Heatmap(decoder="dark", sigma=sigma), 16, (256, 256))
    found = codec.to_map(codec.decode(MAPS)[0]).numpy()
    assert np.abs(found - loop(lambda maps: peers.dark(maps, min(sigma, 1.0)), MAPS)).max() < 1e-4


def test_the_quarter_offset_is_equal():
    codec = HeatmapCodec(Heatmap(decoder="quarter"), 16, (256, 256))
    assert np.array_equal(codec.to_map(codec.decode(MAPS)[0]).numpy(), loop(peers.quarter, MAPS))


def test_targets_are_equal():
    keypoints, labelled = heatmaps.people(24)
    codec = HeatmapCodec(Heatmap(sigma=2.0), 16, (256, 256))
    ours, shown = codec.encode(keypoints, labelled).numpy(), (labelled & codec.inside(keypoints)).numpy()
    places = zip(codec.to_map(keypoints).numpy(), shown, strict=True)
    plain = np.stack([peers.whole_gaussians(*one, (64, 64), 2.0) for one in places])
    assert np.abs(ours - plain).max() < 1e-6
    assert not ours[~shown].any()


def test_flipping_back_is_equal():
    codec = HeatmapCodec(Heatmap(), 16, (256, 256))
    ours = codec.mirrored(MAPS[:, None], MPII.flip)[:, 0].numpy()
    assert np.array_equal(ours, loop(lambda maps: peers.flip_back(maps, list(MPII.pairs)), MAPS))


def test_peaks_are_those_of_torch_and_the_first_of_equal_ones():
    maps = torch.rand(3, 4, 50, generator=torch.Generator().manual_seed(0)).requires_grad_()
    score, place = _peaks(maps)
    assert torch.equal(score, maps.max(-1).values)
    assert torch.equal(place, maps.max(-1).indices)
    assert score.requires_grad
    assert _peaks(torch.ones(1, 1, 9))[1].item() == 0


def test_pckh_is_equal():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 500, (40, 16, 2))
    predicted, counted, heads = truth + rng.normal(0, 20, truth.shape), rng.random((40, 16)) < 0.8, rng.uniform(20, 80, 40)
    ours = pckh_table(distances(predicted, truth), counted, heads).all_joints.per_keypoint
    assert np.array_equal(np.array(ours), peers.pckh(predicted, truth, counted, heads))


def test_batches_give_what_pictures_one_by_one_give():
    network = dot_network()
    calibration = Calibration(seen=(0.3,) * 6, person=0.3, note="")
    images = [dot_picture(FIGURE), dot_picture(moved(15), (200, 300))]
    fast = Predictor(network, calibration, device="cpu").predict_batch(images)
    plain = OneByOne(network, calibration, device="cpu").predict_batch(images)
    for one, other in zip(fast, plain, strict=True):
        assert len(one) == len(other) == 1
        assert one.keypoints == pytest.approx(other.keypoints, abs=1e-2)
        assert one.scores == pytest.approx(other.scores, abs=1e-4)

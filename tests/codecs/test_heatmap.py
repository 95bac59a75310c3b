import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from glasspose.codecs import build_codec
from glasspose.configs.codecs import Heatmap
from glasspose.skeletons import LSP

SIZE = (96, 128)


def codec(**options):
    return build_codec(Heatmap(**options), LSP, SIZE)


def encoded(codec, x, y):
    keypoints = torch.full((1, 14, 2), 0.0)
    keypoints[..., 0], keypoints[..., 1] = x, y
    return keypoints, codec.encode(keypoints, torch.ones(1, 14, dtype=torch.bool))


@given(st.floats(3, 28), st.floats(3, 20), st.floats(1, 3))
def test_dark_finds_the_keypoint_within_a_twentieth_of_a_heatmap_pixel(x, y, sigma):
    c = codec(sigma=sigma)
    keypoints, maps = encoded(c, (x + 0.5) * 4 - 0.5, (y + 0.5) * 4 - 0.5)
    found, _ = c.decode(maps)
    assert (found - keypoints).abs().max() / 4 <= 0.05


@given(st.floats(0, 31), st.floats(0, 23), st.sampled_from(["argmax", "quarter"]))
def test_argmax_and_quarter_are_within_half_a_heatmap_pixel(x, y, decoder):
    c = codec(decoder=decoder)
    keypoints, maps = encoded(c, (x + 0.5) * 4 - 0.5, (y + 0.5) * 4 - 0.5)
    found, _ = c.decode(maps)
    assert (found - keypoints).abs().max() / 4 <= 0.5 + 1e-4


def test_a_target_is_a_gaussian_of_peak_one_at_the_exact_place():
    c = codec(sigma=1.0)
    _, maps = encoded(c, 4 * 10 + 1.5, 4 * 7 + 1.5)  # the centre of heatmap pixel (10, 7)
    assert maps[0, 0, 7, 10] == pytest.approx(1.0)
    assert maps[0, 0, 7, 11] == pytest.approx(torch.tensor(-0.5).exp().item(), abs=1e-6)
    assert maps[0, 0, 9, 10] == pytest.approx(torch.tensor(-2.0).exp().item(), abs=1e-6)


@pytest.mark.parametrize("x", [-0.6, 127.6, -1e4])
def test_a_keypoint_outside_the_input_has_an_empty_target_that_is_supervised(x):
    c = codec()
    _, maps = encoded(c, x, 40.0)
    assert maps.abs().max() == 0
    keypoints, labelled = torch.full((1, 14, 2), x), torch.ones(1, 14, dtype=torch.bool)
    assert c.losses(torch.ones(1, 1, 14, 24, 32), keypoints, labelled).item() == pytest.approx(14.0)


def test_unlabelled_keypoints_are_masked_or_taught_as_absent():
    keypoints, labelled = torch.full((2, 14, 2), 50.0), torch.zeros(2, 14, dtype=torch.bool)
    wrong = torch.ones(2, 1, 14, 24, 32)
    assert codec().losses(wrong, keypoints, labelled).sum() == 0
    assert codec().supervised(labelled).sum() == 0
    assert codec(unlabelled="zero").losses(wrong, keypoints, labelled).sum() == pytest.approx(28.0)
    assert codec(unlabelled="zero").supervised(labelled).sum() == 28


@pytest.mark.parametrize("loss", ["mse", "weighted_mse", "focal"])
def test_every_loss_prefers_the_target_to_empty_and_to_shifted_maps(loss):
    c = codec(loss=loss)
    keypoints, target = encoded(c, 60.0, 40.0)
    labelled = torch.ones(1, 14, dtype=torch.bool)
    logits = (target * 12 - 6 if loss == "focal" else target)[:, None]
    right, shifted = (c.losses(maps, keypoints, labelled).item() for maps in (logits, logits.roll(5, -1)))
    assert right < c.zero_loss(keypoints, labelled).item()
    assert right < shifted


def test_the_loss_of_a_stack_is_the_mean_squared_error_of_its_maps():
    c = codec()
    keypoints, target = encoded(c, 60.0, 40.0)
    losses = c.losses(torch.stack([target + 0.1, target], 1), keypoints, torch.ones(1, 14, dtype=torch.bool))
    assert losses.tolist()[0] == pytest.approx([14 * 0.01, 0.0], abs=1e-6)


def test_scores_are_the_heights_of_peaks_held_between_zero_and_one():
    maps = torch.zeros(1, 14, 24, 32)
    maps[0, 0, 5, 5], maps[0, 1, 5, 5], maps[0, 2] = 0.7, 1.7, -0.3
    _, scores = codec().decode(maps)
    assert scores[0, :3].tolist() == pytest.approx([0.7, 1.0, 0.0])

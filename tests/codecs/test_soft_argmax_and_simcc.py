"""Places read off chances: of a map, and of columns and rows."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from examples_for_tests import examples
from glasspose.codecs import build_codec
from glasspose.configs.codecs import SimCC, SoftArgmax
from glasspose.skeletons import LSP

SIZE = (64, 96)
pytestmark = pytest.mark.usefixtures("one_thread")


def built(config):
    return build_codec(config, LSP, SIZE)


@settings(max_examples=examples(20))
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_mean_place_of_two_peaks_lies_between_them_by_their_weight(a, b):
    codec = built(SoftArgmax())
    raw = torch.full((1, 1, 14, 16, 24), -60.0)
    raw[..., 4, 4], raw[..., 4, 20] = a, b
    found, scores = codec.decode(codec.activate(raw)[:, 0])
    share = torch.tensor([a, b]).softmax(0)[1].item()
    assert found[0, 0].tolist() == pytest.approx([(4 + 16 * share + 0.5) * 4 - 0.5, 17.5], abs=1e-2)
    assert scores[0, 0].item() == pytest.approx(torch.tensor(max(a, b)).sigmoid().item(), abs=1e-4)


def test_adding_to_a_whole_map_changes_the_score_and_not_the_place():
    codec = built(SoftArgmax())
    raw = torch.randn(1, 1, 14, 16, 24)
    (place, score), (moved, higher) = (codec.decode(codec.activate(logits)[:, 0]) for logits in (raw, raw + 2))
    assert torch.allclose(place, moved, atol=1e-3)
    assert (higher > score).all()


@pytest.mark.parametrize("regulariser", ["jensen_shannon", "kl"])
def test_the_divergence_prefers_one_narrow_peak_to_two_with_the_same_mean(regulariser):
    codec = built(SoftArgmax(regulariser=regulariser, presence_weight=0.0))
    keypoints, labelled = codec.to_input(torch.tensor([12.0, 8.0]).expand(1, 14, 2)), torch.ones(1, 14, dtype=torch.bool)
    one = (codec.encode(keypoints, labelled)[:, None] + 1e-9).log()
    two = (one.roll(5, -1).exp() / 2 + one.roll(-5, -1).exp() / 2).log()
    right, wrong = (codec.losses(raw, keypoints, labelled).item() for raw in (one, two))
    assert right == pytest.approx(0, abs=1e-3)
    assert wrong > 14 * 0.5
    assert built(SoftArgmax(regulariser="none", presence_weight=0.0)).losses(two, keypoints, labelled).item() == pytest.approx(0, abs=1e-4)


def test_jensen_shannon_has_a_bound():
    codec = built(SoftArgmax(presence_weight=0.0))
    keypoints, labelled = codec.to_input(torch.tensor([12.0, 8.0]).expand(1, 14, 2)), torch.ones(1, 14, dtype=torch.bool)
    far = torch.full((1, 1, 14, 16, 24), -60.0)
    far[..., 8, 11:14] = torch.tensor([30.0, -60.0, 30.0])
    far = far.roll(6, -1)
    divergence = codec.losses(far, keypoints, labelled).item() / 14 - (6 / 24) ** 2 / 2
    assert divergence == pytest.approx(torch.tensor(2.0).log().item(), abs=0.01)


def test_numbers_for_each_keypoint():
    assert built(SimCC()).output_channels == 14 * (2 * 96 + 2 * 64 + 1)
    assert built(SimCC(split=3, presence=False)).output_channels == 14 * 3 * (96 + 64)


def test_bins_stand_for_shares_of_pixels():
    codec = built(SimCC(split=2))
    answer = torch.full((1, 14, codec.output_channels // 14), 1e-12)
    answer[..., 0] = answer[..., 192 + 127] = 1.0  # the first column, the last row
    found, _ = codec.decode(answer)
    assert found[0, 0].tolist() == [-0.25, 63.25]


def test_smoothed_labels_have_nine_tenths_in_the_nearest_bin():
    codec = built(SimCC(labels="smoothed"))
    answer = codec.encode(torch.tensor([10.3, 20.0]).expand(1, 14, 2), torch.ones(1, 14, dtype=torch.bool))[0, 0]
    assert answer[:192].argmax() == 21  # (21 + 0.5) / 2 - 0.5 = 10.25
    assert answer[21].item() == pytest.approx(0.9 + 0.1 / 192)
    assert answer[:192].sum().item() == pytest.approx(1.0)


def test_the_loss_is_the_divergence_of_both_axes():
    codec = built(SimCC(presence=False))
    keypoints, labelled = torch.full((1, 14, 2), 30.0), torch.ones(1, 14, dtype=torch.bool)
    perfect = codec.encode(keypoints, labelled)[..., :-1].clamp_min(1e-30).log()
    assert codec.losses(perfect.reshape(1, 1, -1), keypoints, labelled).item() == pytest.approx(0, abs=1e-4)
    entropy = 0.5 * torch.log(2 * torch.pi * torch.e * torch.tensor(36.0)).item()
    flat = torch.tensor([192.0, 128.0]).log().sum().item() - 2 * entropy
    assert codec.zero_loss(keypoints, labelled).item() == pytest.approx(14 * flat, rel=1e-3)


def test_the_divergence_of_a_flat_map_is_that_of_scipy():
    from scipy.spatial.distance import jensenshannon

    codec = built(SoftArgmax(presence_weight=0.0))
    middle, labelled = torch.tensor([47.5, 31.5]).expand(1, 14, 2), torch.ones(1, 14, dtype=torch.bool)
    target = codec.encode(middle, labelled)[0, 0].flatten().numpy()
    expected = jensenshannon(target, torch.full((384,), 1 / 384).numpy()) ** 2
    assert codec.losses(torch.zeros(1, 1, 14, 16, 24), middle, labelled).item() == pytest.approx(14 * expected, rel=1e-4)

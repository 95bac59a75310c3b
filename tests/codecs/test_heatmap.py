import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from glasspose.codecs import build_codec
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import Coco
from glasspose.data import read
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


LOSSES = ["mse", "weighted_mse", "focal", "euclidean", "kl"]


def everywhere(c, x, y, labelled=True, occluded=False):
    keypoints = torch.tensor([x, y]).expand(1, 14, 2).clone()
    return keypoints, torch.full((1, 14), labelled), torch.full((1, 14), occluded)


@pytest.mark.parametrize(("occluded", "sigma", "peak"), [(False, 0.5, 0.619), (True, 1.0, 0.159)])
@given(x=st.floats(0, 127), y=st.floats(0, 95))
def test_the_target_of_the_thesis_is_a_filtered_impulse(occluded, sigma, peak, x, y):
    """As SciPy's filter draws it, at the rounded quarter of the place."""
    c = codec(target="thesis", sigma=3.0)
    keypoints, labelled, hidden = everywhere(c, x, y, occluded=occluded)
    impulse = np.zeros((24, 32))
    row, column = (min(int(np.round(np.float32(v) / 4)), n - 1) for v, n in ((y, 24), (x, 32)))
    impulse[row, column] = 1
    expected = gaussian_filter(impulse, sigma, mode="nearest", truncate=4.0)
    map_ = c.encode(keypoints, labelled, hidden)[0, 0].numpy()
    assert np.abs(map_ - expected).max() < 1e-5
    if 4 < row < 19 and 4 < column < 27:
        assert round(float(map_.max()), 3) == peak
        assert map_.sum() == pytest.approx(1.0, abs=1e-5)


def test_the_targets_of_the_thesis_are_empty_where_nothing_is_labelled():
    c = codec(target="thesis", unlabelled="zero")
    keypoints, labelled, hidden = everywhere(c, 60.0, 40.0, labelled=False)
    assert c.encode(keypoints, labelled, hidden).abs().max() == 0
    assert c.zero_loss(keypoints, labelled, hidden).item() == 0


@pytest.mark.data
def test_empty_maps_score_what_the_thesis_was_stuck_at(data_root):
    """5.5 to 6.1e-5 for each keypoint, over the people of COCO, labelled, hidden or not."""
    people = read(Coco(root=data_root / "coco", split="val"))
    c = build_codec(Heatmap(target="thesis", unlabelled="zero"), people.skeleton, (256, 256))
    labelled, occluded = (torch.from_numpy(np.stack([getattr(a, name) for a in people.annotations])) for name in ("labelled", "occluded"))
    keypoints = torch.tensor([100.0, 80.0]).expand(*labelled.shape, 2)
    empty = c.zero_loss(keypoints, labelled, occluded) / len(people.skeleton)
    assert 5.5e-5 < empty.mean().item() < 6.1e-5


@pytest.mark.parametrize("target", ["gaussian", "thesis"])
@given(x=st.floats(10, 110), y=st.floats(10, 80))
def test_every_target_is_read_off_within_half_a_heatmap_pixel(target, x, y):
    c = codec(target=target, centre="truncated", decoder="argmax")
    keypoints, labelled, hidden = everywhere(c, x, y)
    found, _ = c.decode(c.encode(keypoints, labelled, hidden))
    assert (found - keypoints).abs().max() / 4 <= 0.5 + 1e-4


def test_a_truncated_centre_is_the_middle_of_the_pixel_that_holds_the_keypoint():
    c = codec(centre="truncated")
    for x in (39.6, 41.0, 43.4):  # pixel 10 of the map goes from 39.5 to 43.5
        _, maps = encoded(c, x, 41.5)
        assert maps[0, 0, 10, 10] == pytest.approx(1.0)


def test_hidden_keypoints_may_have_a_width_of_their_own():
    c = codec(sigma=1.0, occluded_sigma=2.0)
    keypoints, labelled, hidden = everywhere(c, 41.5, 41.5)
    hidden[0, 0] = True
    maps = c.encode(keypoints, labelled, hidden)
    assert maps[0, 0, 10, 12] == pytest.approx(torch.tensor(-0.5).exp().item())
    assert maps[0, 1, 10, 12] == pytest.approx(torch.tensor(-2.0).exp().item())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["linear", "sigmoid"])
def test_training_on_any_loss_finds_the_keypoint(loss, activation):
    """Gradient descent on the output itself, from nothing."""
    c = codec(loss=loss, activation=activation)
    keypoints, labelled, _ = everywhere(c, 60.0, 40.0)
    empty = c.zero_loss(keypoints, labelled).item()
    raw = torch.full((1, 1, 14, 24, 32), -2.0 if activation == "sigmoid" or loss == "focal" else 0.0, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.2)
    for _ in range(80):
        optimiser.zero_grad()
        c.losses(raw, keypoints, labelled).sum().backward()
        optimiser.step()
    assert c.losses(raw, keypoints, labelled).item() < 0.5 * empty
    found, score = c.decode(c.activate(raw)[:, -1].detach())
    assert (found - keypoints).abs().max() < 1.5
    assert score.min() > 0.5
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_no_gradient_is_lost_at_a_perfect_or_masked_answer(loss):
    c = codec(loss=loss)
    keypoints, labelled, _ = everywhere(c, 60.0, 40.0)
    labelled[0, 3:] = False
    raw = c.encode(keypoints, labelled)[:, None].clone().requires_grad_()
    c.losses(raw, keypoints, labelled).sum().backward()
    assert raw.grad.isfinite().all()
    assert raw.grad[0, 0, 3:].abs().max() == 0


def test_the_euclidean_loss_is_the_length_of_the_difference():
    c = codec(loss="euclidean")
    keypoints, target = encoded(c, 60.0, 40.0)
    assert c.losses(target[:, None] + 0.1, keypoints, torch.ones(1, 14, dtype=torch.bool)).item() == pytest.approx(
        14 * 0.1 * (24 * 32) ** 0.5, rel=1e-4
    )


def test_the_divergence_by_hand():
    """Of even shares it is the logarithm of the number of pixels less the entropy of the target; of the target itself, nothing."""
    c = codec(loss="kl")
    keypoints, target = encoded(c, 60.0, 40.0)
    every = torch.ones(1, 14, dtype=torch.bool)
    share = (target[0, 0] / target[0, 0].sum()).double()
    entropy = -(share * share.clamp_min(1e-300).log()).sum().item()
    assert c.zero_loss(keypoints, every).item() == pytest.approx(14 * (np.log(24 * 32) - entropy), rel=1e-4)
    assert c.losses(target.clamp_min(1e-30).log()[:, None], keypoints, every).item() == pytest.approx(0, abs=1e-3)
    outside = torch.full((1, 14, 2), -50.0)
    assert c.losses(torch.zeros(1, 1, 14, 24, 32), outside, every).item() == pytest.approx(0, abs=1e-5)

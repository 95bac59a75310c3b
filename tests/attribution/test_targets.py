import pytest
import torch

from dots_for_tests import FIGURE, dot_network, dot_picture
from glasspose.attribution.answering import NetworkAnswering
from glasspose.attribution.targets import KINDS, freeze, soft_argmax
from glasspose.data.loading import normalise
from glasspose.errors import UsageError

SIZE = (64, 64)


def blobs(*places, height=1.0):
    """Maps of 16 x 16 with a Gaussian at each place (map pixels)."""
    grid = torch.arange(16.0)
    return torch.stack([height * torch.exp(-0.5 * ((grid[:, None] - y) ** 2 + (grid - x) ** 2)) for x, y in places])


def test_confidence_is_read_at_the_frozen_place():
    target = freeze(blobs((4, 5)), SIZE)
    assert target.places.tolist() == [[4, 5]]
    assert float(target(blobs((4, 5))[None])) == 1.0
    assert float(target(2 * blobs((11, 5))[None])) < 1e-6, "another peak elsewhere does not count"


def test_location_follows_a_keypoint_in_input_pixels_along_the_direction():
    target = freeze(blobs((4, 5)), SIZE, "location", directions=torch.tensor([[3.0, 0.0]]))
    right, down = target(blobs((7, 5))[None]) - target(blobs((4, 5))[None]), target(blobs((4, 8))[None]) - target(blobs((4, 5))[None])
    assert float(right) == pytest.approx(12, abs=0.1)
    assert float(down) == pytest.approx(0, abs=0.1)


def test_agreement_is_one_where_nothing_moves_and_falls_as_oks_does():
    target = freeze(blobs((4, 5)), SIZE, "agreement", widths=torch.tensor([100.0]))
    assert float(target(blobs((4, 5))[None])) == 1.0
    assert float(target(blobs((6, 5))[None])) == pytest.approx(torch.exp(torch.tensor(-0.64)).item(), abs=0.02)


def test_error_is_the_contrast_of_logarithms():
    labels = torch.tensor([[5 * 4 + 1.5, 5 * 4 + 1.5]])
    target = freeze(blobs((4, 5)), SIZE, "error", labels=labels)
    assert float(target(blobs((4, 5))[None])) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["location", "agreement", "error", "beauty"])
def test_what_a_target_needs_must_be_given(kind):
    with pytest.raises(UsageError, match="not complete"):
        freeze(blobs((4, 5)), SIZE, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_is_differentiable(kind):
    more = {"directions": torch.ones(1, 2), "widths": torch.full((1,), 50.0), "labels": torch.full((1, 2), 30.0)}
    target = freeze(blobs((4, 5)), SIZE, kind, **more)
    maps = blobs((5, 5))[None].requires_grad_(True)
    (gradient,) = torch.autograd.grad(target(maps).sum(), maps)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0


def test_the_soft_argmax_of_a_network_sits_on_its_keypoints():
    images = normalise(torch.from_numpy(dot_picture(0.55 * FIGURE, (128, 128), radius=5.0)[None]))
    answer = NetworkAnswering(network=dot_network())(images)
    soft = soft_argmax(answer.maps, answer.maps[0].flatten(1).amax(1), (128, 128))
    assert (soft - answer.keypoints).abs().max() < 1.0

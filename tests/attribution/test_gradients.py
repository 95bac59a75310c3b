import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from glasspose.attribution.gradients import (
    GradientError,
    blur_path,
    complete,
    gradient_times_input,
    gradients,
    integrated_gradients,
    mean_of,
    several_starts,
    straight,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def scalar():
    """Smooth and curved, without a kink."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Softplus(), nn.Conv2d(6, 1, 3), nn.Tanh(), nn.Flatten())
    return lambda images: net(images)[:, :40].sum(1)


@pytest.fixture
def image():
    return torch.randn(3, 16, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("steps", [5, 40])
def test_integrated_gradients_are_captums(scalar, image, steps):
    start = torch.rand_like(image)
    ours = integrated_gradients(scalar, image, straight(image, start, steps))
    theirs, gap = IntegratedGradients(scalar).attribute(
        image[None], start[None], n_steps=steps, method="gausslegendre", return_convergence_delta=True
    )
    assert (ours.map - theirs[0]).abs().max() <= 1e-5
    assert ours.gap == pytest.approx(abs(float(gap)), abs=1e-4)


@pytest.mark.parametrize("path", [lambda x: straight(x, torch.zeros_like(x), 32), lambda x: blur_path(x, 64, 3.0)])
def test_the_sum_is_the_change(scalar, image, path):
    taken = path(image)
    found = integrated_gradients(scalar, image, taken)
    assert torch.allclose(taken.stretches.sum(0), image - taken.start, atol=1e-5)
    assert found.relative_gap < 0.01
    with torch.no_grad():
        change = float(scalar(image[None]) - scalar(taken.start[None]))
    assert float(found.map.sum()) == pytest.approx(change, abs=0.01 * abs(change))


def test_steps_grow_until_the_gap_is_small_and_no_further(image):
    def kinked(images):
        return (images.flatten(1).sum(1) - 0.4 * image.sum()).relu() * image.sum().sign()

    found = complete(kinked, image, lambda steps: straight(image, torch.zeros_like(image), steps), steps=4, relative=0.0)
    assert found.steps == 256
    assert complete(kinked, image, lambda steps: straight(image, torch.zeros_like(image), steps), steps=4, relative=5.0).steps == 4


def test_every_start_is_complete_and_so_is_the_mean(scalar, image):
    others = torch.randn(2, *image.shape, generator=torch.Generator().manual_seed(3))
    found = several_starts(scalar, image, others, steps=32)
    assert set(found) == {"blur", "grey", "others"}
    assert all(part.relative_gap < 0.02 for part in found.values())
    mean = mean_of(list(found.values()))
    assert float(mean.map.sum()) == pytest.approx(mean.change, abs=0.03 * abs(mean.change))


def test_of_a_linear_function_gradient_times_input_is_exact(image):
    weight = torch.randn_like(image)
    found = gradient_times_input(lambda images: (images * weight).flatten(1).sum(1), image)
    assert torch.allclose(found, (image * weight).double())


def test_gradients_that_are_not_finite_are_an_error_never_zero(image):
    with pytest.raises(GradientError, match="not finite"):
        gradients(lambda images: images.sqrt().flatten(1).sum(1), torch.zeros_like(image)[None])

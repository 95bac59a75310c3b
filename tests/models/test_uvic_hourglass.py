import pytest
import torch
from torch import nn

from glasspose.configs.models import UvicHourglass
from glasspose.models import build_model
from glasspose.models.uvic_hourglass import PostResidual

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("stacks", "parameters", "said"), [(1, 3_427_089, 3.5), (4, 12_860_484, 13.0), (8, 25_438_344, 25.6)])
def test_parameters_are_those_of_the_original(stacks, parameters, said):
    """Which also counts batch norm's running statistics, and the two layers after the last stack that lead nowhere."""
    with torch.device("meta"):
        model = build_model(UvicHourglass(stacks=stacks, depth=3), 17)
    assert sum(p.numel() for p in model.parameters()) == parameters
    statistics = sum(2 * m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    nowhere = 256 * 256 + 256 + 17 * 256 + 256
    assert round((parameters + statistics + nowhere) / 1e6, 1) == said


def test_an_hourglass_has_fourteen_residuals_with_three_pools():
    with torch.device("meta"):
        hourglass = build_model(UvicHourglass(stacks=1, depth=3), 17).hourglasses[0]
    assert sum(isinstance(m, PostResidual) for m in hourglass.modules()) == 3 * 3 + 5


def test_the_residual_ends_in_batch_norm_and_a_sum():
    torch.manual_seed(0)
    residual, x = PostResidual(4, 8, separable=False).eval(), torch.randn(1, 4, 5, 5)
    y = x
    for convolution in (0, 3, 6):
        y = residual.body[convolution + 2](torch.relu(residual.body[convolution](y)))
    torch.testing.assert_close(residual(x), y + torch.relu(residual.skip[0](x)))


def test_separable_convolutions_have_the_shape_of_normal_ones_and_far_fewer_weights():
    sizes = []
    for separable in (False, True):
        model = build_model(UvicHourglass(input_size=(64, 64), channels=64, depth=2, stacks=1, separable=separable), 5)
        assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 1, 5, 16, 16)
        sizes.append(sum(p.numel() for p in model.parameters()))
    assert sizes[1] < 0.5 * sizes[0]
    grouped = [m for m in PostResidual(8, 8, separable=True).modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1]
    assert len(grouped) == 3
    assert all(m.bias is None for m in grouped)


@pytest.mark.parametrize(("output", "low", "high"), [("linear", -1e9, 1e9), ("sigmoid", 0, 1), ("relu", 0, 1e9)])
def test_heads_end_as_asked(output, low, high):
    torch.manual_seed(0)
    answer = build_model(UvicHourglass(input_size=(64, 64), channels=16, depth=1, stacks=2, output=output), 5)(3 * torch.randn(4, 3, 64, 64))
    assert low <= answer.min()
    assert answer.max() <= high
    assert (answer.min() < 0) == (output == "linear")

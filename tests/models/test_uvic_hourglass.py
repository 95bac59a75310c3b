import pytest
import torch
from pydantic import ValidationError
from torch import nn

from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import UvicHourglass
from glasspose.exporting.cards import card_of
from glasspose.models import build_model
from glasspose.models.uvic_hourglass import PostResidual
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

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


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_maps_are_as_much_smaller_than_the_input_as_asked(stride):
    """And the codec reads and draws them where they lie."""
    network = PoseNetwork(UvicHourglass(input_size=(64, 96), channels=8, depth=1, stacks=2, output_stride=stride), Heatmap(), LSP).eval()
    answer = network(torch.zeros(1, 3, 64, 96))
    assert answer.shape == (1, 2, 14, 64 // stride, 96 // stride)
    places = torch.rand(1, 14, 2, generator=torch.Generator().manual_seed(0)) * 30 + 20
    maps = network.codec.encode(places, torch.ones(1, 14, dtype=torch.bool))
    assert maps.shape == answer.shape[:1] + answer.shape[2:]
    found, _ = network.codec.decode(maps)
    assert (found - places).abs().max() < 0.05 * stride
    coarse, _ = network.decoded("argmax").codec.decode(maps)
    assert stride / 4 < (coarse - places).abs().max() <= stride / 2 + 1e-4


def test_the_weights_are_the_same_whatever_the_size_of_the_maps():
    config = UvicHourglass(input_size=(64, 64), channels=8, depth=1, stacks=2)
    with torch.device("meta"):
        states = [build_model(config.model_copy(update={"output_stride": stride}), 5).state_dict() for stride in (2, 4, 8)]
    assert states[0].keys() == states[1].keys() == states[2].keys()


def test_the_input_has_to_be_divided_as_often_as_the_maps_and_the_depth_ask():
    assert UvicHourglass(input_size=(24, 24), depth=2, output_stride=2)
    with pytest.raises(ValidationError, match=r"multiples of 8 x 2\^depth = 32"):
        UvicHourglass(input_size=(48, 48), depth=2, output_stride=8)
    with pytest.raises(ValidationError, match="must be 2, 4 or 8"):
        UvicHourglass(input_size=(96, 96), depth=1, output_stride=6)


def test_an_exported_file_says_how_large_its_maps_are():
    network = PoseNetwork(UvicHourglass(input_size=(64, 96), channels=8, depth=1, stacks=1, output_stride=2), Heatmap(), LSP)
    told = card_of(network, {"name": "n", "sha256": "0"}, to="onnx", flip_test=False, int8=False)["outputs"]["heatmaps"]
    assert told["shape"] == ["B", 14, 32, 48]
    assert "a pixel is 2 input pixels" in told["unit"]

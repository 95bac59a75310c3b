import pytest
import torch
from pydantic import ValidationError

from glasspose.configs.models import Hourglass
from glasspose.models import build_model


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("stacks", "millions"), [(1, 3.43), (2, 6.57), (4, 12.86), (8, 25.43)])
def test_parameters_are_those_of_the_paper(stacks, millions):
    with torch.device("meta"):
        model = build_model(Hourglass(stacks=stacks), 16)
    assert round(parameters(model) / 1e6, 2) == millions


@pytest.mark.parametrize("options", [{"stacks": 1}, {"stacks": 3, "depth": 1}, {"level_channels": (24, 32)}, {"residuals": 2}])
def test_every_stack_answers_at_a_quarter_of_the_input(options):
    model = build_model(Hourglass(input_size=(64, 96), channels=16, **{"depth": 2} | options), 5)
    assert model(torch.zeros(2, 3, 64, 96)).shape == (2, options.get("stacks", 2), 5, 16, 24)


def test_an_untrained_network_starts_from_almost_empty_maps():
    torch.manual_seed(0)
    maps = build_model(Hourglass(input_size=(64, 64), channels=32, depth=2), 5)(torch.randn(2, 3, 64, 64))
    assert maps.abs().max() < 0.1


def test_all_weights_get_a_gradient():
    model = build_model(Hourglass(input_size=(64, 64), channels=16, depth=2), 5)
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_taps_name_skips_bottlenecks_and_features_of_every_stack():
    taps = build_model(Hourglass(input_size=(64, 64), channels=16, depth=2), 5).taps()
    assert set(taps) == {"stem"} | {f"stack{s}.{part}" for s in (0, 1) for part in ("skip0", "skip1", "bottleneck", "features")}


def test_the_bottleneck_is_at_the_lowest_resolution():
    model = build_model(Hourglass(input_size=(64, 96), channels=16, depth=2, stacks=1), 5)
    seen = []
    model.taps()["stack0.bottleneck"].register_forward_hook(lambda m, i, o: seen.append(o.shape))
    model(torch.zeros(1, 3, 64, 96))
    assert seen == [(1, 16, 4, 6)]


@pytest.mark.parametrize("options", [{"input_size": (100, 100)}, {"level_channels": (8, 8)}, {"stacks": 0}, {"stakcs": 1}])
def test_impossible_shapes_are_refused(options):
    with pytest.raises(ValidationError):
        Hourglass(**options)

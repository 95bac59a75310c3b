import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from glasspose.configs.training import Adam, AdamW, Constant, Cosine, Plateau, RmsProp, Sgd, Step
from glasspose.optimisation import build_optimiser, learning_rate_factor, update_average

OPTIMISERS = [RmsProp, Sgd, Adam, AdamW]


def small_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.mark.parametrize(
    ("epoch", "factor"),
    [(0, 0.001), (0.5, 0.25), (1, 0.5), (2, 1.0), (4.5, 0.1 + 0.9 * 0.5 * (1 + math.sqrt(0.5))), (7, 0.55), (12, 0.1), (13, 0.1)],
)
def test_cosine_by_hand(epoch, factor):
    assert learning_rate_factor(Cosine(warmup_epochs=2, final=0.1), epoch, 12, []) == pytest.approx(factor)


@given(st.floats(0, 50), st.floats(0, 1), st.integers(1, 40), st.floats(0, 60))
def test_cosine_stays_within_its_bounds(warmup, final, epochs, epoch):
    factor = learning_rate_factor(Cosine(warmup_epochs=warmup, final=final), epoch, epochs, [])
    assert min(final, 1e-3) - 1e-12 <= factor <= 1 + 1e-12


@pytest.mark.parametrize(("epoch", "factor"), [(0, 1), (2.99, 1), (3, 0.5), (4.9, 0.5), (5, 0.25), (100, 0.25)])
def test_steps_drop_at_the_start_of_their_epochs(epoch, factor):
    """Epoch 4, counted from 1, begins when 3 are done."""
    assert learning_rate_factor(Step(epochs=(4, 6), factor=0.5), epoch, 10, []) == factor


@pytest.mark.parametrize(
    ("history", "factor"),
    [
        ([], 1),
        ([0.1, 0.2, 0.3, 0.4], 1),
        ([0.5, 0.4, 0.4], 1),
        ([0.5, 0.4, 0.4, 0.4], 0.1),
        ([0.5, 0.5, 0.5, 0.5], 0.1),
        ([0.5, 0.4, 0.4, 0.6, 0.5, 0.5], 1),
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.4], 0.1),
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], 0.01),
    ],
)
def test_plateaus_by_hand(history, factor):
    assert learning_rate_factor(Plateau(factor=0.1, patience=2), len(history), 20, history) == pytest.approx(factor)


def test_constant_is_constant():
    assert {learning_rate_factor(Constant(), epoch, 10, [0.5] * 20) for epoch in (0, 1, 9.9, 10)} == {1.0}


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_biases_and_normalisation_do_not_decay(kind):
    model = small_model()
    optimiser = build_optimiser(kind(learning_rate=0.1, weight_decay=0.5), model.parameters())
    decays = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert {name: decays[id(p)] for name, p in model.named_parameters()} == {"0.weight": 0.5, "0.bias": 0, "1.weight": 0, "1.bias": 0}


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_without_a_gradient_only_weights_shrink(kind):
    model = small_model()
    model[0].bias.data.fill_(1.0)
    before = {name: p.clone() for name, p in model.named_parameters()}
    optimiser = build_optimiser(kind(learning_rate=0.01, weight_decay=0.5), model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"0.weight"}
    if kind is AdamW:
        assert torch.allclose(model[0].weight, before["0.weight"] * (1 - 0.01 * 0.5))


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_the_settings_reach_the_optimiser(kind):
    known = {RmsProp: {"alpha": 0.9, "epsilon": 1e-5, "momentum": 0.3}, Sgd: {"momentum": 0.3, "nesterov": True}}
    own = known.get(kind, {"betas": (0.8, 0.95)})
    optimiser = build_optimiser(kind(learning_rate=0.25, **own), small_model().parameters())
    expected = {"eps" if key == "epsilon" else key: value for key, value in own.items()}
    assert type(optimiser).__name__.lower() == kind.__name__.lower()
    assert all(group["lr"] == 0.25 and expected.items() <= group.items() for group in optimiser.param_groups)


def test_what_is_frozen_is_not_optimised():
    model = small_model()
    model[0].requires_grad_(False)
    optimiser = build_optimiser(Adam(learning_rate=0.1), model.parameters())
    assert {id(p) for group in optimiser.param_groups for p in group["params"]} == {id(model[1].weight), id(model[1].bias)}


@pytest.mark.parametrize(("step", "decay"), [(1, 2 / 11), (10, 11 / 20), (10_000, 0.9)])
def test_the_average_moves_by_its_formula(step, decay):
    """min(decay, (1 + step) / (10 + step)) of the old stays."""
    average, model = small_model(), small_model()
    for value in model.state_dict().values():
        value.add_(1)
    expected = {key: decay * old + (1 - decay) * model.state_dict()[key] for key, old in average.state_dict().items()}
    before = {key: value.clone() for key, value in model.state_dict().items()}
    update_average(average, model, 0.9, step)
    for key, value in average.state_dict().items():
        assert torch.equal(model.state_dict()[key], before[key])
        assert value == 1 if key.endswith("num_batches_tracked") else torch.allclose(value, expected[key], atol=1e-6), key


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="momentum"):
        Sgd(learning_rate=0.1, nesterov=True)

import pytest
import torch
from torch import nn
from torch.nn import functional

from glasspose.attribution.taps import recorded, replaced
from glasspose.configs.models import Autoencoder, Hourglass, ThesisHourglass, UvicHourglass
from glasspose.models import build_model
from glasspose.models.autoencoder import SqueezingAutoencoder
from glasspose.models.thesis_hourglass import ConvolvedResidual

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"input_size": (64, 64), "channels": 16, "depth": 2, "stacks": 1}
KINDS = [Hourglass, ThesisHourglass, UvicHourglass]


def small(kind=ThesisHourglass, keypoints=5, **changes):
    torch.manual_seed(0)
    model = build_model(kind(**{**SMALL, **changes}), keypoints)
    for module in model.modules():  # statistics as after some training
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("stacks", "parameters"), [(1, 14_526_053), (2, 26_670_282)])
def test_parameters_are_those_of_the_thesis(stacks, parameters):
    """14.53 million with one stack, which is all that it trained."""
    with torch.device("meta"):
        assert count(build_model(ThesisHourglass(stacks=stacks), 17)) == parameters


@pytest.mark.parametrize(("options", "parameters"), [({}, 1_578_994), ({"output_relu": True}, 1_578_994), ({"linear": True}, 413_746)])
def test_parameters_of_the_autoencoder(options, parameters):
    with torch.device("meta"):
        model = build_model(ThesisHourglass(stacks=1, autoencoder=Autoencoder(**options)), 17)
    assert count(model.autoencoders()["stack0.bottleneck"]) == parameters == count(model) - 14_526_053


def test_an_hourglass_has_fourteen_residuals_and_the_network_eighteen():
    with torch.device("meta"):
        model = build_model(ThesisHourglass(stacks=1), 17)
    residuals = [m for m in model.modules() if isinstance(m, ConvolvedResidual)]
    assert len(residuals) == 18
    assert {count(m) for m in residuals} == {804_608}
    assert sum(isinstance(m, ConvolvedResidual) for m in model.hourglasses[0].modules()) == 14


def test_the_residual_is_that_of_the_thesis():
    """Batch norm, ReLU, convolution, three times, beside a 3 x 3 convolution of what came in."""
    torch.manual_seed(0)
    residual = ConvolvedResidual(8).eval()
    p = {name: torch.randn_like(value) if value.is_floating_point() else value for name, value in residual.state_dict().items()}
    p = {name: value.abs() + 0.1 if name.endswith("running_var") else value for name, value in p.items()}
    residual.load_state_dict(p)
    x = torch.randn(2, 8, 6, 5)
    y = x
    for norm, convolution in ((0, 2), (3, 5), (6, 8)):
        mean, variance = p[f"body.{norm}.running_mean"], p[f"body.{norm}.running_var"]
        y = (y - mean.view(-1, 1, 1)) / (variance.view(-1, 1, 1) + 1e-5).sqrt() * p[f"body.{norm}.weight"].view(-1, 1, 1)
        y = torch.clamp(y + p[f"body.{norm}.bias"].view(-1, 1, 1), min=0)
        weight = p[f"body.{convolution}.weight"]
        y = functional.conv2d(y, weight, p[f"body.{convolution}.bias"], padding=weight.shape[-1] // 2)
    assert [p[f"body.{i}.weight"].shape[-1] for i in (2, 5, 8)] == [1, 3, 1]
    expected = y + functional.conv2d(x, p["skip.weight"], p["skip.bias"], padding=1)
    torch.testing.assert_close(residual(x.clone()), expected, rtol=1e-4, atol=1e-4)


def test_the_hourglass_is_that_of_the_thesis():
    """Two levels written out: add what comes up to the skip; a residual follows at the inner level alone."""
    model = small()
    outer = model.hourglasses[0]
    inner = outer.inner
    x = torch.randn(1, 16, 16, 16)
    half = outer.down[1](functional.max_pool2d(x, 2))
    quarter = inner.down[1](functional.max_pool2d(half, 2))
    for residual in inner.inner:
        quarter = residual(quarter)
    assert len(inner.inner) == 3
    half = inner.after(inner.skip(half) + quarter.repeat_interleave(2, 2).repeat_interleave(2, 3))
    expected = outer.skip(x) + half.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(outer(x), expected)


def test_the_head_passes_through_as_many_channels_as_keypoints():
    head = small(keypoints=7).heads[0]
    assert [type(m) for m in head] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
    assert head[0].out_channels == head[3].in_channels == head[3].out_channels == 7


def test_weights_start_xavier_normal():
    torch.manual_seed(0)
    weight = build_model(ThesisHourglass(stacks=1, channels=64, depth=1, input_size=(64, 64)), 5).stem[3].skip.weight
    assert weight.std().item() == pytest.approx((2 / (64 * 9 * 2)) ** 0.5, rel=0.02)
    assert weight.abs().max() > 3 * weight.std()  # normal, not uniform


@pytest.mark.parametrize("kind", KINDS)
def test_every_stack_answers_and_every_weight_gets_a_gradient(kind):
    model = small(kind, stacks=3).train()
    answer = model(torch.randn(2, 3, 64, 64))
    assert answer.shape == (2, 3, 5, 16, 16)
    answer.square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_later_stack_sees_what_the_one_before_it_said(kind):
    model, images = small(kind, stacks=2), torch.randn(1, 3, 64, 64)
    before = model(images)
    with torch.no_grad():
        model.merge_heatmaps[0].bias.add_(1)
    after = model(images)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_skips_replaced_by_zeros_are_a_network_without_skips(kind):
    model, without, images = small(kind, stacks=2), small(kind, stacks=2, skips=False), torch.randn(1, 3, 64, 64)
    without.load_state_dict({k: v for k, v in model.state_dict().items() if k in without.state_dict()})
    taps = model.taps()
    skips = [name for name in taps if ".skip" in name]
    assert len(skips) == 4
    assert not [name for name in without.taps() if ".skip" in name]
    with replaced(taps, dict.fromkeys(skips, torch.zeros_like)):
        torch.testing.assert_close(model(images), without(images))
    assert not torch.allclose(model(images), without(images))


@pytest.mark.parametrize("kind", KINDS)
def test_taps_give_what_they_are_named_after(kind):
    model = small(kind, input_size=(64, 96))
    with recorded(model.taps()) as found:
        model(torch.randn(2, 3, 64, 96))
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    maps = {"stem": (2, 16, 16, 24), "stack0.skip0": (2, 16, 16, 24), "stack0.skip1": (2, 16, 8, 12), "stack0.features": (2, 16, 16, 24)}
    assert shapes == {**maps, "stack0.bottleneck": (2, 16, 4, 6)}


@pytest.mark.parametrize("kind", [Hourglass, ThesisHourglass])
@pytest.mark.parametrize("linear", [False, True])
def test_the_autoencoder_stands_between_the_bottleneck_and_the_way_up(kind, linear):
    model = small(kind, input_size=(64, 96), stacks=2, autoencoder=Autoencoder(code=7, linear=linear))
    taps = model.taps()
    with recorded(taps) as found:
        model(torch.randn(2, 3, 64, 96))
    for s in (0, 1):
        assert found[f"stack{s}.code"].shape == (2, 7)
        assert found[f"stack{s}.decoded"].shape == found[f"stack{s}.bottleneck"].shape == (2, 16, 4, 6)
        torch.testing.assert_close(model.autoencoders()[f"stack{s}.bottleneck"](found[f"stack{s}.bottleneck"]), found[f"stack{s}.decoded"])
        assert linear or found[f"stack{s}.code"].min() >= 0


@pytest.mark.parametrize("kind", [Hourglass, ThesisHourglass])
def test_an_autoencoder_that_changes_nothing_changes_nothing(kind):
    plain, images = small(kind), torch.randn(1, 3, 64, 64)
    model = small(kind, autoencoder=Autoencoder(code=16 * 16, linear=True))
    model.load_state_dict(plain.state_dict(), strict=False)
    for layer in model.autoencoders()["stack0.bottleneck"].modules():
        if isinstance(layer, nn.Linear):
            nn.init.eye_(layer.weight)
            nn.init.zeros_(layer.bias)
    torch.testing.assert_close(model(images), plain(images))


def test_only_the_original_autoencoder_is_never_negative():
    x = torch.randn(4, 16, 4, 4)
    assert SqueezingAutoencoder(Autoencoder(output_relu=True), (16, 4, 4))(x).min() >= 0
    assert SqueezingAutoencoder(Autoencoder(), (16, 4, 4))(x).min() < 0


def test_widths_of_the_autoencoder_follow_the_channels():
    widths = [m.out_channels for m in SqueezingAutoencoder(Autoencoder(), (64, 4, 4)).modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert widths == [48, 32, 16, 32, 48, 64]

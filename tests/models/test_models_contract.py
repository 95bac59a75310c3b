"""What holds for every model, with every codec that fits it."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from glasspose.attribution.taps import recorded, replaced
from glasspose.checkpoint import load_weights, save_weights
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import DeepPose, Hrnet, Resnet, SimpleBaseline, Unet
from glasspose.configs.training import Recipe
from glasspose.errors import MissingError, UsageError
from glasspose.models import MODELS as BUILDERS
from glasspose.models import backbones, build_model
from glasspose.network import Learner, PoseNetwork
from glasspose.skeletons import HEAD_BOX, LSP
from networks_for_tests import CODECS, FULL, MODELS, PAIRS, SIZE, people, tiny

pytestmark = pytest.mark.usefixtures("one_thread")
EACH = pytest.mark.parametrize("name", MODELS)
PAIR = pytest.mark.parametrize(("model", "codec"), FULL)
MAPS_OR_VECTOR = {"maps": "heatmap", "vector": "coordinates"}


def with_any_codec(name, skeleton=LSP):
    return tiny(name, MAPS_OR_VECTOR[MODELS[name].head], skeleton)


def parameters(config, outputs):
    with torch.device("meta"):
        return sum(p.numel() for p in build_model(config, outputs).parameters())


def test_every_kind_is_here():
    assert {config.kind for config in MODELS.values()} == {*BUILDERS, "resnet"}


@pytest.mark.parametrize(
    ("config", "outputs", "count"),
    [
        (DeepPose(input_size=(220, 220)), 4, 58_297_732),
        (DeepPose(input_size=(220, 220)), 32, 58_412_448),
        (Resnet(), 4, 31_909_444),
        (Resnet(), 32, 32_024_160),
        (SimpleBaseline(backbone="resnet50"), 17, 33_999_697),
        (Hrnet(), 17, 28_536_113),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_parameters_are_those_of_the_documents(config, outputs, count):
    assert parameters(config, outputs) == count


@PAIR
def test_shapes_gradients_and_two_steps(model, codec):
    """The raw output fits the codec, every parameter of model and codec gets a gradient, and two steps lower the loss."""
    network = tiny(model, codec)
    images, places, labelled = people()
    learner = Learner(network).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    optimiser = torch.optim.SGD(learner.parameters(), lr=1e-9)
    raw, first = learner(images, places, labelled, torch.zeros_like(labelled))
    shape = (network.codec.output_channels, *network.codec.size) if network.codec.head == "maps" else (network.codec.output_channels,)
    assert raw.shape == (4, 1, *shape)
    first.sum().backward()
    assert [name for name, p in learner.named_parameters() if p.grad is None] == []
    for _ in range(2):
        norm = torch.stack([p.grad.norm() for p in learner.parameters()]).norm()
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (first.detach().sum().abs() / norm**2).item()
        optimiser.step()
        optimiser.zero_grad()
        _, losses = learner(images, places, labelled, torch.zeros_like(labelled))
        losses.sum().backward()
    assert losses.sum() < first.sum()


@EACH
def test_answers_in_evaluation_are_the_same_bits_every_time(name):
    network = with_any_codec(name).eval()
    images = people()[0]
    assert torch.equal(network(images), network(images))


@EACH
def test_weights_come_back_from_their_files(name, tmp_path):
    network = with_any_codec(name).eval()
    with torch.no_grad():
        for value in network.model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())
    save_weights(tmp_path / "w.safetensors", network, {})
    loaded, _ = load_weights(tmp_path / "w.safetensors")
    images = people()[0]
    assert torch.equal(loaded(images), network(images))


@EACH
def test_taps_exist_fire_and_matter(name):
    """Each place is visited by every picture, and changing what it gives changes the answer."""
    network = with_any_codec(name).eval()
    images, taps = people()[0], network.model.taps()
    assert {"stem", "stack0.features"} <= set(taps)
    with torch.no_grad(), recorded(taps) as found:
        before = network(images)
    assert set(found) == set(taps)
    for tap, output in found.items():
        assert output.shape[0] == 4, tap
        with torch.no_grad(), replaced(taps, {tap: lambda x: x + 10 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))}):
            assert not torch.equal(network(images), before), tap


@PAIR
def test_the_flip_test_gives_mirrored_pictures_mirrored_answers(model, codec):
    network = tiny(model, codec).eval()
    nn.init.normal_(next(p for n, p in network.model.named_parameters() if "head" in n and "weight" in n), std=0.1)
    images = people()[0]
    with torch.no_grad():
        plain, mirrored = network.answers(images, flip_test=True), network.answers(images.flip(-1), flip_test=True)
    assert torch.allclose(mirrored, network.codec.mirrored(plain, LSP.flip), atol=1e-4, rtol=1e-4)


@EACH
def test_corners_of_boxes_have_no_mirror_image_and_no_flip_test(name):
    network = with_any_codec(name, HEAD_BOX).eval()
    images = people()[0]
    with torch.no_grad():
        assert torch.equal(network.answers(images, flip_test=True), network.answers(images))


@EACH
def test_networks_see_the_picture_and_nothing_of_its_neighbours(name):
    network = with_any_codec(name).eval()
    images = people()[0]
    with torch.no_grad():
        assert torch.allclose(network(images[:1]), network(images)[:1], atol=1e-4)


@pytest.mark.parametrize(("model", "codec"), [(m, c) for m in ("unet", "deeppose") for c in CODECS if (m, c) not in PAIRS][:20])
def test_what_does_not_fit_is_refused_with_what_does(model, codec):
    with pytest.raises(UsageError, match="fit"):
        tiny(model, codec)
    with pytest.raises(ValidationError, match=r"codecs that fit are .*models that fit codec"):
        Recipe(model=MODELS[model], codec=CODECS[codec], data=DrawnPeople())


def test_the_refusal_lists_what_fits():
    with pytest.raises(UsageError) as refused:
        tiny("unet", "rle")
    assert "model unet gives maps: codecs that fit are heatmap, soft_argmax; models that fit codec rle are deeppose, resnet" in str(refused.value)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (Unet, {"input_size": (64, 72)}),
        (DeepPose, {"input_size": (222, 220)}),
        (DeepPose, {"widths": (8, 8, 8, 8, 0)}),
        (Hrnet, {"input_size": (0, 0)}),
        (SimpleBaseline, {"input_size": (100, 128)}),
        (SimpleBaseline, {"backbone": "os.system"}),
        (Hrnet, {"version": "hrnet_w99"}),
    ],
)
def test_impossible_shapes_and_unknown_names_are_refused(config, options):
    with pytest.raises(ValidationError):
        config(**options)


def test_deeppose_sees_pixels_between_0_and_1_or_0_and_255():
    pixels = torch.rand(2, 3, 4, 4)
    from glasspose.data.loading import normalise

    images = normalise((pixels.permute(0, 2, 3, 1) * 255).to(torch.uint8))
    scaled, raw = (tiny(name, "coordinates").model.scale(images) for name in ("deeppose", "deeppose unscaled"))
    assert torch.allclose(scaled, (pixels * 255).floor() / 255, atol=1e-5)
    assert torch.allclose(raw, (pixels * 255).floor(), atol=1e-3)


def test_the_maps_of_deeppose_have_the_sides_of_the_document():
    network = PoseNetwork(DeepPose(input_size=(220, 220), widths=(4,) * 5, dense=0), CODECS["coordinates"], LSP).eval()
    with torch.no_grad(), recorded(network.model.taps()) as found:
        network(torch.zeros(1, 3, 220, 220))
    assert [found[name].shape[-1] for name in ("stem", "layer1", "layer2", "layer3", "layer4")] == [27, 13, 13, 13, 6]
    assert network.model.stem[:2](torch.zeros(1, 3, 220, 220)).shape[-1] == 55


def test_the_first_layers_of_deeppose_are_shown_from_convolution_over_normalisation_to_pooling():
    network = tiny("deeppose", "coordinates").eval()
    taps = network.model.taps()
    assert list(taps)[:6] == ["stem.conv", "stem.norm", "stem", "layer1.conv", "layer1.norm", "layer1"]
    images = people()[0]
    with torch.no_grad(), recorded(taps) as found:
        network(images)
    coming = nn.functional.pad(network.model.scale(images), (3, 4, 3, 4))
    for name, stride, padding in (("stem", 4, 0), ("layer1", 1, 2)):
        convolution = next(module for module in getattr(network.model, name) if isinstance(module, nn.Conv2d))
        made = nn.functional.conv2d(coming, convolution.weight, convolution.bias, stride, padding).relu()
        normalised = nn.functional.local_response_norm(made, 11, alpha=11.0, beta=0.5, k=1.0)
        coming = nn.functional.max_pool2d(normalised, 2)
        for tap, expected in ((f"{name}.conv", made), (f"{name}.norm", normalised), (name, coming)):
            assert torch.allclose(found[tap], expected, atol=1e-5), tap
        assert not torch.allclose(made, normalised, atol=1e-3)


def test_response_normalisation_is_tensorflows():
    """x / (1 + the sum of squares over 11 channels) ^ 0.5, counted out by hand."""
    x = torch.randn(1, 16, 2, 2)
    layer = next(module for module in tiny("deeppose", "coordinates").model.stem if isinstance(module, nn.LocalResponseNorm))
    for c in (0, 7, 15):
        near = x[:, max(c - 5, 0) : c + 6].square().sum(1)
        assert torch.allclose(layer(x)[:, c], x[:, c] / (1 + near).sqrt(), atol=1e-5)


def test_the_v2_network_sees_the_normalisation_that_timm_trained_it_with():
    seen = []
    backbone = backbones.Backbone("resnetv2_50").eval()
    backbone.network.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    from glasspose.structures import DEVIATION, MEAN

    white = (torch.ones(3) - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    with torch.no_grad():
        features = backbone(white[None, :, None, None].expand(1, 3, 64, 64))
    assert features.shape == (1, 2048, 2, 2)
    assert torch.allclose(seen[0], torch.ones(1, 3, 64, 64), atol=1e-5)  # (1 - 0.5) / 0.5
    assert set(backbone.taps()) == {"stem", "layer1", "layer2", "layer3", "layer4"}


def test_building_never_asks_for_weights_and_asking_offline_names_the_remedy(monkeypatch):
    import timm

    real, asked = timm.create_model, []

    def offline(name, *, pretrained, pretrained_cfg_overlay=None, **options):
        asked.append(pretrained)
        if pretrained:
            raise OSError("no route to host")
        return real(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    network = PoseNetwork(MODELS["simple_baseline"].model_copy(update={"pretrained": True}), CODECS["heatmap"], LSP)
    assert asked == [False]
    with pytest.raises(MissingError, match=r"resnet18 cannot be had.*Connect .*--model\.no-pretrained"):
        network.model.load_pretrained(download=True)


@pytest.mark.parametrize("name", ["simple_baseline", "resnet", "hrnet"])
def test_pretrained_weights_fill_the_backbone(monkeypatch, name):
    """timm's own network stands for what would be downloaded."""
    import timm

    real = timm.create_model
    network = with_any_codec(name)
    theirs = real(network.model.backbone.name, pretrained=False)
    for value in theirs.state_dict().values():
        value.fill_(3)
    monkeypatch.setattr(timm, "create_model", lambda name, **options: theirs)
    assert network.model.load_pretrained(download=True).startswith("timm/")
    assert all((value == 3).all() for value in network.model.backbone.network.state_dict().values())
    head = [p for n, p in network.model.named_parameters() if "head" in n]
    assert not any((p == 3).any() for p in head)


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(MissingError, match=r"glasspose\[backbones\]"):
        with_any_codec("resnet")


@pytest.mark.slow
@EACH
def test_onnx_gives_the_same_numbers(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    network = with_any_codec(name).eval()
    images = people()[0][:1]
    torch.onnx.export(network.model, (images,), tmp_path / "n.onnx", dynamo=True, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "n.onnx")
    found = session.run(None, {session.get_inputs()[0].name: images.numpy()})[0]
    with torch.no_grad():
        expected = network(images).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1e-3)


@pytest.mark.slow
def test_the_v2_network_of_the_document_keeps_the_contract(tmp_path):
    """ResNet50 V2 with 24 million parameters: gradients everywhere and a step that helps, the same bits every time and from files, ONNX."""
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    network = PoseNetwork(Resnet(input_size=SIZE, backbone="resnetv2_50", dense=16), CODECS["coordinates"], LSP)
    images, places, labelled = people()
    learner = Learner(network).train()
    _, first = learner(images, places, labelled, torch.zeros_like(labelled))
    first.sum().backward()
    assert [name for name, p in learner.named_parameters() if p.grad is None] == []
    norm = torch.stack([p.grad.norm() for p in learner.parameters()]).norm()
    torch.optim.SGD(learner.parameters(), lr=0.02 * (first.detach().sum() / norm**2).item()).step()
    assert learner(images, places, labelled, torch.zeros_like(labelled))[1].sum() < first.sum()
    network.eval()
    with torch.no_grad():
        for value in network.model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())
        expected = network(images)
        assert torch.equal(network(images), expected)
        save_weights(tmp_path / "w.safetensors", network, {})
        assert torch.equal(load_weights(tmp_path / "w.safetensors")[0](images), expected)
        expected = network(images[:1]).numpy()
    torch.onnx.export(network.model, (images[:1],), tmp_path / "n.onnx", dynamo=True, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "n.onnx")
    found = session.run(None, {session.get_inputs()[0].name: images[:1].numpy()})[0]
    assert np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("size", [(64, 64), (96, 128)])
@EACH
def test_other_input_sizes(name, size):
    config = MODELS[name].model_copy(update={"input_size": size})
    network = PoseNetwork(config, CODECS[MAPS_OR_VECTOR[config.head]], LSP).eval()
    with torch.no_grad():
        keypoints, scores = network.keypoints(torch.zeros(1, 3, *size))
    assert (keypoints.shape, scores.shape) == ((1, 14, 2), (1, 14))
    assert network.heatmaps(torch.zeros(1, 3, *size)).shape[-2:] == (size[0] // config.stride, size[1] // config.stride)

"""Networks from timm, on which others are built. timm is imported here alone, and only when one of them is asked for."""

from importlib import import_module
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.errors import MissingError
from glasspose.models.pixels import Pixels


class Backbone(nn.Module):
    """A residual network without its classifier: images to features at a thirty-second of the resolution.

    Where timm's weights were trained with another normalisation of images, the network sees that one.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.network = _create(name)
        card = self.network.default_cfg
        self.pixels = Pixels(card["mean"], card["std"])
        self.channels = int(self.network.num_features)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The features of the last layer."""
        features: Tensor = self.network(self.pixels(images))
        return features

    def taps(self) -> dict[str, nn.Module]:
        """The stem and every layer."""
        old = hasattr(self.network, "layer1")
        layers = [getattr(self.network, f"layer{i}") for i in (1, 2, 3, 4)] if old else list(self.network.stages)
        return {"stem": self.network.maxpool if old else self.network.stem} | {f"layer{i}": layer for i, layer in enumerate(layers, 1)}

    def load_pretrained(self) -> str:
        """Take timm's weights for ImageNet. Returns their name. MissingError where they are neither here nor to be had."""
        return load_pretrained(self.network, self.name)


class HighResolution(nn.Module):
    """timm's HRNet up to the finest branch of its last stage, a quarter of the resolution: what the pose network of the paper reads.

    The last exchange between branches keeps only its finest output; the others would get no gradient.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.network = _create(name, features_only=True, feature_location="", out_indices=(1,))
        last = self.network.stage4[-1]
        last.fuse_layers = last.fuse_layers[:1]
        self.channels = int(last.num_in_chs[0])

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The features of the finest branch."""
        features: Tensor = self.network(images)[0]
        return features

    def load_pretrained(self) -> str:
        """Take timm's weights for ImageNet. Returns their name. MissingError where they are neither here nor to be had."""
        return load_pretrained(self.network, self.name)


def load_pretrained(network: nn.Module, name: str) -> str:
    """Copy timm's weights of this name, which are downloaded where no earlier download is kept."""
    try:
        theirs = _timm().create_model(name, pretrained=True)
    except Exception as problem:  # whatever stands between here and the weights: network, proxy, cache, disk
        raise MissingError(
            f"the ImageNet weights of {name} cannot be had ({type(problem).__name__})",
            "Connect to the internet once, or set model.pretrained to false",
        ) from None
    state = theirs.state_dict()
    own = network.state_dict()
    if any(key not in state or state[key].shape != value.shape for key, value in own.items()):
        raise MissingError(f"the installed timm has other weights of {name}", "Install another version of timm, or set model.pretrained to false")
    network.load_state_dict({key: state[key] for key in own})
    return f"timm/{theirs.default_cfg.get('architecture', name)}.{theirs.default_cfg.get('tag', '')}".rstrip(".")


def _create(name: str, **options: Any) -> Any:
    options = options or {"num_classes": 0, "global_pool": ""}
    return _timm().create_model(name, pretrained=False, **options)


def _timm() -> Any:
    try:
        return import_module("timm")
    except ImportError:
        raise MissingError("this model is built on timm, which is not installed", "pip install 'glasspose[backbones]'") from None

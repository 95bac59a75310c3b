"""Networks from timm, on which others are built. timm is imported here alone, and only when one of them is asked for."""

from importlib import import_module
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.errors import MissingError
from glasspose.models.pixels import Pixels

WITHOUT = "begin from chance with --model.no-pretrained"


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

    def load_pretrained(self, *, download: bool = False) -> str:
        """Take timm's weights for ImageNet. Returns their name. MissingError where they are not here and may not be, or cannot be, fetched."""
        return load_pretrained(self.network, self.name, download=download)


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

    def load_pretrained(self, *, download: bool = False) -> str:
        """Take timm's weights for ImageNet. Returns their name. MissingError where they are not here and may not be, or cannot be, fetched."""
        return load_pretrained(self.network, self.name, download=download)


def load_pretrained(network: nn.Module, name: str, *, download: bool = False) -> str:
    """Copy timm's weights of this name: those that an earlier download has left here, else, only where `download`, from huggingface.co."""
    timm, kept = _timm(), kept_weights(name)
    if kept is None and not download:
        raise MissingError(f"the ImageNet weights of {name} are not on this machine", f"Add --download (in Python download=True), or {WITHOUT}")
    try:
        theirs = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=None if kept is None else {"file": kept})
    except Exception as problem:  # whatever stands between here and the weights: network, proxy, cache, disk
        raise MissingError(
            f"the ImageNet weights of {name} cannot be had ({type(problem).__name__})", f"Connect to the internet once, or {WITHOUT}"
        ) from None
    state = theirs.state_dict()
    own = network.state_dict()
    if any(key not in state or state[key].shape != value.shape for key, value in own.items()):
        raise MissingError(f"the installed timm has other weights of {name}", f"Install another version of timm, or {WITHOUT}")
    network.load_state_dict({key: state[key] for key in own})
    return f"timm/{theirs.default_cfg.get('architecture', name)}.{theirs.default_cfg.get('tag', '')}".rstrip(".")


def kept_weights(name: str) -> str | None:
    """The file in which an earlier download keeps timm's weights of this name. Opens no connection."""
    _timm()
    card = import_module("timm.models").get_pretrained_cfg(name)
    found = import_module("huggingface_hub").try_to_load_from_cache(card.hf_hub_id, card.hf_hub_filename or "model.safetensors")
    return found if isinstance(found, str) else None


def _create(name: str, **options: Any) -> Any:
    options = options or {"num_classes": 0, "global_pool": ""}
    return _timm().create_model(name, pretrained=False, **options)


def _timm() -> Any:
    try:
        return import_module("timm")
    except ImportError:
        raise MissingError("this model is built on timm, which is not installed", "pip install 'glasspose[backbones]'") from None

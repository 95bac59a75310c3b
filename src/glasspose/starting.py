"""Where the weights of a run come from: chance, or other weights, whose tensors are copied where they fit and whose keypoints by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from glasspose.checkpoint import load_weights
from glasspose.errors import UsageError
from glasspose.network import PoseNetwork

_KEYPOINT_AXIS = {"heads.weight": 0, "heads.bias": 0, "merge_heatmaps.weight": 1}
_KEYPOINT_AXIS |= {"head.weight": 0, "head.bias": 0, "keypoint_maps.weight": 0, "keypoint_maps.bias": 0}
"""Tensors of the head, and which of their axes counts keypoints, or the numbers of one keypoint after those of the other."""


@dataclass(kw_only=True)
class Copied:
    """What `start_from` did."""

    source: str
    whole: list[str] = field(default_factory=list)
    by_keypoint: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    keypoints: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """To be read by a person."""
        mapped = f"head by keypoint name: {', '.join(self.keypoints)}" if self.by_keypoint else "a new head: no keypoint name is shared"
        new = f"; new: {', '.join(self.new[:6])}{' ...' if len(self.new) > 6 else ''}" if self.new else ""
        return [f"From {self.source}: {len(self.whole)} tensors copied, {mapped}{new}"]


@torch.no_grad()
def start_from(network: PoseNetwork, weights: str) -> Copied:
    """Copy what fits from other weights. UsageError where nothing does, WeightsError where they cannot be read."""
    other, card = load_weights(weights)
    copied = Copied(source=str(card["name"]), keypoints=[name for name in network.skeleton.keypoints if name in other.skeleton.keypoints])
    rows = [network.skeleton.index(name) for name in copied.keypoints]
    other_rows = [other.skeleton.index(name) for name in copied.keypoints]
    theirs = other.model.state_dict()
    same = network.codec_config.kind == other.codec_config.kind  # else the numbers of a head mean something else
    for name, mine in network.model.state_dict().items():
        if not mine.is_floating_point():  # counters, which weight files leave out
            continue
        source, axis = theirs.get(name), _axis(name)
        if axis is not None and source is not None:
            mine, source = (_by_keypoint(part, axis, len(whose.skeleton)) for part, whose in ((mine, network), (source, other)))
        if axis is not None and source is not None and rows and same and _agree(mine, source, axis):
            mine.index_copy_(axis, torch.tensor(rows), source.index_select(axis, torch.tensor(other_rows)))
            copied.by_keypoint.append(name)
        elif axis is None and source is not None and source.shape == mine.shape:
            mine.copy_(source)
            copied.whole.append(name)
        else:
            copied.new.append(name)
    if not copied.whole:
        raise UsageError(f"{weights} shares no tensor with this model", "Use the model that its card describes")
    return copied


def start_pretrained(network: PoseNetwork) -> str:
    """Take the backbone's weights for ImageNet, as the model's configuration asks. MissingError where they cannot be had."""
    name: str = network.model.load_pretrained()  # type: ignore[operator]
    return f"From {name} (ImageNet): the backbone; new: the rest"


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Leave these children of a model as they are: no gradient, and batch norm with its fixed statistics."""
    children = dict(model.named_children())
    for part in parts:
        if part not in children:
            raise UsageError(f"the model has no part {part!r} to freeze", f"It has {', '.join(children)}")
        children[part].requires_grad_(False)
        children[part].eval()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError("nothing is left to train", "Freeze fewer parts")


def _axis(name: str) -> int | None:
    first, *_, last = name.split(".")
    return _KEYPOINT_AXIS.get(f"{first}.{last}")


def _by_keypoint(tensor: Tensor, axis: int, keypoints: int) -> Tensor:
    """A view in which the axis counts keypoints and the next one the numbers of each."""
    return tensor.view(*tensor.shape[:axis], keypoints, -1, *tensor.shape[axis + 1 :])


def _agree(mine: Tensor, source: Tensor, axis: int) -> bool:
    """The same shape but for the number of keypoints."""
    return mine.ndim == source.ndim and all(a == b for i, (a, b) in enumerate(zip(mine.shape, source.shape, strict=True)) if i != axis)

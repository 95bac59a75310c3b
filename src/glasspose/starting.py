"""Where the weights of a run come from: chance, or other weights, whose tensors are copied where they fit and whose keypoints by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from glasspose.checkpoint import load_weights
from glasspose.errors import UsageError
from glasspose.models.heads import KEYPOINT_AXES
from glasspose.network import PoseNetwork


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
    rows, other_rows = (torch.tensor([s.index(name) for name in copied.keypoints], dtype=torch.long) for s in (network.skeleton, other.skeleton))
    theirs, known = other.model.state_dict(), getattr(network.model, "keypoint_axes", KEYPOINT_AXES)
    same = network.codec_config.kind == other.codec_config.kind  # else the numbers of a head mean something else
    for name, mine in network.model.state_dict().items():
        if not mine.is_floating_point():  # counters, which weight files leave out
            continue
        source, axes = theirs.get(name), _axes(known, name)
        if axes and source is not None and len(rows) and same and source.ndim == mine.ndim:
            (mine, axes), (source, _) = (_by_keypoint(part, axes, len(who.skeleton)) for part, who in ((mine, network), (source, other)))
        if axes and source is not None and len(rows) and same and _agree(mine, source, axes):
            mine[_places(axes, rows)] = source[_places(axes, other_rows)]
            copied.by_keypoint.append(name)
        elif not axes and source is not None and source.shape == mine.shape:
            mine.copy_(source)
            copied.whole.append(name)
        else:
            copied.new.append(name)
    if not copied.whole:
        raise UsageError(f"{weights} shares no tensor with this model", "Use the model that its card describes")
    return copied


def start_pretrained(network: PoseNetwork, *, download: bool = False) -> str:
    """Take the backbone's weights for ImageNet, fetched only where `download`. MissingError where they cannot be had."""
    name: str = network.model.load_pretrained(download=download)  # type: ignore[operator]
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


def _axes(known: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    """Which axes of a tensor count keypoints."""
    return next((axes for pattern, axes in known.items() if fnmatchcase(name, pattern)), ())


def _by_keypoint(tensor: Tensor, axes: Sequence[int], keypoints: int) -> tuple[Tensor, tuple[int, ...]]:
    """A view in which each of these axes counts keypoints, and the next one the numbers of each; and where these axes now are."""
    shape, places = list[int](), list[int]()
    for axis, size in enumerate(tensor.shape):
        places += [len(shape)] if axis in axes else []
        shape += [keypoints, size // keypoints] if axis in axes else [size]
    return tensor.view(shape), tuple(places)


def _places(axes: tuple[int, ...], rows: Tensor) -> tuple[slice | Tensor, ...]:
    """An index of these keypoints along each of the axes, and of everything along the others."""
    shaped = iter(torch.meshgrid(*[rows] * len(axes), indexing="ij"))
    return tuple(next(shaped) if axis in axes else slice(None) for axis in range(max(axes) + 1))


def _agree(mine: Tensor, source: Tensor, axes: tuple[int, ...]) -> bool:
    """The same shape but for the number of keypoints."""
    return mine.ndim == source.ndim and all(a == b for i, (a, b) in enumerate(zip(mine.shape, source.shape, strict=True)) if i not in axes)

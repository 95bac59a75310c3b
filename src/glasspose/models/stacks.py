"""What all stacked hourglasses share: levels within an hourglass, hourglasses in a row, and the names of their parts.

Letters: B batch, S stacks, C channels, K keypoints, H W input, h w heatmap (h = H / 4, or as the configuration says).
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from glasspose.configs.models import Hourglass, ThesisHourglass, UvicHourglass
from glasspose.models.autoencoder import SqueezingAutoencoder


class Level(nn.Module):
    """One level of an hourglass. The kinds differ in what stands before and after; what is below, and how both ways meet, is the same."""

    skip: nn.Module | None
    """What leads from the way down to the way up at this resolution; None where there is no such connection."""
    inner: nn.Module
    """The next level, or the bottleneck."""
    autoencoder: SqueezingAutoencoder | None
    """After the bottleneck, where there is one."""

    def below(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """The levels below this one."""
        low: Tensor = self.inner(x)
        return low if self.autoencoder is None else self.autoencoder(low)

    def joined(self, x: Float[Tensor, "B C h w"], low: Float[Tensor, "B C h/2 w/2"]) -> Float[Tensor, "B C h w"]:
        """What came from below, enlarged by nearest neighbour, and what the skip makes of what came in."""
        grown = functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return grown if self.skip is None else self.skip(x) + grown


class Stacks(nn.Module):
    """Hourglasses in a row, each with its own maps (intermediate supervision); features and maps go on to the next by 1 x 1 convolutions."""

    keypoint_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "heads.*.weight": (0,),
        "heads.*.bias": (0,),
        "merge_heatmaps.*.weight": (1,),
    }
    """Tensors whose entries along these axes belong to keypoints."""

    def __init__(
        self, stem: nn.Module, hourglasses: Iterable[Level], features: Iterable[nn.Module], heads: Iterable[nn.Module], width: int, outputs: int
    ) -> None:
        super().__init__()
        self.stem = stem
        self.hourglasses = nn.ModuleList(hourglasses)
        self.features = nn.ModuleList(features)
        self.heads = nn.ModuleList(heads)
        again = len(self.heads) - 1
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(again))
        self.merge_heatmaps = nn.ModuleList(nn.Conv2d(outputs, width, 1) for _ in range(again))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B S K h w"]:
        """Normalised images to the raw heatmaps of every stack."""
        x = self.stem(images)
        answers = []
        for i, (hourglass, features, head) in enumerate(zip(self.hourglasses, self.features, self.heads, strict=True)):
            found = features(hourglass(x))
            answers.append(head(found))
            if i < len(self.merge_features):
                x = x + self.merge_features[i](found) + self.merge_heatmaps[i](answers[-1])
        return torch.stack(answers, dim=1)

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at: stem, and of every stack its skips, bottleneck, features and autoencoder."""
        named: dict[str, nn.Module] = {"stem": self.stem}
        for s, (hourglass, features) in enumerate(zip(self.hourglasses, self.features, strict=True)):
            for depth, level in enumerate(levels(hourglass)):
                if level.skip is not None:
                    named[f"stack{s}.skip{depth}"] = level.skip
            named[f"stack{s}.bottleneck"] = level.inner
            if level.autoencoder is not None:
                named[f"stack{s}.code"], named[f"stack{s}.decoded"] = level.autoencoder.encoder, level.autoencoder.decoder
            named[f"stack{s}.features"] = features
        return named

    def autoencoders(self) -> Mapping[str, SqueezingAutoencoder]:
        """Those of every stack, by the tap whose output they are given."""
        lowest = [levels(hourglass)[-1] for hourglass in self.hourglasses]
        return {f"stack{s}.bottleneck": level.autoencoder for s, level in enumerate(lowest) if level.autoencoder is not None}


def levels(hourglass: nn.Module) -> list[Level]:
    """The levels of one hourglass, from the outermost to the one that holds the bottleneck."""
    found = []
    while isinstance(hourglass, Level):
        found.append(hourglass)
        hourglass = hourglass.inner
    return found


def lowest_size(config: Hourglass | ThesisHourglass | UvicHourglass) -> tuple[int, int]:
    """(height, width) of the bottleneck in pixels."""
    step = config.stride * 2**config.depth
    return config.input_size[0] // step, config.input_size[1] // step

"""Attribution by gradients: integrated gradients along several paths, gradient times input, SmoothGrad.

Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) depend on where the path starts, so there are always several: the picture's own
blur (along a path of blurs, as PoseIG takes it), even grey, and other pictures. Their sum must be the number explained at the picture less
that at the start of the path (completeness), and the gap is always told.
Letters: B batch, T steps, H W input. A `Scalar` gives one differentiable number for each picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.attribution.fills import BLUR, blurred
from glasspose.errors import GlassposeError

Scalar = Callable[[Tensor], Tensor]
BATCH = 32
MOST_STEPS = 256
SMOOTH_DRAWS, SMOOTH_NOISE = 16, 0.1
"""SmoothGrad's pictures, and the deviation of their noise in shares of the picture's range."""


class GradientError(GlassposeError):
    """Gradients that are not finite: setting them to zero would hide it."""

    code = "gradient"


@dataclass(frozen=True, kw_only=True, eq=False)
class Path:
    """From a start to the picture: gradients are taken at T points, and each counts for its stretch of the way."""

    start: Float[Tensor, "3 H W"]
    points: Float[Tensor, "T 3 H W"]
    stretches: Float[Tensor, "T 3 H W"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Integrated:
    """Integrated gradients of one picture and one start."""

    map: Float[Tensor, "3 H W"]
    change: float
    """The number explained at the picture less that at the start."""
    gap: float
    """How far the map's sum is from it, in the unit of the number."""
    steps: int

    @property
    def relative_gap(self) -> float:
        """The gap as a share of the change."""
        return self.gap / max(abs(self.change), 1e-9)


def straight(image: Float[Tensor, "3 H W"], start: Float[Tensor, "3 H W"], steps: int) -> Path:
    """The straight path, at the nodes and weights of Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    along = torch.from_numpy((1 + nodes) / 2).to(image.dtype).view(-1, 1, 1, 1)
    shares = torch.from_numpy(weights / 2).to(image.dtype).view(-1, 1, 1, 1)
    return Path(start=start, points=start + along * (image - start), stretches=shares * (image - start))


def blur_path(image: Float[Tensor, "3 H W"], steps: int, largest: float | None = None) -> Path:
    """From the heavily blurred picture to the picture itself by ever less blur; stretches grow with the deviation."""
    largest = BLUR * image.shape[-2] if largest is None else largest
    deviations = [largest * (1 - t / steps) ** 2 for t in range(steps + 1)]
    kept = torch.stack([blurred(image[None], deviation)[0] for deviation in deviations])
    return Path(start=kept[0], points=(kept[1:] + kept[:-1]) / 2, stretches=kept[1:] - kept[:-1])


def integrated_gradients(scalar: Scalar, image: Float[Tensor, "3 H W"], path: Path) -> Integrated:
    """Integrated gradients along one path, with what completeness lacks. GradientError where a gradient is not finite."""
    total = torch.zeros_like(image, dtype=torch.float64)
    for points, stretches in zip(torch.split(path.points, BATCH), torch.split(path.stretches, BATCH), strict=True):
        total += (gradients(scalar, points).double() * stretches.double()).sum(0)
    with torch.no_grad():
        ends = scalar(torch.stack([image, path.start])).double()
    change = float(ends[0] - ends[1])
    return Integrated(map=total, change=change, gap=abs(float(total.sum()) - change), steps=len(path.points))


def complete(
    scalar: Scalar, image: Float[Tensor, "3 H W"], path: Callable[[int], Path], *, steps: int, relative: float = 0.02, absolute: float = 0.0
) -> Integrated:
    """Integrated gradients with four times the steps until the gap is at most `relative` of the change or `absolute`, or `MOST_STEPS` are reached."""
    while True:
        found = integrated_gradients(scalar, image, path(steps))
        if found.gap <= max(relative * abs(found.change), absolute) or steps >= MOST_STEPS:
            return found
        steps *= 4


def several_starts(
    scalar: Scalar,
    image: Float[Tensor, "3 H W"],
    others: Float[Tensor, "O 3 H W"],
    *,
    steps: int = 64,
    relative: float = 0.02,
    absolute: float = 0.0,
) -> dict[str, Integrated]:
    """Integrated gradients from the blur, from grey (the mean colour), and from the distribution of `others` (their mean)."""

    def along(path: Callable[[int], Path], count: int) -> Integrated:
        return complete(scalar, image, path, steps=count, relative=relative, absolute=absolute)

    grey = torch.zeros_like(image)
    found = {"blur": along(lambda count: blur_path(image, count), steps), "grey": along(lambda count: straight(image, grey, count), steps)}
    if len(others):
        found["others"] = mean_of([along(lambda count, other=other: straight(image, other, count), steps) for other in others])  # type: ignore[misc]
    return found


def mean_of(parts: Sequence[Integrated]) -> Integrated:
    """The mean over starts: complete with respect to the mean of the changes."""
    maps = torch.stack([part.map for part in parts])
    change = float(np.mean([part.change for part in parts]))
    mean = maps.mean(0)
    return Integrated(map=mean, change=change, gap=float(np.mean([part.gap for part in parts])), steps=sum(part.steps for part in parts))


def gradient_times_input(scalar: Scalar, image: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
    """The gradient times how far the picture is from even grey (Shrikumar et al. 2016)."""
    return (gradients(scalar, image[None])[0] * image).double()


def smooth_grad(scalar: Scalar, image: Float[Tensor, "3 H W"], seed: int = 0) -> Float[Tensor, "3 H W"]:
    """The mean gradient over noisy copies (Smilkov et al. 2017), times how far the picture is from even grey."""
    generator = torch.Generator().manual_seed(seed)
    deviation = SMOOTH_NOISE * float(image.max() - image.min())
    noisy = image + deviation * torch.randn((SMOOTH_DRAWS, *image.shape), generator=generator)
    return (gradients(scalar, noisy).mean(0) * image).double()


def gradients(scalar: Scalar, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """Of each picture's number with respect to its pixels. GradientError where one is not finite."""
    asked = images.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        (found,) = torch.autograd.grad(scalar(asked).sum(), asked)
    if not torch.isfinite(found).all():
        count = int((~torch.isfinite(found)).sum())
        raise GradientError(f"{count} gradients of the network are not finite", "Ask with --methods occlusion, and look for logarithms or roots of 0")
    return found

"""The methods by which `explain why` finds evidence, each from a case (one keypoint of one picture) to a map."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from glasspose.attribution import gradients, occlusion
from glasspose.attribution.answering import Answering, NetworkAnswering
from glasspose.attribution.gradients import Integrated
from glasspose.attribution.rivals import evenly_blurred
from glasspose.attribution.targets import Target
from glasspose.explain.explanation import NotApplicableError

TOLERANCES = {"location": 0.1}
"""A gap of completeness that counts as none, in input pixels, for targets that are lengths."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One keypoint of one picture, and what stands in for what is hidden."""

    answering: Answering
    image: Float[Tensor, "3 H W"]
    target: Target
    k: int
    fills: Mapping[str, Float[Tensor, "3 H W"]]
    others: Float[Tensor, "O 3 H W"]
    """Other pictures, from which integrated gradients may start."""
    seed: int = 0

    def reading(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        """The number explained, of every keypoint."""
        return self.target(self.answering(images).maps)

    def number(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        """That of this case's keypoint."""
        return self.reading(images)[:, self.k]

    def scalar(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        """The same, differentiable. NotApplicableError for what has no weights here."""
        return self.target(self.network().maps(images))[:, self.k]

    def network(self) -> NetworkAnswering:
        """What gradients can flow through."""
        if not isinstance(self.answering, NetworkAnswering) or not self.answering.has_weights:
            raise NotApplicableError("gradients need the network itself, not an exported file", "Use --methods occlusion or rise")
        return self.answering

    def grid(self) -> Float[Tensor, "P H W"]:
        """The cells that are hidden."""
        return occlusion.cells((self.image.shape[-2], self.image.shape[-1]), occlusion.ACROSS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """A map of evidence, larger where more depends on it, at the blur at which maps are compared."""

    map: Float[Tensor, "H W"]
    agreement_of_fills: float | None = None
    starts: Mapping[str, Integrated] | None = None


def by_occlusion(case: Case) -> Evidence:
    """Each cell hidden alone."""
    lost = occlusion.occlusion(case.reading, case.image, case.fills, case.grid())
    return of_cells(lost[:, case.k], case.grid())


def by_rise(case: Case) -> Evidence:
    """Random fifths of the cells hidden."""
    return of_cells(occlusion.rise(case.reading, case.image, case.fills, case.grid(), case.seed)[:, case.k], case.grid())


def of_cells(lost: Float[Tensor, "F P"], grid: Float[Tensor, "P H W"]) -> Evidence:
    """The mean over fills as a map."""
    return Evidence(map=_even(occlusion.spread_out(lost.mean(0), grid)), agreement_of_fills=occlusion.agreement_of_fills(lost))


def by_integrated_gradients(case: Case) -> Evidence:
    """The mean over starts."""
    tolerance = TOLERANCES.get(case.target.kind, 0.0)
    starts = gradients.several_starts(case.scalar, case.image, case.others, absolute=tolerance)
    return Evidence(map=_even(gradients.mean_of(list(starts.values())).map.sum(0)), starts=starts)


def by_gradient_times_input(case: Case) -> Evidence:
    """One gradient."""
    return Evidence(map=_even(gradients.gradient_times_input(case.scalar, case.image).sum(0)))


def by_smooth_grad(case: Case) -> Evidence:
    """The mean of sixteen gradients."""
    return Evidence(map=_even(gradients.smooth_grad(case.scalar, case.image, case.seed).sum(0)))


METHODS: Mapping[str, Callable[[Case], Evidence]] = {
    "occlusion": by_occlusion,
    "rise": by_rise,
    "integrated_gradients": by_integrated_gradients,
    "gradient_times_input": by_gradient_times_input,
    "smooth_grad": by_smooth_grad,
}


def _even(values: Float[Tensor, "H W"]) -> Float[Tensor, "H W"]:
    return evenly_blurred(values[None])[0]

"""The proof that every export ends with: the same crops through PyTorch and through the exported file, apart in pixels.

A keypoint is *undecided* where PyTorch itself moves it by more than the bound when its own answer changes by a hundred-thousandth: two
peaks of equal height, say. Such ties are left out, counted and told; a proof that leaves out too many fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from glasspose.data.loading import normalise
from glasspose.errors import ExportError
from glasspose.exporting.pictures import Crops
from glasspose.network import PoseNetwork

BOUND = 0.05
"""Input pixels, in 32 bits."""
SCORE_BOUND = 1e-3
NUDGE = 1e-5
"""Of the answer, to find what is undecided, as a share of its largest number where that is below 1; ten times what runtimes differ by."""
EMPTY = 1e-4
"""Maps whose largest number is no more than this are taken for empty: where their peak is, chance decides."""
NUDGES = 4
MOST_UNDECIDED = 0.02
"""Share of the counted keypoints."""
BATCH = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What a network says of N crops: input pixels, scores, and the maps of the last stack."""

    keypoints: Float[np.ndarray, "N K 2"]
    scores: Float[np.ndarray, "N K"]
    heatmaps: Float[np.ndarray, "N K h w"]


Runner = Callable[[Crops], Told]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far an exported file is from PyTorch."""

    pictures: str
    crops: int
    counted: int
    """Keypoints compared: the seen ones, or all where the network sees none in these pictures."""
    which: str
    """`seen` or `all`."""
    undecided: int
    """Of the counted ones, left out."""
    shift: float
    """Largest, in input pixels."""
    median_shift: float
    score: float
    """Largest difference of a score."""
    heatmap: float
    """Largest difference anywhere in the maps."""
    bound: float | None
    """Input pixels; None where the shift is stated and not bound (8 bits)."""
    batches: tuple[int, ...]
    """Sizes of the batches that the file was run with."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the sidecar."""
        return {key: float(f"{value:.3g}") if isinstance(value, float) else value for key, value in asdict(self).items()}

    def check(self) -> None:
        """ExportError where the file does not do what PyTorch does."""
        if self.undecided > MOST_UNDECIDED * self.counted:
            raise ExportError(f"{self.undecided} of {self.counted} keypoints are undecided: nothing is proved", "Prove it on other --pictures")
        if self.bound is not None and not (self.shift <= self.bound and self.score <= SCORE_BOUND):
            raise ExportError(
                f"keypoints of the exported file lie up to {self.shift:.3g} input pixels (scores {self.score:.1g}) from PyTorch's, "
                f"more than {self.bound}",
                "Nothing was written; report it with the weights' card",
            )


def measure(
    network: PoseNetwork, runner: Runner, crops: Crops, pictures: str, seen: tuple[float, ...], *, flip_test: bool, bound: float | None
) -> Parity:
    """Compare a file with PyTorch on the same crops: one alone, then in batches."""
    ours, undecided = reference(network, crops, flip_test=flip_test)
    sizes = [1, *(len(crops[start : start + BATCH]) for start in range(1, len(crops), BATCH))]
    theirs = told_in(runner, crops, sizes)
    if not all(np.isfinite(part).all() for part in (theirs.keypoints, theirs.scores, theirs.heatmaps)):
        raise ExportError("the exported file gives numbers that are not finite", "Nothing was written")
    counted = ours.scores >= np.array(seen)
    which = "seen" if counted.any() else "all"
    counted = counted if counted.any() else np.ones_like(counted)
    apart = np.linalg.norm(ours.keypoints - theirs.keypoints, axis=-1)[counted & ~undecided]
    return Parity(
        pictures=pictures,
        crops=len(crops),
        counted=int(counted.sum()),
        which=which,
        undecided=int((counted & undecided).sum()),
        shift=float(apart.max(initial=0.0)),
        median_shift=float(np.median(apart)) if len(apart) else 0.0,
        score=float(np.abs(ours.scores - theirs.scores).max()),
        heatmap=float(np.abs(ours.heatmaps - theirs.heatmaps).max()),
        bound=bound,
        batches=tuple(sorted(set(sizes))),
    )


def told_in(runner: Runner, crops: Crops, sizes: list[int]) -> Told:
    """Run in batches of these sizes, one after the other."""
    ends = np.cumsum(sizes)
    return joined([runner(part) for part in np.split(crops, ends[:-1])])


def joined(parts: Sequence[Told]) -> Told:
    """One after the other."""
    return Told(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in ("keypoints", "scores", "heatmaps")})


@torch.inference_mode()
def reference(network: PoseNetwork, crops: Crops, *, flip_test: bool) -> tuple[Told, Bool[np.ndarray, "N K"]]:
    """What PyTorch says, and which keypoints are undecided."""
    chance = torch.Generator().manual_seed(0)
    found: list[list[torch.Tensor]] = []
    for start in range(0, len(crops), BATCH):
        views = [view[:, -1:] for view in network.views(normalise(torch.from_numpy(crops[start : start + BATCH])), flip_test=flip_test)]
        answer = views[0] if len(views) == 1 else (views[0] + views[1]) / 2
        keypoints, scores = network.codec.agreed([view[:, 0] for view in views])
        undecided, nudge = torch.zeros_like(scores, dtype=torch.bool), NUDGE * min(1.0, max(answer.abs().max().item(), EMPTY))
        for _ in range(NUDGES):
            signs = torch.randint(0, 2, answer.shape, generator=chance) * 2.0 - 1
            nudged, _ = network.codec.agreed([(view + nudge * signs)[:, 0] for view in views])
            undecided |= (nudged - keypoints).norm(dim=-1) > BOUND
        found.append([keypoints, scores, network.codec.maps(answer)[:, 0], undecided])
    places, heights, maps, ties = (torch.cat(part).numpy() for part in zip(*found, strict=True))
    return Told(keypoints=places, scores=heights, heatmaps=maps), ties

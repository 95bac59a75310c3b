"""Predictions beside their labels, and the reference lengths that distances between them are measured in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import UsageError
from glasspose.skeletons import Skeleton

GRID = 64
"""Cells along the longer side of the grid over the evaluation square: the heatmaps of a network for 256 x 256 pixels."""
TENTH = GRID / 10
UVIC_SHARE, UVIC_PIXELS = 0.2, 5.0
Lengths = Float[np.ndarray, " N"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """What was predicted for N labelled people. Image pixels."""

    skeleton: Skeleton
    predicted: Float[np.ndarray, "N K 2"]
    truth: Float[np.ndarray, "N K 2"]
    labelled: Bool[np.ndarray, "N K"]
    occluded: Bool[np.ndarray, "N K"]
    torso: Lengths
    """Of the labels; 0 where they lack it."""
    head: Lengths
    image_ids: Int[np.ndarray, " N"]
    to_grid: Float[np.ndarray, "N 2 3"]
    """Image pixels to the cells of a grid of `GRID` cells over the person's evaluation square."""
    grid: tuple[int, int] = (GRID, GRID)
    """Its (height, width)."""
    unanswered: Bool[np.ndarray, "N K"] | None = None
    """Predictions of score 0: the decoder says that there is no such keypoint, and the place means nothing. None: all are answers."""

    def on_grid(self) -> tuple[Float[np.ndarray, "N K 2"], Float[np.ndarray, "N K 2"], Bool[np.ndarray, "N K"]]:
        """The cells of predictions and of labels, and which labels lie on the grid. Predictions are moved onto it: a map's peak is nowhere else."""
        predicted, truth = (np.rint(self._cells(points)) for points in (self.predicted, self.truth))
        last = np.array(self.grid[::-1]) - 1
        on: np.ndarray = ((truth >= 0) & (truth <= last)).all(-1)
        return np.clip(predicted, 0, last), truth, on

    def _cells(self, points: Float[np.ndarray, "N K 2"]) -> Float[np.ndarray, "N K 2"]:
        moved: np.ndarray = np.einsum("nij,nkj->nki", self.to_grid[..., :2], points) + self.to_grid[:, None, :, 2]
        return moved

    def between(self, first: str, second: str) -> Lengths:
        """The labelled distance of two keypoints by name; 0 where either is not labelled. UsageError where the skeleton lacks one."""
        return _apart(*self._ends(first, second))

    def across(self, first: str, second: str) -> Lengths:
        """The same in x alone; infinite where either is not labelled."""
        offset, both = self._ends(first, second)
        return np.where(both, np.abs(offset[:, 0]), np.inf)

    def _ends(self, first: str, second: str) -> tuple[Float[np.ndarray, "N 2"], Bool[np.ndarray, " N"]]:
        missing = [name for name in (first, second) if name not in self.skeleton.keypoints]
        if missing:
            remedy = "Choose another reference length: " + ", ".join(LENGTHS)
            raise UsageError(f"skeleton {self.skeleton.name} has no keypoint {missing[0]!r}, an end of the reference length", remedy)
        a, b = self.skeleton.index(first), self.skeleton.index(second)
        return self.truth[:, a] - self.truth[:, b], self.labelled[:, a] & self.labelled[:, b]


def _apart(offset: Float[np.ndarray, "N 2"], both: Bool[np.ndarray, " N"]) -> Lengths:
    return np.where(both, np.hypot(offset[:, 0], offset[:, 1]), 0.0)


def head_segment(matched: Matched) -> Lengths:
    """Upper neck (or neck) to the top of the head, as labelled: on MPII about 1.333 times the official length."""
    if matched.skeleton.head is None:
        raise UsageError(f"skeleton {matched.skeleton.name} has no head segment", "Choose another reference length: torso@0.2, say")
    neck, top = (matched.skeleton.keypoints[k] for k in matched.skeleton.head)
    return matched.between(neck, top)


def head_box(matched: Matched) -> Lengths:
    """0.6 times the diagonal of the labelled head box, MPII's official length. UsageError where the labels have only a head segment."""
    known = matched.head > 0
    if known.any() and matched.skeleton.head is not None and np.allclose(matched.head[known], head_segment(matched)[known]):
        raise UsageError("the labels hold no head boxes: their head length is the segment", "Ask for head_segment@0.375, or for head_segment@0.5")
    return matched.head


def uvic(matched: Matched) -> Lengths:
    """A fifth of the hips' distance in x, of the eyes' where a hip is missing, else 5 pixels: what the UVic report calls a torso (a bug).

    Hips above each other have a length next to 0, and every keypoint of such a person is wrong.
    """
    hips, eyes = (matched.across(f"left_{part}", f"right_{part}") for part in ("hip", "eye"))
    share = UVIC_SHARE * np.where(np.isfinite(hips), hips, eyes)
    return np.where(np.isfinite(share), np.maximum(share, 1e-9), UVIC_PIXELS)


LENGTHS: Mapping[str, Callable[[Matched], Lengths]] = {
    "torso": lambda matched: matched.torso,
    "head": lambda matched: matched.head,
    "head_box": head_box,
    "head_segment": head_segment,
    "flic_torso": lambda matched: matched.between("right_shoulder", "left_hip"),
    "uvic": uvic,
    "pixels": lambda matched: np.ones(len(matched.truth)),
    "grid": lambda matched: np.full(len(matched.truth), TENTH),
}
"""A reference length by name, one number a person, 0 where there is none. `grid` is a tenth of the grid's longer side, in cells."""

"""Walks along directions of a bottleneck: their frames, how far the maps change on the way, and where they leave the people behind.

Letters: N people, M sources, T steps, K keypoints, D numbers of the bottleneck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from glasspose.attribution.taps import recorded
from glasspose.explain.sample import Sample
from glasspose.explain.steering import REGIMES, Decoder, Frames, frames, moves_of_skips
from glasspose.metrics.scores import Interval, interval_of

STEPS = np.arange(-3.0, 4.0)
DENSE_AXES = 20
FAR = 0.99
"""A place is off the manifold if it lies farther out than this share of the people."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """Frames along one direction."""

    name: str
    direction: Float[np.ndarray, " D"]
    step: float
    """One standard deviation of the people along it."""
    by_regime: dict[str, Frames]
    off: Bool[np.ndarray, "M T"]
    """Steps that lead where nobody is, for walks from a source."""


def walked(known: Decoder, sources: Sample, along: Float[np.ndarray, " D"], name: str, step: float, regimes: Sequence[str] = REGIMES) -> Walk:
    """All steps of this length, for all sources, under these regimes."""
    moves = STEPS[:, None] * step * along
    skip_moves = scaled(moves_of_skips(known, along), STEPS * step)
    images = sources.inputs()
    made = {regime: frames(known, images if regime != "mean" else images[:1], moves, regime, skip_moves) for regime in regimes}
    return Walk(name=name, direction=along, step=step, by_regime=made, off=_off(known, images, moves))


def scaled(one: Mapping[str, np.ndarray], amounts: np.ndarray) -> list[dict[str, np.ndarray]]:
    """What the skips do at every step."""
    return [{name: float(amount) * value for name, value in one.items()} for amount in amounts]


def _off(known: Decoder, images: torch.Tensor, moves: np.ndarray) -> np.ndarray:
    """By the Mahalanobis distance over the first components, against that of the people themselves."""
    with torch.inference_mode(), recorded({known.place: known.asked.taps()[known.place]}) as said:
        known.asked.network(images)
    rows = said[known.place].flatten(1).numpy()
    used = min(DENSE_AXES, len(known.found.variances))
    unit = np.sqrt(known.found.variances[:used])
    limit = np.quantile(np.linalg.norm(known.found.scores[:, :used] / unit, axis=1), FAR)
    there = known.found.project((rows[:, None] + moves[None]).reshape(-1, rows.shape[1]))[:, :used] / unit
    found: np.ndarray = (np.linalg.norm(there, axis=1) > limit).reshape(len(rows), len(moves))
    return found


def change(made: Frames) -> Float[np.ndarray, "M T"]:
    """How far the maps are from those of the step 0: root of the mean square over keypoints and places."""
    middle = made.maps[:, [int(np.argmin(np.abs(STEPS)))]]
    found: np.ndarray = np.sqrt(((made.maps - middle) ** 2).mean((2, 3, 4)))
    return found


def bypass_index(walks: Sequence[Walk]) -> tuple[float, Interval | None]:
    """Change with frozen skips / change with all moved, over all walks, steps and sources; interval over sources."""
    frozen, moved = (np.sum([change(one.by_regime[regime]).sum(1) for one in walks], axis=0) for regime in ("frozen", "moved"))
    value = float(frozen.sum() / max(moved.sum(), 1e-30))
    drawn = np.random.default_rng(0).integers(len(frozen), size=(1000, len(frozen)))
    spread = frozen[drawn].sum(1) / np.maximum(moved[drawn].sum(1), 1e-30)
    return value, interval_of(spread) if len(frozen) > 1 else None

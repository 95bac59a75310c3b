"""From scores to decisions: which keypoints are in the picture, and whether anybody is. The thresholds are fitted on validation data and
kept in the card of the weights.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import WeightsError

STRONGEST = 4
"""The person's score is the mean of so many of its highest keypoint scores: a portrait shows no more than that."""


SEEN_GROUPS, SIZE_GROUPS = 2, 2
"""Radii are kept for keypoints that are not seen and seen, of small and of large people."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """From scores to probabilities and radii, fitted by `explain trust` and kept only where they held on other pictures."""

    probability: tuple[tuple[tuple[float, float], ...], ...]
    """For each keypoint: (score, probability) in rising order; between them a line. The probability that the keypoint lies within 0.2 torso
    lengths of where a person would label it, given that it is in the picture."""
    radius: tuple[tuple[float, ...], ...]
    """For each keypoint and group (unseen small, unseen large, seen small, seen large): the radius that holds the label in `coverage` of the
    cases, in sizes of the pose (square root of its area)."""
    large: float
    """A pose of this size in image pixels, or more, is large."""
    flip_test: bool = True
    """Whether the scores were those of the flip test: they differ without."""
    coverage: float = 0.9
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the card."""
        return {
            "probability": [[list(knot) for knot in knots] for knots in self.probability],
            "radius": [list(row) for row in self.radius],
            "large": self.large,
            "flip_test": self.flip_test,
            "coverage": self.coverage,
            "note": self.note,
        }

    def probabilities(self, scores: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
        """Of each keypoint."""
        told = [np.interp(scores[:, k], *np.array(knots).T) for k, knots in enumerate(self.probability)]
        return np.stack(told, axis=1).reshape(scores.shape)

    def radii(self, keypoints: Float[np.ndarray, "N K 2"], seen: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
        """Of each keypoint, in the pixels of the keypoints, which must be the image's."""
        size = pose_sizes(keypoints)
        chosen = np.array(self.radius)[np.arange(seen.shape[1]), trust_groups(size, seen, self.large)]
        found: np.ndarray = chosen * size[:, None]
        return found


def pose_sizes(keypoints: Float[np.ndarray, "N K 2"]) -> Float[np.ndarray, " N"]:
    """The square root of the area of the keypoints' extent, its shorter side taken as a quarter of the longer one at least; 1 or more."""
    sides = np.ptp(keypoints, axis=1) if len(keypoints) else np.zeros((0, 2))
    longer = sides.max(1, initial=1.0)
    found: np.ndarray = np.sqrt(longer * np.maximum(sides.min(1, initial=np.inf), 0.25 * longer))
    return found


def trust_groups(size: Float[np.ndarray, " N"], seen: Bool[np.ndarray, "N K"], large: float) -> Int[np.ndarray, "N K"]:
    """The group of each keypoint in `Trust.radius`."""
    found: np.ndarray = SIZE_GROUPS * seen.astype(np.int64) + (size >= large).astype(np.int64)[:, None]
    return found


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Thresholds on scores, 0 to 1."""

    seen: tuple[float, ...]
    """For each keypoint: at this score or above it is held to be in the picture."""
    person: float
    """At this score or above somebody is there."""
    note: str = ""
    """What they were fitted on, and how often they were right there."""
    trust: "Trust | None" = None
    """What `explain trust` has fitted, where it has."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the card."""
        kept = {"seen": list(self.seen), "person": self.person, "note": self.note}
        return kept if self.trust is None else {**kept, "trust": self.trust.to_json()}


def calibration_from_card(card: Mapping[str, Any], keypoints: int) -> Calibration:
    """The calibration in a card; 0.2 and 0.3 throughout where it has none. WeightsError where it does not fit."""
    data = card.get("calibration")
    if data is None:
        return Calibration(seen=(0.2,) * keypoints, person=0.3, note="not calibrated")
    try:
        seen, person = tuple(float(v) for v in data["seen"]), float(data["person"])
    except (KeyError, TypeError, ValueError):
        raise WeightsError("the calibration in the card is malformed", "Write it again with `glasspose train` or fetch the card") from None
    if len(seen) != keypoints or not all(0 <= v <= 1 for v in (*seen, person)):
        raise WeightsError(f"the calibration in the card does not fit {keypoints} keypoints", "Fetch the card again")
    return Calibration(seen=seen, person=person, note=str(data.get("note", "")), trust=_trust(data.get("trust"), keypoints))


def _trust(data: Any, keypoints: int) -> Trust | None:
    if data is None:
        return None
    try:
        found = Trust(
            probability=tuple(tuple((float(x), float(y)) for x, y in knots) for knots in data["probability"]),
            radius=tuple(tuple(float(v) for v in row) for row in data["radius"]),
            large=float(data["large"]),
            flip_test=bool(data["flip_test"]),
            coverage=float(data["coverage"]),
            note=str(data.get("note", "")),
        )
    except (KeyError, TypeError, ValueError):
        raise WeightsError("the probabilities in the card are malformed", "Write them again with `glasspose explain trust --write`") from None
    rising = all(knots and list(knots) == sorted(knots) and all(0 <= v <= 1 for knot in knots for v in knot) for knots in found.probability)
    radii = all(len(row) == SEEN_GROUPS * SIZE_GROUPS and all(0 <= v < math.inf for v in row) for row in found.radius)
    if not (len(found.probability) == len(found.radius) == keypoints and rising and radii and 0 <= found.large < math.inf and 0 < found.coverage < 1):
        raise WeightsError(
            f"the probabilities in the card do not fit {keypoints} keypoints", "Write them again with `glasspose explain trust --write`"
        )
    return found


def person_scores(scores: Float[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    """The mean of the strongest keypoint scores of each person."""
    strongest: np.ndarray = np.sort(scores, axis=1)[:, -STRONGEST:].mean(axis=1)
    return strongest


def best_threshold(scores: Sequence[float] | np.ndarray, truth: Bool[np.ndarray, " n"]) -> tuple[float, float]:
    """The threshold with the highest balanced accuracy (mean of both classes' hit rates), and that accuracy. 0.5 where a class is empty."""
    values = np.asarray(scores, np.float64)
    positive, negative = np.sort(values[truth]), np.sort(values[~truth])
    if len(positive) == 0 or len(negative) == 0:
        return 0.5, 0.5
    candidates = np.unique(np.concatenate([positive, negative, [1.0]]))
    hits = 1 - np.searchsorted(positive, candidates, side="left") / len(positive)
    rejected = np.searchsorted(negative, candidates, side="left") / len(negative)
    balanced = (hits + rejected) / 2
    best = int(np.argmax(balanced))
    return float(candidates[best]), float(balanced[best])

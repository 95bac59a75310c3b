"""From scores to decisions: which keypoints are in the picture, and whether anybody is. The thresholds are fitted on validation data and
kept in the card of the weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glasspose.errors import WeightsError

STRONGEST = 4
"""The person's score is the mean of so many of its highest keypoint scores: a portrait shows no more than that."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Thresholds on scores, 0 to 1."""

    seen: tuple[float, ...]
    """For each keypoint: at this score or above it is held to be in the picture."""
    person: float
    """At this score or above somebody is there."""
    note: str = ""
    """What they were fitted on, and how often they were right there."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the card."""
        return {"seen": list(self.seen), "person": self.person, "note": self.note}


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
    return Calibration(seen=seen, person=person, note=str(data.get("note", "")))


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

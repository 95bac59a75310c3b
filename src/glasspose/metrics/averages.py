"""From one number a keypoint of a person to one number: four ways, and shares for the parts of the body, all with intervals over images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.metrics.parts import GROUPS, groups_of, sides_of
from glasspose.metrics.scores import Interval, Score, Values, bootstrap, interval_of, mean_of_known, score

Average = Literal["keypoints", "joints", "people", "everybody", "pairs"]
"""keypoints: the plain mean over keypoints (macro). joints: all in one pool (micro). people: each person's share, then the mean over the
people with a counted keypoint. everybody: the same, divided by all people. pairs: each person's share of each group of keypoints (left and
right elbow, say), all in one pool."""
AVERAGES: tuple[Average, ...] = get_args(Average)
POOLED = ("joints", "pairs")
Mask = Bool[np.ndarray, "N K"]


@dataclass(frozen=True, kw_only=True)
class Share:
    """One number, and its 95 % interval over images."""

    value: float | None
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"value": self.value, "interval": self.interval}


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a protocol found."""

    name: str
    average: Average
    overall: Share
    columns: tuple[str, ...]
    """Keypoints, or limbs."""
    score: Score
    """For each of them, and their plain and pooled means, whatever `average` is."""
    parts: Mapping[str, Share]
    """Groups of keypoints and sides: the plain mean over their keypoints."""
    values: Values
    """For each person, as judged; meaningful where counted."""
    counted: Mask

    def to_json(self) -> dict[str, Any]:
        """Plain data without the people."""
        return {
            **self.overall.to_json(),
            "average": self.average,
            "per_keypoint": dict(zip(self.columns, self.score.per_keypoint, strict=True)),
            "counts": dict(zip(self.columns, self.score.counts, strict=True)),
            "parts": {name: share.to_json() for name, share in self.parts.items()},
            "n": self.score.n,
            "left_out": self.score.left_out,
        }


def averaged(
    name: str, values: Values, counted: Mask, columns: Sequence[str], average: Average, image_ids: Int[np.ndarray, " N"], *, parted: bool = True
) -> Measured:
    """All that is to be said of one number a keypoint; with `parted`, also of the parts of the body that the columns form."""
    folded, mask = fold(values, counted, columns, average)
    whole = score(folded, mask, image_ids=image_ids)
    overall = Share(value=whole.micro, interval=whole.micro_interval) if average in POOLED else Share(value=whole.mean, interval=whole.interval)
    found = score(values, counted)
    parts = shares_of_parts(values, counted, columns, image_ids) if parted else {}
    return Measured(name=name, average=average, overall=overall, columns=tuple(columns), score=found, parts=parts, values=values, counted=counted)


def fold(values: Values, counted: Mask, columns: Sequence[str], average: Average) -> tuple[Float[np.ndarray, "N C"], Mask]:
    """Values and mask whose plain mean (or pool, for `POOLED`) over columns is this average."""
    known = np.where(counted, values, 0.0)
    if average in ("keypoints", "joints"):
        return known, counted
    places = list(groups_of(columns).values()) if average == "pairs" else [tuple(range(len(columns)))]
    sums = np.stack([known[:, list(own)].sum(1) for own in places], 1)
    counts = np.stack([counted[:, list(own)].sum(1) for own in places], 1)
    mask = np.ones_like(counts, bool) if average == "everybody" else counts > 0
    return sums / np.maximum(counts, 1), mask


def shares_of_parts(values: Values, counted: Mask, columns: Sequence[str], image_ids: Int[np.ndarray, " N"]) -> dict[str, Share]:
    """The plain means over the keypoints of each group and each side."""
    places = groups_of(columns) | sides_of(columns)
    if not places:
        return {}
    per_keypoint = score(values, counted).per_keypoint
    resampled = bootstrap(values, counted, image_ids)
    return {
        part: Share(
            value=mean_of_known(per_keypoint[k] for k in own),
            interval=None if resampled is None else interval_of(_mean_of_known_columns(resampled.per_keypoint[:, list(own)])),
        )
        for part, own in places.items()
    }


def _mean_of_known_columns(draws: Float[np.ndarray, "R K"]) -> Float[np.ndarray, " R"]:
    known = ~np.isnan(draws)
    counts = known.sum(1)
    return np.where(counts > 0, np.where(known, draws, 0.0).sum(1) / np.maximum(counts, 1), np.nan)


def is_group(part: str) -> bool:
    """Whether a part is a group of keypoints, and not a side."""
    return part in GROUPS

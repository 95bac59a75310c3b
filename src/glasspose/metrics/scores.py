"""Averages of one number a keypoint over many people, with bootstrap intervals."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import UsageError

CONFIDENCE = 0.95
RESAMPLES = 1000
_BLOCK = 4_000_000

Interval = tuple[float, float]
Values = Float[np.ndarray, "N K"] | Bool[np.ndarray, "N K"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measure over N persons: per keypoint, and averaged in two ways. None stands where nobody has the keypoint.

    Intervals (95 %) are percentile bootstraps over images; None without `image_ids`, or where fewer than two images count.
    """

    mean: float | None
    """Macro: the plain mean of `per_keypoint`, every keypoint with the same weight."""
    micro: float | None
    """All counted keypoints of all people in one pool."""
    per_keypoint: tuple[float | None, ...]
    counts: tuple[int, ...]
    """In how many people each keypoint was counted."""
    n: int
    """People used."""
    left_out: int
    """The others: without a reference length, or without a counted keypoint."""
    interval: Interval | None = None
    """Of the mean."""
    micro_interval: Interval | None = None
    per_keypoint_intervals: tuple[Interval | None, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data, without NaN."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Resampled:
    """The averages of one measure on R resamples of its images; NaN where a resample holds nobody with the keypoint.

    The same images, people, `counted` and seed give the same resamples: two models are compared by subtracting one's from the other's.
    """

    mean: Float[np.ndarray, " R"]
    micro: Float[np.ndarray, " R"]
    per_keypoint: Float[np.ndarray, "R K"]


def score(
    values: Values, counted: Bool[np.ndarray, "N K"], people: Bool[np.ndarray, " N"] | None = None, *, image_ids: Int[np.ndarray, " N"] | None = None
) -> Score:
    """Averages of `values` over the counted keypoints of the chosen people (all where not given), with intervals where images are named."""
    if counted.shape != values.shape or (image_ids is not None and image_ids.shape != values.shape[:1]):
        raise UsageError(f"the mask {counted.shape} or the image numbers do not fit {values.shape} values", "One mask entry each, one image a person")
    counted = counted if people is None else counted & people[:, None]
    counts = counted.sum(0)
    totals = np.where(counted, values, 0).sum(0, np.float64)
    per_keypoint = tuple(float(total / count) if count else None for total, count in zip(totals, counts, strict=True))
    n = int(counted.any(1).sum())
    found = Score(
        mean=mean_of_known(per_keypoint),
        micro=float(totals.sum() / counts.sum()) if n else None,
        per_keypoint=per_keypoint,
        counts=tuple(counts.tolist()),
        n=n,
        left_out=len(counted) - n,
    )
    resampled = None if image_ids is None else bootstrap(values, counted, image_ids)
    return found if resampled is None else _with_intervals(found, resampled)


def bootstrap(
    values: Values, counted: Bool[np.ndarray, "N K"], image_ids: Int[np.ndarray, " N"], *, seed: int = 0, resamples: int = RESAMPLES
) -> Resampled | None:
    """Draw images with replacement, each with all its people, and average again. None where fewer than two images count anything."""
    used = counted.any(1)
    images, image_of_person = np.unique(image_ids[used], return_inverse=True)
    if len(images) < 2:
        return None
    order = np.argsort(image_of_person, kind="stable")
    starts = np.searchsorted(image_of_person[order], np.arange(len(images)))
    mask = counted[used][order]
    columns = np.concatenate([np.where(mask, values[used][order], 0), mask], axis=1).astype(np.float64)
    totals, counts = np.split(_drawn(np.add.reduceat(columns, starts), resamples, seed), 2, axis=1)
    per_keypoint = np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
    return Resampled(mean=np.nanmean(per_keypoint, axis=1), micro=totals.sum(1) / counts.sum(1), per_keypoint=per_keypoint)


def interval_of(draws: Float[np.ndarray, " R"]) -> Interval | None:
    """The middle 95 % of bootstrap draws; None where there is none but NaN."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """The plain mean of those that are not None; None where there is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _drawn(per_image: Float[np.ndarray, "I columns"], resamples: int, seed: int) -> Float[np.ndarray, "R columns"]:
    """Column sums over I images drawn with replacement, R times; a block of resamples at a time, so that memory stays small."""
    rng = np.random.default_rng(seed)
    count, sums = len(per_image), np.empty((resamples, per_image.shape[1]))
    rows = max(1, _BLOCK // count)
    for begin in range(0, resamples, rows):
        rows = min(rows, resamples - begin)
        chosen = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        weights = np.bincount(chosen.ravel(), minlength=rows * count).reshape(rows, count)
        sums[begin : begin + rows] = weights.astype(np.float64) @ per_image
    return sums


def _with_intervals(found: Score, resampled: Resampled) -> Score:
    return replace(
        found,
        interval=interval_of(resampled.mean),
        micro_interval=interval_of(resampled.micro),
        per_keypoint_intervals=tuple(interval_of(column) for column in resampled.per_keypoint.T),
    )

"""Under which conditions mistakes are more frequent: attributes of labelled people, and a search over their values with the false finding
rate under control.

Letters: N people, C conditions (slices), R permutations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from glasspose.explain.sample import Sample
from glasspose.geometry import invert, transform
from glasspose.metrics.scores import RESAMPLES, interval_of
from glasspose.metrics.significance import benjamini_hochberg, mean_interval, significant

FEWEST = 15
"""A slice with fewer people, or with fewer outside it, is not looked at."""
PERMUTATIONS = 2000
UNKNOWN = "unknown"
SIDEWAYS = 0.25
"""Shoulders and hips narrower than this, in trunk lengths, are seen from the side."""
Attributes = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The people of one condition against all others."""

    condition: str
    people: int
    error: float
    """Mean over its people."""
    interval: tuple[float, float] | None
    elsewhere: float
    p: float
    """One-sided (worse than elsewhere), adjusted by Benjamini and Hochberg."""
    finding: bool
    of: Mapping[str, str]
    """Attribute: value. Whom it holds for in other data, `everything` and `matching` tell."""
    gain: float = 0.0
    """By how much the mean over everybody would fall if its people were as well off as the others."""
    gain_interval: tuple[float, float] | None = None


def attributes(sample: Sample) -> dict[str, list[str]]:
    """What the labels tell of every person, in words, of everything in which they differ. Size is that in the picture, before the crop."""
    return {name: values for name, values in everything(sample, size_cuts(sample)).items() if len(set(values) - {UNKNOWN}) > 1}


def size_cuts(sample: Sample) -> tuple[float, float]:
    """What divides small, medium and large people of a sample, in image pixels."""
    low, high = np.quantile(_sizes(sample), [1 / 3, 2 / 3])
    return float(low), float(high)


def matching(named: Attributes, of: Mapping[str, str]) -> Bool[np.ndarray, " N"]:
    """Who has all of these values."""
    found: np.ndarray = np.all([np.array(named[name]) == value for name, value in of.items()], axis=0)
    return found


def everything(sample: Sample, cuts: tuple[float, float]) -> dict[str, list[str]]:
    """The same with sizes cut at these lengths, and of all attributes."""
    shown = sample.labelled
    return {
        "size": _sized(_sizes(sample), cuts),
        "labelled keypoints": [_share(int(row.sum()), len(row)) for row in shown],
        "cut off or unlabelled": [_truncation(row, sample) for row in shown],
        "occlusion": _occlusion(sample),
        "rotation": [_rotation(points, row, sample) for points, row in zip(sample.keypoints, shown, strict=True)],
        "view": [_view(points, row, sample) for points, row in zip(sample.keypoints, shown, strict=True)],
        "facing": [_facing(points, row, sample) for points, row in zip(sample.keypoints, shown, strict=True)],
    }


def search(attributes: Attributes, errors: Float[np.ndarray, " N"], groups: np.ndarray, *, seed: int = 0, intervals: bool = True) -> list[Slice]:
    """Every value of every attribute, and every pair of values of two, worst first. Whole pictures are permuted."""
    names, masks, parts = _conditions(attributes)
    if not names:
        return []
    means = (masks @ errors) / masks.sum(1)
    elsewhere = (errors.sum() - masks @ errors) / (~masks).sum(1)
    shuffled = errors[permuted(groups, PERMUTATIONS, np.random.default_rng(seed))]
    inside = (masks.astype(np.float64) @ shuffled.T) / masks.sum(1)[:, None]
    outside = (errors.sum() - inside * masks.sum(1)[:, None]) / (~masks).sum(1)[:, None]
    beyond = (inside - outside >= (means - elsewhere)[:, None] - 1e-12).sum(1)
    p = benjamini_hochberg((1 + beyond) / (PERMUTATIONS + 1))
    gains = [excess(errors, masks[i], groups) if intervals and significant(p)[i] else (0.0, None) for i in range(len(names))]
    return [
        Slice(
            condition=names[i],
            people=int(masks[i].sum()),
            error=float(means[i]),
            interval=mean_interval(errors[masks[i]], groups=groups[masks[i]]) if intervals else None,
            elsewhere=float(elsewhere[i]),
            p=float(p[i]),
            finding=bool(significant(p)[i]),
            of=parts[i],
            gain=gains[i][0],
            gain_interval=gains[i][1],
        )
        for i in np.lexsort([-(means - elsewhere), p])
    ]


def excess(errors: Float[np.ndarray, " N"], mask: Bool[np.ndarray, " N"], groups: np.ndarray) -> tuple[float, tuple[float, float] | None]:
    """By how much the mean of the errors would fall if the chosen people had those of the others, with its interval over pictures."""
    keys = np.unique(groups, return_inverse=True)[1]
    sums = np.array([np.bincount(keys, column) for column in (np.ones(len(errors)), mask, errors, errors * mask)])
    draws = np.random.default_rng(0).multinomial(sums.shape[1], np.full(sums.shape[1], 1 / sums.shape[1]), size=RESAMPLES)
    everybody, inside, wrong, wrong_inside = np.column_stack([sums.sum(1), sums @ draws.T])
    elsewhere = (wrong - wrong_inside) / np.maximum(everybody - inside, 1e-9)
    found = (wrong_inside - inside * elsewhere) / np.maximum(everybody, 1e-9)
    return float(found[0]), interval_of(found[1:]) if sums.shape[1] > 1 else None


def _conditions(attributes: Attributes) -> tuple[list[str], Bool[np.ndarray, "C N"], list[dict[str, str]]]:
    """Conditions with enough people inside and outside; of those that hold the same people only the simplest."""
    single = [({name: value}, np.array(values) == value) for name, values in attributes.items() for value in sorted(set(values) - {UNKNOWN})]
    pairs = [(a | b, one & other) for (a, one), (b, other) in combinations(single, 2) if a.keys() != b.keys()]
    kept: dict[bytes, tuple[dict[str, str], np.ndarray]] = {}
    for condition, mask in [*single, *pairs]:
        if mask.sum() >= FEWEST and (~mask).sum() >= FEWEST:
            kept.setdefault(mask.tobytes(), (condition, mask))
    parts = [condition for condition, _ in kept.values()]
    names = [", ".join(f"{name}: {value}" for name, value in condition.items()) for condition in parts]
    return names, np.array([mask for _, mask in kept.values()]).reshape(len(names), len(kept and next(iter(kept.values()))[1])), parts


def permuted(groups: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, N) places: pictures with as many people as each other change places, people of one picture stay together."""
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    places = np.tile(np.arange(len(groups)), (count, 1))
    for size in np.unique(sizes):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        dealt = rng.permuted(np.tile(np.arange(len(members)), (count, 1)), axis=1)
        places[:, members.ravel()] = members[dealt].reshape(count, -1)
    return places


def _sizes(sample: Sample) -> Float[np.ndarray, " N"]:
    """The longer side of the labelled keypoints' extent, in image pixels."""
    longer = []
    for points, row, matrix in zip(sample.keypoints, sample.labelled, sample.image_to_input, strict=True):
        known = transform(points[row], invert(matrix))
        longer.append(float(np.ptp(known, axis=0).max()) if len(known) else 0.0)
    return np.array(longer)


def _sized(values: Float[np.ndarray, " N"], cuts: tuple[float, float]) -> list[str]:
    low, high = cuts
    names = (f"small (under {low:.0f} px)", f"medium ({low:.0f} to {high:.0f} px)", f"large (over {high:.0f} px)")
    return [names[int(value >= low) + int(value > high)] for value in values]


def _share(known: int, count: int) -> str:
    return "all" if known == count else "over two thirds" if 3 * known > 2 * count else "two thirds or fewer"


def _truncation(row: Bool[np.ndarray, " K"], sample: Sample) -> str:
    """By which end of the body is missing from the labels."""
    lower = np.isin(np.arange(len(row)), sample.skeleton.lower_body)
    missing = (bool((~row & ~lower).any()), bool((~row & lower).any()))
    return {(False, False): "nothing", (True, False): "of the upper body", (False, True): "of the lower body"}.get(missing, "of both halves")


def _occlusion(sample: Sample) -> list[str]:
    counts = (sample.occluded & sample.labelled).sum(1)
    return ["nothing" if count == 0 else "one or two keypoints" if count <= 2 else "three or more keypoints" for count in counts]


def _trunk(points: Float[np.ndarray, "K 2"], row: Bool[np.ndarray, " K"], sample: Sample) -> np.ndarray | None:
    """Left and right shoulder, left and right hip; None where one of them is not labelled."""
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if not set(names) <= set(sample.skeleton.keypoints):
        return None
    places = [sample.skeleton.index(name) for name in names]
    trunk: np.ndarray = points[places]
    return trunk if row[places].all() else None


def _rotation(points: Float[np.ndarray, "K 2"], row: Bool[np.ndarray, " K"], sample: Sample) -> str:
    """Of the trunk against upright."""
    ends = _trunk(points, row, sample)
    if ends is None:
        return UNKNOWN
    across = ends[:2].mean(0) - ends[2:].mean(0)
    angle = abs(float(np.rad2deg(np.arctan2(across[0], -across[1]))))
    return "upright (under 30 degrees)" if angle < 30 else "leaning (30 to 90 degrees)" if angle < 90 else "head down (over 90 degrees)"


def _view(points: Float[np.ndarray, "K 2"], row: Bool[np.ndarray, " K"], sample: Sample) -> str:
    """From which side the person is seen, by where left and right stand across the trunk."""
    ends = _trunk(points, row, sample)
    if ends is None:
        return UNKNOWN
    trunk = ends[2:].mean(0) - ends[:2].mean(0)
    length = float(np.hypot(*trunk))
    width = float(((ends[[0, 2]] - ends[[1, 3]]) @ [trunk[1], -trunk[0]]).mean()) / max(length**2, 1e-6)
    return "side" if abs(width) < SIDEWAYS else "front" if width > 0 else "back"


def _facing(points: Float[np.ndarray, "K 2"], row: Bool[np.ndarray, " K"], sample: Sample) -> str:
    """Where the nose points, where a skeleton has nose and ears."""
    names = sample.skeleton.keypoints
    if not {"nose", "left_ear", "right_ear"} <= set(names):
        return UNKNOWN
    nose, ears = names.index("nose"), [k for k in (names.index("left_ear"), names.index("right_ear")) if row[k]]
    if not row[nose] or not ears:
        return UNKNOWN
    return "left of the picture" if points[nose, 0] < points[ears, 0].mean() else "right of the picture"

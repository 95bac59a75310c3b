"""Protocols by name: which distance, in which unit, over which keypoints, averaged how.

`LENGTH@THRESHOLD[:WORD…]`, for example `torso@0.2`, `head_box@0.5:fourteen`, `pixels@10:visible:joints`; and the documents' own protocols by
their names. Keypoints that are not labelled are masked, unless a word asks for the contrary.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool

from glasspose.errors import UsageError
from glasspose.metrics.averages import AVERAGES, Average, Measured, averaged
from glasspose.metrics.distance import distances, normalised, pcp_hits, usable
from glasspose.metrics.matched import LENGTHS, Matched
from glasspose.metrics.parts import limbs_of


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a keypoint is judged and keypoints are averaged."""

    name: str
    length: str
    """A key of `LENGTHS`; on `grid`, predictions and labels are moved to whole cells first."""
    threshold: float
    average: Average = "keypoints"
    strict: bool = False
    """Right is below the threshold; otherwise at it too."""
    x_only: bool = False
    """The distance in x alone."""
    masks: frozenset[str] = frozenset()
    """Of `MASKS`."""


MASKS: Mapping[str, str] = {
    "visible": "not those that are labelled as occluded",
    "limbs": "elbows, wrists, knees and ankles alone",
    "fourteen": "without pelvis and thorax: MPII's official mean",
    "missing": "those that are not labelled as well, as if at (0, 0), and predictions of score 0 there too, which is how some evaluations go wrong",
}
"""Words that choose keypoints."""

NAMED: Mapping[str, tuple[str, str]] = {
    "thesis": ("grid@0.5:strict:people", "in whole cells of a 64 x 64 grid, below 3.2 cells; each person's share, then the mean over people"),
    "thesis_visible": ("grid@0.5:strict:people:visible", "the same, visible keypoints alone (:everybody divides by all people, as the original)"),
    "thesis_limbs": ("grid@0.5:strict:pairs:limbs", "the same, limbs alone; each person's share of each left/right pair, all in one pool"),
    "limbs": ("torso@0.2:limbs", "limbs alone, in torso lengths"),
    "pckh": ("head_box@0.5:fourteen", "MPII's official PCKh@0.5: the plain mean over 14 joints"),
    "pckh_pooled": ("head_box@0.5:joints", "all 16 joints in one pool, as some repositories print it"),
    "flic": ("flic_torso@0.2", "right shoulder to left hip"),
    "uvic": ("uvic@1", "a fifth of the hips' distance in x, with the true distance"),
    "uvic_x_only": (
        "uvic@1:x_only:missing",
        "the UVic report's PCK as it was computed: the distance in x alone, missing keypoints at (0, 0); with its decoder",
    ),
    "pdj": ("torso@0.5", "percentage of detected joints"),
}
"""The documents' protocols, and what they are in words; more words may follow (`thesis:limbs`)."""
PCP = "pcp"
PDJ = tuple(f"pdj@{threshold}" for threshold in (0.1, 0.2, 0.3, 0.4, 0.5))


def protocol(name: str) -> Protocol:
    """A protocol by its name. UsageError naming the part that is not understood."""
    head, *words = name.split(":")
    base, _, threshold = head.partition("@")
    if base in NAMED:
        head, *own = NAMED[base][0].split(":")
        words = [*own, *words]
        base, _, original = head.partition("@")
        threshold = threshold or original
    if base not in LENGTHS:
        raise UsageError(f"protocol {name!r} is not known", f"Known are {', '.join((*NAMED, PCP))}, or LENGTH@THRESHOLD with {', '.join(LENGTHS)}")
    found = Protocol(name=name, length=base, threshold=_threshold(name, threshold))
    for word in words:
        found = _with_word(found, word)
    return found


def protocols(names: Iterable[str]) -> tuple[Protocol | str, ...]:
    """Several, each once; `pdj` becomes its five thresholds, `pcp` stays as it is."""
    told = [part for name in names for part in (PDJ if name == "pdj" else (name,))]
    return tuple(name if name == PCP else protocol(name) for name in dict.fromkeys(told))


def measure(matched: Matched, by: Protocol | str) -> Measured:
    """What a protocol (or its name) says of predictions, with intervals over images. UsageError where it does not fit the skeleton."""
    if by == PCP:
        names = tuple("-".join(matched.skeleton.keypoints[k] for k in limb) for limb in matched.skeleton.limbs)
        values, counted = pcp_hits(matched.predicted, matched.truth, matched.labelled, matched.skeleton.limbs)
        return averaged(PCP, values, counted, names, "keypoints", matched.image_ids, parted=False)
    used = protocol(by) if isinstance(by, str) else by
    values, counted = _hits(matched, used)
    return averaged(used.name, values, counted, matched.skeleton.keypoints, used.average, matched.image_ids)


def _hits(matched: Matched, used: Protocol) -> tuple[Bool[np.ndarray, "N K"], Bool[np.ndarray, "N K"]]:
    """Which keypoints are right, and which are judged."""
    length = LENGTHS[used.length](matched)
    counted = usable(length)[:, None] & _mask(matched, used.masks)
    if "missing" in used.masks:
        matched = _at_origin(matched)
    predicted, truth = matched.predicted, matched.truth
    if used.length == "grid":
        predicted, truth, on = matched.on_grid()
        counted &= on
    if used.x_only:
        predicted, truth = predicted * [1, 0], truth * [1, 0]
    apart = normalised(distances(predicted, truth), length)
    return apart < used.threshold if used.strict else apart <= used.threshold, counted


def _at_origin(matched: Matched) -> Matched:
    """What is not labelled, and what is not answered, at (0, 0)."""
    answered = np.ones_like(matched.labelled) if matched.unanswered is None else ~matched.unanswered
    truth, predicted = np.where(matched.labelled[..., None], matched.truth, 0.0), np.where(answered[..., None], matched.predicted, 0.0)
    return replace(matched, truth=truth, predicted=predicted)


def _mask(matched: Matched, masks: frozenset[str]) -> Bool[np.ndarray, "N K"]:
    names = matched.skeleton.keypoints
    counted = np.ones_like(matched.labelled) if "missing" in masks else matched.labelled.copy()
    if "visible" in masks:
        counted &= ~matched.occluded
    if "limbs" in masks:
        counted &= np.isin(np.arange(len(names)), limbs_of(names))
    if "fourteen" in masks:
        counted &= ~np.isin(names, ("pelvis", "thorax"))
    return counted


def _threshold(name: str, told: str) -> float:
    try:
        value = float(told)
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise UsageError(f"protocol {name!r} has no threshold", "Write it behind an @, as in torso@0.2")
    return value


def _with_word(found: Protocol, word: str) -> Protocol:
    changes: dict[str, Any] = {"strict": {"strict": True}, "x_only": {"x_only": True}}
    changes |= {mask: {"masks": found.masks | {mask}} for mask in MASKS} | {average: {"average": average} for average in AVERAGES}
    if word not in changes:
        raise UsageError(f"protocol {found.name!r}: {word!r} is not known", f"Words are {', '.join(changes)}")
    return replace(found, **changes[word])

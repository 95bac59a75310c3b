"""Exact Shapley values of body parts: how the agreement of every keypoint is to be shared out among the parts that may be seen.

All 2^P coalitions are asked, so nothing is sampled. Letters: P parts, C = 2^P coalitions, K keypoints.
Source: Shapley 1953; groups of features as players: Jullum et al. 2021 (groupShapley).
"""

from collections.abc import Sequence
from math import factorial

import numpy as np
from jaxtyping import Bool, Float

from glasspose.explain.covering import trunk_of
from glasspose.skeletons import Skeleton

HEAD = ("nose", "eye", "ear", "head", "neck", "mouth", "chin")
ARM = ("shoulder", "elbow", "wrist", "hand")
LEG = ("hip", "knee", "ankle", "foot", "heel", "toe")
MOST = 7
"""Groups of keypoints: with trunk and background that is at most 2^9 coalitions."""


def body_parts(skeleton: Skeleton) -> dict[str, list[int]]:
    """Keypoints by part, from their names; keypoints with other names stay with those that limbs tie them to."""
    parts: dict[str, list[int]] = {}
    unnamed = []
    for k, name in enumerate(skeleton.keypoints):
        part = _part_of(name)
        parts.setdefault(part, []).append(k) if part else unnamed.append(k)
    for group in _tied(unnamed, skeleton):
        label = " and ".join(skeleton.keypoints[k].replace("_", " ") for k in group[:2])
        parts.setdefault(label if len(parts) < MOST - 1 else "the rest", []).extend(group)
    return parts


def players(skeleton: Skeleton) -> list[str]:
    """The names of the P parts; the last is the background."""
    return [*body_parts(skeleton), *(["trunk"] if trunk_of(skeleton) else []), "background"]


def _part_of(name: str) -> str | None:
    side = next((f"{side} " for side in ("right", "left") if side in name), "")
    if any(word in name for word in ARM):
        return f"{side}arm"
    if any(word in name for word in LEG):
        return f"{side}leg"
    return "head" if any(word in name for word in HEAD) else None


def _tied(keypoints: Sequence[int], skeleton: Skeleton) -> list[list[int]]:
    groups = [[k] for k in keypoints]
    for a, b in skeleton.limbs:
        one, other = (next((group for group in groups if k in group), None) for k in (a, b))
        if one is not None and other is not None and one is not other:
            groups.remove(other)
            one.extend(other)
    return sorted(sorted(group) for group in groups)


def coalitions(count: int) -> Bool[np.ndarray, "C P"]:
    """All subsets of P players: row c holds the bits of c, so that row 0 is empty and the last is everybody."""
    found: np.ndarray = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    return found


def shapley_values(values: Float[np.ndarray, "C K"]) -> Float[np.ndarray, "P K"]:
    """Each player's share of value(everybody) - value(nobody), for every keypoint."""
    count = int(np.log2(len(values)))
    sizes = coalitions(count).sum(1)
    weights = np.array([factorial(s) * factorial(count - s - 1) / factorial(count) if s < count else 0.0 for s in range(count + 1)])
    shares = []
    for player in range(count):
        without = np.flatnonzero(~coalitions(count)[:, player])
        gained = values[without | (1 << player)] - values[without]
        shares.append((weights[sizes[without]][:, None] * gained).sum(0))
    return np.stack(shares)

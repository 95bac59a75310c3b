"""Predictions with mistakes of known kinds, to see whether the taxonomy finds them again."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.explain.explanation import Check
from glasspose.explain.taxonomy import Kind, Others, classify
from glasspose.explain.tolerance import areas, tolerances
from glasspose.skeletons import COCO, Skeleton

PEOPLE, SETS = 60, 12
RECOVERED = 0.99


def standing(count: int, rng: np.random.Generator) -> Float[np.ndarray, "N 17 2"]:
    """Large people with COCO's keypoints, arms and legs spread so that no two tolerances touch."""
    half = {
        "ear": (75, -270),
        "eye": (40, -290),
        "shoulder": (150, -190),
        "elbow": (200, -110),
        "wrist": (260, -30),
        "hip": (140, 40),
        "knee": (140, 170),
    }
    places = {
        f"{side}_{part}": (sign * x, y) for part, (x, y) in {**half, "ankle": (150, 290)}.items() for side, sign in (("left", 1), ("right", -1))
    }
    places["nose"] = (0, -262)
    body = np.array([places[name] for name in COCO.keypoints], np.float64)
    scale = rng.uniform(0.8, 1.3, (count, 1, 1))
    found: np.ndarray = body * scale + rng.uniform(-50, 50, (count, 1, 2))
    return found


def inject(
    truth: Float[np.ndarray, "N K 2"], others: Others, rates: Sequence[float], skeleton: Skeleton, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "N K 2"], Int[np.ndarray, "N K"]]:
    """Predictions, and the kind of mistake that each was given; `rates` are those of the kinds. Keypoints without a twin are never inverted."""
    kinds = rng.choice(len(Kind), size=truth.shape[:2], p=list(rates))
    twin = np.array(skeleton.flip)
    kinds[(kinds == Kind.INVERSION) & (twin == np.arange(len(twin)))] = Kind.MISS
    reach = np.sqrt(8 * areas(truth)[:, None]) * tolerances(skeleton)
    angles = rng.uniform(0, 2 * np.pi, truth.shape[:2])
    similar = np.select([kinds == Kind.JITTER, kinds == Kind.GOOD], [rng.uniform(0.55, 0.82, kinds.shape), rng.uniform(0.88, 1.0, kinds.shape)], 0.95)
    step = (np.sqrt(-np.log(similar)) * reach)[..., None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    away = np.array([2000.0, 2000.0]) + 10 * rng.normal(size=truth.shape)
    chosen = kinds[..., None]
    predicted = np.select(
        [chosen == Kind.INVERSION, chosen == Kind.SWAP, chosen == Kind.MISS], [truth[:, twin], others.keypoints, away], truth + step
    )
    return predicted, kinds


def recovered(found: Int[np.ndarray, "N K"], given: Int[np.ndarray, "N K"], labelled: Bool[np.ndarray, "N K"]) -> float:
    """Of the labelled keypoints, those whose kind was found again."""
    return float((found == given)[labelled].mean())


def selftest_errors(seed: int = 0) -> Sequence[Check]:
    """Twelve sets of predictions, each with another mixture of mistakes."""
    rng, lowest = np.random.default_rng([seed, 7]), 1.0
    for number in range(SETS):
        truth = standing(PEOPLE, rng)
        neighbour = truth + np.array([900.0, 0.0])
        everyone = np.ones(truth.shape[:2], bool)
        others = Others(beside=np.arange(PEOPLE), keypoints=neighbour, labelled=everyone, area=areas(neighbour))
        rates = np.full(len(Kind), 0.2) if number == SETS - 1 else rng.dirichlet(np.ones(len(Kind)))
        predicted, kinds = inject(truth, others, rates.tolist(), COCO, rng)
        lowest = min(lowest, recovered(classify(predicted, truth, everyone, areas(truth), COCO, others), kinds, everyone))
    bound = f"at least {RECOVERED} in the worst of {SETS} sets"
    return [Check(name="injected mistakes are found again by their kind", passed=lowest >= RECOVERED, value=lowest, bound=bound)]

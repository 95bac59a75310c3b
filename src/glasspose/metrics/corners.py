"""Predictions that are stuck in a corner of the evaluation square: what becomes of a network that was trained on missing keypoints at (0, 0)."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glasspose.metrics.averages import Share
from glasspose.metrics.matched import Matched
from glasspose.metrics.significance import mean_interval

REACH = 0.05
"""A corner is this share of the square's sides."""


def corners(matched: Matched) -> dict[str, Any]:
    """The shares of predictions in a corner: of labelled keypoints and of missing ones; beside them the share of labels there.

    `at_origin` counts keypoints whose label is exactly (0, 0) in the picture: how many of them claim to be labelled, and how many are missing.
    """
    cells, truth, _ = matched.on_grid()
    stuck = _in_corner(cells, matched.grid)
    origin = (matched.truth == 0).all(-1)
    labelled = matched.labelled
    return {
        "reach": REACH,
        "labelled": _share(stuck, labelled, matched).to_json(),
        "missing": _share(stuck, ~labelled, matched).to_json(),
        "labels": _share(_in_corner(truth, matched.grid), labelled, matched).to_json(),
        "at_origin": {"labelled": int((origin & labelled).sum()), "missing": int((origin & ~labelled).sum())},
    }


def _in_corner(cells: Float[np.ndarray, "N K 2"], grid: tuple[int, int]) -> Bool[np.ndarray, "N K"]:
    last = np.array(grid[::-1]) - 1
    found: np.ndarray = (np.minimum(cells, last - cells) <= REACH * last).all(-1)
    return found


def _share(stuck: Bool[np.ndarray, "N K"], counted: Bool[np.ndarray, "N K"], matched: Matched) -> Share:
    images = np.broadcast_to(matched.image_ids[:, None], stuck.shape)[counted]
    values = stuck[counted].astype(float)
    return Share(value=float(values.mean()) if len(values) else None, interval=mean_interval(values, groups=images))

"""PCKh as MPII measures it (Andriluka et al., CVPR 2014)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import UsageError
from glasspose.metrics.distance import normalised, usable
from glasspose.metrics.scores import Score, mean_of_known, score
from glasspose.skeletons import MPII

PCKH_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Head": ("head_top",),
    "Sho": ("right_shoulder", "left_shoulder"),
    "Elb": ("right_elbow", "left_elbow"),
    "Wri": ("right_wrist", "left_wrist"),
    "Hip": ("right_hip", "left_hip"),
    "Kne": ("right_knee", "left_knee"),
    "Ank": ("right_ankle", "left_ankle"),
}
"""The table's columns, and the joints whose plain mean each of them is."""
_OFFICIAL = [i for i, name in enumerate(MPII.keypoints) if name not in ("pelvis", "thorax")]


@dataclass(frozen=True, kw_only=True)
class PckhTable:
    """PCKh as papers print it, and the two other means that go by the same name."""

    row: Mapping[str, float | None]
    """Head Sho Elb Wri Hip Kne Ank Mean; Mean is the plain mean over 14 joints, without pelvis and thorax."""
    official: Score
    """Those 14 joints: `mean` is the row's Mean, `micro` that of evaluations which weight joints by their counts."""
    all_joints: Score
    """All 16 joints: `micro` is the pooled mean that some evaluations print, one to two points higher."""


def head_size(boxes: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, " N"]:
    """MPII's reference length: 0.6 times the diagonal of the head box (x1, y1, x2, y2); about 3/4 of the distance from upper neck to head top."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    diagonal: np.ndarray = np.sqrt(width**2 + height**2)
    return 0.6 * diagonal


def pckh_table(
    distances: Float[np.ndarray, "N 16"],
    counted: Bool[np.ndarray, "N 16"],
    head_sizes: Float[np.ndarray, " N"],
    threshold: float = 0.5,
    *,
    image_ids: Int[np.ndarray, " N"] | None = None,
) -> PckhTable:
    """PCKh of the skeleton MPII: `head_sizes` from `head_size`, counted what `jnt_missing` does not name. UsageError where joints are not 16."""
    if distances.shape[1:] != (len(MPII),):
        raise UsageError(f"the PCKh table is for MPII's {len(MPII)} joints, and distances are {distances.shape}", "Use pck for other skeletons")
    right, people = normalised(distances, head_sizes) <= threshold, usable(head_sizes)
    every = score(right, counted, people, image_ids=image_ids)
    official = score(right[:, _OFFICIAL], counted[:, _OFFICIAL], people, image_ids=image_ids)
    row = {group: mean_of_known(every.per_keypoint[MPII.index(name)] for name in names) for group, names in PCKH_GROUPS.items()}
    return PckhTable(row=row | {"Mean": official.mean}, official=official, all_joints=every)

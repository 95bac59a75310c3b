"""What can be said of a pose in one number: which way it faces and leans, how arms, hips and knees are bent, how large and complete it is.

Letters: N people, K keypoints. Angles in degrees, in the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from glasspose.explain.sample import Sample
from glasspose.geometry import invert, scale_of, transform
from glasspose.images import load_image
from glasspose.skeletons import Skeleton

BINS = 4
BODY = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribute:
    """One number a person, where it is known."""

    name: str
    values: Float[np.ndarray, " N"]
    """0 where not known."""
    known: Bool[np.ndarray, " N"]
    unit: str

    def binned(self) -> np.ndarray:
        """Quarters of the known people by value; people without the value are a group of their own (-1)."""
        edges = np.unique(np.quantile(self.values[self.known], np.linspace(0, 1, BINS + 1)[1:-1])) if self.known.any() else np.zeros(0)
        found: np.ndarray = np.where(self.known, np.searchsorted(edges, self.values, side="right"), -1)
        return found


def of_pose(keypoints: Float[np.ndarray, "N K 2"], known: Bool[np.ndarray, "N K"], skeleton: Skeleton) -> list[Attribute]:
    """Those that follow from the keypoints alone, as far as the skeleton names them: of labels, or of what a network says."""
    at = {name: i for i, name in enumerate(skeleton.keypoints)}
    made: list[Attribute | None] = []
    if all(name in at for name in BODY):
        left, right, left_hip, right_hip = (keypoints[:, at[name]] for name in BODY)
        whole: np.ndarray = np.all(known[:, [at[name] for name in BODY]], axis=1)
        torso = (left + right - left_hip - right_hip) / 2
        length = np.maximum(np.linalg.norm(torso, axis=1), 1e-6)
        side = (left - right + left_hip - right_hip) / 2
        across = (side[:, 0] * -torso[:, 1] + side[:, 1] * torso[:, 0]) / length**2  # along the line across the body, so that leaning counts nothing
        made.append(_attribute("facing", across, whole, "torso lengths, above 0 towards us"))
        made.append(_attribute("lean", _angle(torso, np.array([0.0, -1.0])), whole, "degrees from upright"))
        made.append(_both("arms", keypoints, known & whole[:, None], at, ("shoulder", "elbow"), -torso))
        made.append(_both("hips", keypoints, known & whole[:, None], at, ("hip", "knee"), -torso))
    made.append(_knees(keypoints, known, at))
    return [attribute for attribute in made if attribute is not None]


def of_sample(sample: Sample) -> list[Attribute]:
    """Those of the labels: of the pose, the person's size and completeness."""
    made: list[Attribute | None] = [*of_pose(sample.keypoints, sample.labelled, sample.skeleton)]
    everybody = np.ones(len(sample), bool)
    made.append(_attribute("size", crop_scale(sample), everybody, "log2 of the crop's side in picture pixels"))
    made.append(_attribute("visible", (sample.labelled & ~sample.occluded).sum(1).astype(float), everybody, "keypoints"))
    made.append(_attribute("truncation", _outside(sample), everybody, "share of the crop outside the photograph"))
    return [attribute for attribute in made if attribute is not None and np.ptp(attribute.values[attribute.known]) > 0]


def crop_scale(sample: Sample) -> Float[np.ndarray, " N"]:
    """log2 of the side of the crop in pixels of the photograph: what the network cannot see directly, but which decides how blurred it looks."""
    return np.log2([sample.size[1] / scale_of(matrix) for matrix in sample.image_to_input])


def _attribute(name: str, values: np.ndarray, known: np.ndarray, unit: str) -> Attribute | None:
    return Attribute(name=name, values=np.where(known, values, 0.0), known=known, unit=unit) if known.sum() > 1 else None


def _angle(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Between vectors, 0 to 180 degrees."""
    cross = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    found: np.ndarray = np.degrees(np.abs(np.arctan2(cross, (one * other).sum(-1))))
    return found


def _both(name: str, keypoints: np.ndarray, known: np.ndarray, at: dict[str, int], limb: Sequence[str], down: np.ndarray) -> Attribute | None:
    """The mean angle of the left and the right limb away from the torso's own downward direction."""
    angles, there = [], []
    for side in ("left", "right"):
        if not all(f"{side}_{part}" in at for part in limb):
            return None
        ends = [at[f"{side}_{part}"] for part in limb]
        angles.append(_angle(keypoints[:, ends[1]] - keypoints[:, ends[0]], down))
        there.append(known[:, ends].all(1))
    return _attribute(name, np.mean(angles, axis=0), np.all(there, axis=0), "degrees away from the torso's downward line")


def _knees(keypoints: np.ndarray, known: np.ndarray, at: dict[str, int]) -> Attribute | None:
    bends, there = [], []
    for side in ("left", "right"):
        if not all(f"{side}_{part}" in at for part in ("hip", "knee", "ankle")):
            return None
        places = [at[f"{side}_{part}"] for part in ("hip", "knee", "ankle")]
        hip, knee, ankle = (keypoints[:, place] for place in places)
        bends.append(_angle(knee - hip, ankle - knee))
        there.append(known[:, places].all(1))
    return _attribute("knees", np.mean(bends, axis=0), np.all(there, axis=0), "degrees of bend")


def _outside(sample: Sample) -> np.ndarray:
    """The share of each crop that the photograph does not fill."""
    height, width = sample.size
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    shares = []
    for person, matrix in zip(sample.people, sample.image_to_input, strict=True):
        (x1, y1), (x2, y2) = transform(corners, invert(matrix)) + 0.5
        rows, columns = load_image(person.image).shape[:2]
        inside = max(0.0, min(x2, columns) - max(x1, 0)) * max(0.0, min(y2, rows) - max(y1, 0))
        shares.append(1 - inside / max((x2 - x1) * (y2 - y1), 1e-9))
    return np.array(shares)

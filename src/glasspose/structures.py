"""The types that travel from photograph to keypoints.

Letters: B batch, N persons, K keypoints, H W input. Keypoints are (x, y) with pixel centres at integers; boxes are corner-based
(x1, y1, x2, y2); sizes are (height, width). Missing is said by `labelled` or `seen`, never by NaN and never by (0, 0).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt8
from torch import Tensor

from glasspose.skeletons import Skeleton

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Of the pixels of photographs (ImageNet's), red, green, blue, between 0 and 1: what the images of a batch are normalised by."""
Image = UInt8[np.ndarray, "H W 3"]
"""RGB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotation:
    """One labelled person. Visible = labelled and not occluded, as in COCO, MPII and LSP."""

    image: Path
    keypoints: Float[np.ndarray, "K 2"]
    """Image pixels; where not labelled, any finite number."""
    labelled: Bool[np.ndarray, " K"]
    """The position is usable."""
    occluded: Bool[np.ndarray, " K"]
    box: Float[np.ndarray, " 4"]
    """The person's box from the labels: x1, y1, x2, y2, corner-based image pixels."""
    area: float
    """Square pixels, as OKS wants it."""
    torso: float | None = None
    """Reference length of PCK in image pixels, None where the labels lack an end of it."""
    head: float | None = None
    """Reference length of PCKh in image pixels."""
    image_id: int
    person_id: int
    head_box: Float[np.ndarray, " 4"] | None = None
    """The head's box, where the labels have one; corner-based image pixels."""
    crowd: bool = False
    group: int | None = None
    """Images with the same number are near-duplicates and stay on one side of a split; None: the image stands alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """B person crops as the network takes them."""

    images: Float32[Tensor, "B 3 H W"]
    keypoints: Float32[Tensor, "B K 2"]
    """Input pixels."""
    labelled: Bool[Tensor, "B K"]
    occluded: Bool[Tensor, "B K"]
    image_to_input: Float32[Tensor, "B 2 3"]
    torso: Float32[Tensor, " B"]
    """Reference lengths in image pixels; 0 where there is none."""
    head: Float32[Tensor, " B"]
    index: Int64[Tensor, " B"]
    """The sample's place in its dataset; -1 for padding of the last batch."""
    weight: Float32[Tensor, " B"]
    """How much each person counts in the loss."""

    def to(self, device: Any) -> "Batch":
        """The same batch on another device."""
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})

    def part(self, start: int, end: int) -> "Batch":
        """The people from `start` up to `end`."""
        return Batch(**{f.name: getattr(self, f.name)[start:end] for f in fields(self)})


@dataclass(frozen=True, kw_only=True, eq=False)
class Poses:
    """The N people found in one image. No person is an answer: N = 0."""

    keypoints: Float[np.ndarray, "N K 2"]
    """Image pixels of the picture as displayed (EXIF orientation applied)."""
    scores: Float[np.ndarray, "N K"]
    """Confidence of each keypoint, 0 to 1."""
    seen: Bool[np.ndarray, "N K"]
    """The model holds the keypoint to be in the picture: its score passed the calibrated threshold."""
    boxes: Float[np.ndarray, "N 4"]
    person_scores: Float[np.ndarray, " N"]
    skeleton: Skeleton
    size: tuple[int, int]
    """(height, width) of the image."""
    track_ids: Sequence[int] | None = field(default=None)
    """For video: the same number for the same person from frame to frame."""
    probability: Float[np.ndarray, "N K"] | None = field(default=None)
    """That the keypoint is right (within 0.2 torso lengths), given that it is in the picture; where `explain trust` has calibrated the weights."""
    radius: Float[np.ndarray, "N K"] | None = field(default=None)
    """Image pixels around the keypoint that hold the true place in 90 % of the cases; where the weights are calibrated."""

    def __len__(self) -> int:
        return len(self.keypoints)

    def to_json(self, image: str = "") -> dict[str, Any]:
        """The one JSON form of a prediction; `docs/schemas/poses.schema.json` describes it."""
        people = [self._person(n) for n in range(len(self))]
        return {"format": "glasspose.poses", "version": 1, "image": image, "width": self.size[1], "height": self.size[0], "people": people}

    def to_coco(self, image_id: int, category_id: int = 1) -> list[dict[str, Any]]:
        """COCO keypoint results, one entry a person. The third number of each keypoint is its score."""
        return [
            {
                "image_id": image_id,
                "category_id": category_id,
                "keypoints": np.column_stack([self.keypoints[n], self.scores[n]]).round(4).ravel().tolist(),
                "score": round(float(self.person_scores[n]), 6),
            }
            for n in range(len(self))
        ]

    def _person(self, n: int) -> dict[str, Any]:
        keypoints = {
            name: {
                "x": round(float(self.keypoints[n, k, 0]), 3),
                "y": round(float(self.keypoints[n, k, 1]), 3),
                "score": round(float(self.scores[n, k]), 4),
                "seen": bool(self.seen[n, k]),
                **({} if self.probability is None else {"probability": round(float(self.probability[n, k]), 4)}),
                **({} if self.radius is None else {"radius": round(float(self.radius[n, k]), 2)}),
            }
            for k, name in enumerate(self.skeleton.keypoints)
        }
        box = [round(float(v), 2) for v in self.boxes[n]]
        track = {} if self.track_ids is None else {"track": int(self.track_ids[n])}
        return {"box": box, "score": round(float(self.person_scores[n]), 4), **track, "keypoints": keypoints}


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labelled people who share a skeleton, in a fixed order."""

    name: str
    skeleton: Skeleton
    annotations: Sequence[Annotation]

    def __len__(self) -> int:
        return len(self.annotations)

"""The people of one image as boxes with scores."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

OVERLAP = 0.7
"""Two boxes that share more (intersection over union) are taken for one person, also where a detector has no suppression of its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonBoxes:
    """N people of one image, the surest first. Nobody is an answer: N = 0."""

    boxes: Float[np.ndarray, "N 4"]
    """x1, y1, x2, y2, corner-based image pixels of the picture as displayed."""
    scores: Float[np.ndarray, " N"]
    """0 to 1."""

    def __len__(self) -> int:
        return len(self.boxes)

    def within(self, size: tuple[int, int]) -> "PersonBoxes":
        """The boxes clipped to an image of this size (height, width), without those that keep less than a pixel of it, the surest first."""
        height, width = size
        boxes = np.clip(self.boxes, 0.0, [width, height, width, height])
        kept = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] >= 1.0).all(1))
        order = kept[np.argsort(-self.scores[kept], kind="stable")]
        return PersonBoxes(boxes=boxes[order], scores=self.scores[order])


NOBODY = PersonBoxes(boxes=np.zeros((0, 4)), scores=np.zeros(0))


def sift(
    boxes: Float[np.ndarray, "N 4"], scores: Float[np.ndarray, " N"], *, size: tuple[int, int], threshold: float, overlap: float = OVERLAP
) -> PersonBoxes:
    """A detector's answer for one image of `size` (height, width): finite, of at least `threshold`, within the image, each person once."""
    boxes, scores = np.asarray(boxes, np.float64), np.asarray(scores, np.float64)
    sure = np.isfinite(boxes).all(1) & (scores >= threshold)
    people = PersonBoxes(boxes=boxes[sure], scores=scores[sure]).within(size)
    corner_and_size = np.column_stack([people.boxes[:, :2], people.boxes[:, 2:] - people.boxes[:, :2]])
    chosen = np.asarray(cv2.dnn.NMSBoxes(corner_and_size.tolist(), people.scores.tolist(), 0.0, overlap), np.int64).ravel()
    return PersonBoxes(boxes=people.boxes[chosen], scores=people.scores[chosen])

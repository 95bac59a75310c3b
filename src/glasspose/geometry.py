"""Where pixels are. The only module that knows the convention; everything else calls it.

Pixel centres lie at integers: the left-most pixel of a row of W has x = 0, the right-most x = W - 1. Boxes are corner-based: the
box of the whole image is (0, 0, W, H), and the pixel (x, y) covers x - 1/2 to x + 1/2 in keypoint terms, x to x + 1 in box terms.
So a resize by s maps x to (x + 1/2) s - 1/2, and a mirror maps x to W - 1 - x.

Matrices are (2, 3) float64 and map (x, y) of keypoints; `transform` applies them.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

Matrix = Float[np.ndarray, "2 3"]
Box = Float[np.ndarray, " 4"]


def transform(points: Float[np.ndarray, "*any 2"], matrix: Matrix) -> Float[np.ndarray, "*any 2"]:
    """Points through an affine matrix, in float64."""
    moved: np.ndarray = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return moved


def invert(matrix: Matrix) -> Matrix:
    """The matrix that undoes another. LinAlgError where it flattens the plane."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(after: Matrix, before: Matrix) -> Matrix:
    """First `before`, then `after`."""
    both: np.ndarray = after[:, :2] @ before
    both[:, 2] += after[:, 2]
    return both


def scale_of(matrix: Matrix) -> float:
    """How much longer a length becomes (geometric mean of both axes)."""
    return float(np.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])))


def resize_matrix(before: tuple[int, int], after: tuple[int, int]) -> Matrix:
    """Keypoints of an image of size `before` (height, width) to those of the same image resized to `after`."""
    sy, sx = after[0] / before[0], after[1] / before[1]
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]], np.float64)


def flip_matrix(width: int) -> Matrix:
    """Mirror left and right in an image of this width. Whoever mirrors also swaps the left and right keypoints (`Skeleton.flip`)."""
    return np.array([[-1, 0, width - 1], [0, 1, 0]], np.float64)


def crop_matrix(box: Box | Sequence[float], size: tuple[int, int], rotation: float = 0.0) -> Matrix:
    """Image keypoints to those of the crop `box` (corner-based, any aspect) resized to `size` (height, width).

    `rotation` in degrees turns the picture's content clockwise (as seen, y down) about the box's centre. One scale serves both axes
    only if the box has the aspect of `size`: make it so with `fit_aspect`.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    to_box = np.array([[1, 0, 0.5 - (x1 + x2) / 2], [0, 1, 0.5 - (y1 + y2) / 2]], np.float64)  # corner terms, the centre at the origin
    angle = np.deg2rad(rotation)
    cos, sin = np.cos(angle), np.sin(angle)
    sx, sy = size[1] / (x2 - x1), size[0] / (y2 - y1)
    turn = np.array([[sx * cos, -sx * sin, size[1] / 2 - 0.5], [sy * sin, sy * cos, size[0] / 2 - 0.5]], np.float64)
    return compose(turn, to_box)


def fit_aspect(box: Box | Sequence[float], size: tuple[int, int], scale: float = 1.0) -> Box:
    """The smallest box about the same centre that holds `box` and has the aspect of `size` (height, width), then made `scale` times larger."""
    x1, y1, x2, y2 = (float(v) for v in box)
    aspect = size[1] / size[0]
    height = max(y2 - y1, (x2 - x1) / aspect, 1e-6) * scale
    width = height * aspect
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    return np.array([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], np.float64)


def extent(keypoints: Float[np.ndarray, "K 2"], chosen: Bool[np.ndarray, " K"]) -> Box:
    """The corner-based box around the pixels of the chosen keypoints (at least one)."""
    points = np.asarray(keypoints, np.float64)[chosen]
    return np.concatenate([points.min(0), points.max(0) + 1.0])


def inside(points: Float[np.ndarray, "*any 2"], size: tuple[int, int]) -> Bool[np.ndarray, "*any"]:
    """Whether points lie on the pixels of an image of this size (height, width)."""
    points = np.asarray(points)
    return np.asarray(((points >= -0.5) & (points < np.array([size[1], size[0]]) - 0.5)).all(-1))


PADDING = (124, 116, 104)
"""What lies outside a picture: the mean colour of photographs (ImageNet), which normalisation takes to about zero."""


def warp(
    image: UInt8[np.ndarray, "H W 3"], matrix: Matrix, size: tuple[int, int], padding: tuple[int, int, int] = PADDING
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture through an affine matrix, on a canvas of `size` (height, width); `padding` where it has no pixels.

    Where the matrix shrinks by two or more, whole pixels are averaged first, so that fine patterns do not alias.
    """
    shrink = int(1.0 / max(scale_of(matrix), 1e-6))
    if shrink >= 2:
        small = (max(1, -(-image.shape[0] // shrink)), max(1, -(-image.shape[1] // shrink)))
        matrix = compose(matrix, invert(resize_matrix(image.shape[:2], small)))
        image = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
    warped: np.ndarray = cv2.warpAffine(image, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=padding)
    return warped

"""Training samples the plain way: the whole JPEG is decoded, cut out by one affine map or by two, and the targets are drawn keypoint by keypoint."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from glasspose.benchmarks.peers import gaussians
from glasspose.data.framing import evaluation_box
from glasspose.geometry import Box, crop_matrix, transform
from glasspose.skeletons import Skeleton
from glasspose.structures import DEVIATION, MEAN, Annotation

SIDE, STRIDE, SIGMA = 256, 4, 1.0
Sample = tuple[np.ndarray, np.ndarray]
"""(3, H, W) float32 pictures, (K, h, w) float32 targets."""


def sampler(people: list[Annotation], skeleton: Skeleton, cut: Callable[..., Any]) -> Callable[[], list[Sample]]:
    """One pass over the people."""
    rng = np.random.default_rng(0)
    return lambda: [sample(person, skeleton, cut, rng) for person in people]


def sample(person: Annotation, skeleton: Skeleton, cut: Callable[..., Any], rng: np.random.Generator) -> Sample:
    """Decode, cut out, mirror, recolour, normalise, draw."""
    image = cv2.cvtColor(np.asarray(cv2.imdecode(np.fromfile(person.image, np.uint8), cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    view, matrix = cut(image, evaluation_box(person), rng)
    points, shown = transform(person.keypoints, matrix), person.labelled
    if rng.random() < 0.5:
        view = np.ascontiguousarray(view[:, ::-1])
        points[:, 0] = SIDE - 1 - points[:, 0]
        points, shown = points[list(skeleton.flip)], shown[list(skeleton.flip)]
    levels = view.astype(np.float32) / 255
    for channel in range(3):
        levels[..., channel] = np.clip(levels[..., channel] * rng.uniform(0.8, 1.2), 0, 1)
    picture = np.ascontiguousarray(((levels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)).transpose(2, 0, 1))
    return picture, gaussians((points + 0.5) / STRIDE - 0.5, shown, (SIDE // STRIDE, SIDE // STRIDE), SIGMA)


def one_map(image: np.ndarray, square: Box, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Turned, scaled and cut out at once."""
    matrix = _turned(square, rng)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), matrix


def two_maps(image: np.ndarray, square: Box, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut out onto a black square and resized in 64-bit numbers, then turned and scaled."""
    x1, y1, x2, y2 = (round(float(v)) for v in square)
    canvas = np.zeros((max(y2 - y1, 1), max(x2 - x1, 1), 3), np.float64)
    top, left = max(y1, 0), max(x1, 0)
    part = image[top : max(y2, 0), left : max(x2, 0)]
    canvas[top - y1 : top - y1 + part.shape[0], left - x1 : left - x1 + part.shape[1]] = part
    small = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    again = _turned(np.array([0.0, 0.0, SIDE, SIDE]), rng)
    first = np.vstack([crop_matrix((x1, y1, x2, y2), (SIDE, SIDE)), [0, 0, 1]])
    return cv2.warpAffine(small, again, (SIDE, SIDE), flags=cv2.INTER_LINEAR), again @ first


def _turned(square: Box, rng: np.random.Generator) -> np.ndarray:
    middle, half = (square[:2] + square[2:]) / 2, (square[2:] - square[:2]) / 2 * np.exp(rng.uniform(-0.25, 0.25))
    turn = float(np.clip(rng.normal(0, 15), -30, 30)) if rng.random() < 0.6 else 0.0
    return crop_matrix(np.concatenate([middle - half, middle + half]), (SIDE, SIDE), turn)

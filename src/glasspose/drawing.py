"""Poses and heatmaps as pictures. Everything takes and gives RGB uint8 arrays and changes nothing that it is given."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.geometry import Matrix, invert, warp
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

LEFT, RIGHT, MIDDLE = (0, 114, 178), (230, 97, 0), (240, 228, 66)
"""Colours that the colour-blind can tell apart (Okabe and Ito 2008): blue for the person's left, orange for the right, yellow between."""
_SUBPIXEL = 4
"""Bits of OpenCV's fixed-point coordinates."""


def draw_poses(image: Image, poses: Poses, *, boxes: bool = False) -> Image:
    """The picture with its people: limbs between seen keypoints, dots on them; keypoints that are not seen are small, hollow and faded."""
    canvas = image.copy()
    for n in range(len(poses)):
        _draw_person(canvas, poses, n)
        if boxes:
            x1, y1, x2, y2 = (round(float(v)) for v in poses.boxes[n])
            cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), MIDDLE, max(1, round(_width(poses, n) / 2)), cv2.LINE_AA)
    return canvas


def side_colour(skeleton: Skeleton, keypoint: int) -> tuple[int, int, int]:
    """Blue for the person's left, orange for the right, yellow for what has no side."""
    if any(keypoint == left for left, _ in skeleton.pairs):
        return LEFT
    return RIGHT if any(keypoint == right for _, right in skeleton.pairs) else MIDDLE


def _draw_person(canvas: Image, poses: Poses, n: int) -> None:
    points, seen, width = poses.keypoints[n], poses.seen[n], _width(poses, n)
    for a, b in poses.skeleton.limbs:
        if seen[a] and seen[b]:
            sides = {side_colour(poses.skeleton, a), side_colour(poses.skeleton, b)} - {MIDDLE}
            _line(canvas, points[a], points[b], sides.pop() if len(sides) == 1 else MIDDLE, width)
    faded = canvas.copy()
    for k, point in enumerate(points):
        if not seen[k] and 0 <= point[0] < canvas.shape[1] and 0 <= point[1] < canvas.shape[0]:
            _dot(faded, point, side_colour(poses.skeleton, k), 0.9 * width, max(1, round(width / 3)))
    cv2.addWeighted(faded, 0.4, canvas, 0.6, 0, dst=canvas)
    for k, point in enumerate(points):
        if seen[k]:
            _dot(canvas, point, (255, 255, 255), 1.5 * width, -1)
            _dot(canvas, point, side_colour(poses.skeleton, k), 1.1 * width, -1)


def _width(poses: Poses, n: int) -> float:
    """Of a limb, in pixels: a share of the person's size, so that it reads at 100 and at 4,000 pixels."""
    known = poses.keypoints[n][poses.seen[n]] if poses.seen[n].any() else poses.keypoints[n]
    size = max(float(np.ptp(known, axis=0).max()), 0.2 * max(poses.size))
    return float(np.clip(size / 70, 1.2, 0.01 * max(poses.size) + 1.2))


def _fixed(point: Float[np.ndarray, " 2"]) -> tuple[int, int]:
    x, y = (round(float(np.clip(v, -1e4, 1e5)) * 2**_SUBPIXEL) for v in point)
    return x, y


def _line(canvas: Image, a: Float[np.ndarray, " 2"], b: Float[np.ndarray, " 2"], colour: tuple[int, int, int], width: float) -> None:
    cv2.line(canvas, _fixed(a), _fixed(b), (255, 255, 255), round(width) + 2, cv2.LINE_AA, _SUBPIXEL)
    cv2.line(canvas, _fixed(a), _fixed(b), colour, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL)


def _dot(canvas: Image, point: Float[np.ndarray, " 2"], colour: tuple[int, int, int], radius: float, thickness: int) -> None:
    cv2.circle(canvas, _fixed(point), round(radius * 2**_SUBPIXEL), colour, thickness, cv2.LINE_AA, _SUBPIXEL)


def heat(values: Float[np.ndarray, "h w"]) -> Image:
    """A map of numbers from 0 to 1 in a colour scale of even lightness steps (viridis)."""
    levels = np.clip(values * 255, 0, 255).astype(np.uint8)
    coloured: np.ndarray = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    return coloured


def fused_heatmaps(image: Image, heatmaps: Float[np.ndarray, "K h w"], image_to_heatmap: Matrix) -> Image:
    """The picture darkened, and over it the strongest of all maps at each place."""
    strongest = np.clip(heatmaps.max(0), 0, 1)
    levels = np.repeat((strongest * 255).astype(np.uint8)[..., None], 3, axis=2)
    size = (image.shape[0], image.shape[1])
    grown = cv2.warpAffine(levels, invert(image_to_heatmap), size[::-1], flags=cv2.INTER_CUBIC)[..., 0].astype(np.float32) / 255
    weight = np.clip(grown * 1.4, 0, 0.85)[..., None]
    mixed: np.ndarray = (image * 0.6 * (1 - weight) + heat(grown).astype(np.float32) * weight).round().astype(np.uint8)
    return mixed


def heatmap_grid(crop: Image, heatmaps: Float[np.ndarray, "S K h w"], skeleton: Skeleton, cell: int = 96) -> Image:
    """A labelled table: one row for each stack, one column for each keypoint, every map over the crop that the network saw."""
    small = cv2.resize(crop, (cell, cell), interpolation=cv2.INTER_AREA)
    matrix = np.array([[heatmaps.shape[3] / cell, 0, 0], [0, heatmaps.shape[2] / cell, 0]], np.float64)
    matrix[:, 2] = (matrix[[0, 1], [0, 1]] - 1) / 2
    pictures = [fused_heatmaps(small, maps[None], matrix) for stack in heatmaps for maps in stack]
    stacks, keypoints = heatmaps.shape[:2]
    captions = [f"stack {s + 1}: {skeleton.keypoints[k].replace('_', ' ')}" for s in range(stacks) for k in range(keypoints)]
    return contact_sheet(pictures, captions, columns=keypoints, cell=cell)


def contact_sheet(images: Sequence[Image], captions: Sequence[str], columns: int, cell: int = 192) -> Image:
    """Pictures of one cell size side by side, each with a line of text under it."""
    line = 34 if any(":" in caption for caption in captions) else 18
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (cell + line), columns * (cell + 4), 3), 255, np.uint8)
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        y, x = (i // columns) * (cell + line), (i % columns) * (cell + 4)
        scale = cell / max(image.shape[:2])
        size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
        sheet[y : y + size[0], x : x + size[1]] = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        for n, text in enumerate(part.strip() for part in caption.split(":")):
            cv2.putText(sheet, text, (x + 2, y + cell + 13 + 15 * n), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet


def enlarged(crop: Image, factor: int) -> Image:
    """A small crop for people to look at."""
    size = (crop.shape[0] * factor, crop.shape[1] * factor)
    return warp(crop, np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]], np.float64), size)

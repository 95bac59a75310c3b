"""Poses and heatmaps as pictures. Everything takes and gives RGB uint8 arrays and changes nothing that it is given."""

from collections.abc import Sequence

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from jaxtyping import Float

from glasspose.geometry import Matrix, inside, invert, resize_matrix, warp
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

Colour = tuple[int, int, int]
LEFT, RIGHT, MIDDLE, EDGE = (0, 114, 178), (230, 97, 0), (110, 110, 110), (255, 255, 255)
"""Blue for the person's left and orange for the right, which the colour-blind can tell apart (Okabe and Ito 2008); grey between.
The white edge keeps all three visible on any background."""
_SUBPIXEL = 4
"""Bits of OpenCV's fixed-point coordinates."""
_GAP, _TEXT = 4, 13
"""Pixels between the cells of a sheet, and the height of its letters."""


def draw_poses(image: Image, poses: Poses, *, boxes: bool = False) -> Image:
    """The picture with its people: limbs between seen keypoints, dots on them; keypoints that are not seen are small, hollow and faded.

    Lines are as wide as the person is large. What lies outside the picture is not drawn, and no limb leads to what is not seen.
    """
    canvas = image.copy()
    for n in range(len(poses)):
        width = _width(poses, n)
        if boxes:
            _draw_box(canvas, poses.boxes[n], width)
        _draw_faded(canvas, poses, n, width)
        _draw_seen(canvas, poses, n, width)
    return canvas


def side_colour(skeleton: Skeleton, keypoint: int) -> Colour:
    """Blue for the person's left, orange for the right, grey for what has no side."""
    if any(keypoint == left for left, _ in skeleton.pairs):
        return LEFT
    return RIGHT if any(keypoint == right for _, right in skeleton.pairs) else MIDDLE


def _limb_colour(skeleton: Skeleton, a: int, b: int) -> Colour:
    """That of the side which the limb is on; a limb from one side to the other is grey."""
    sides = {side_colour(skeleton, a), side_colour(skeleton, b)} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


def _width(poses: Poses, n: int) -> float:
    """Of a limb, in pixels: a share of the person's size, but visible when the whole picture is looked at."""
    longest = max(poses.size)
    known = poses.keypoints[n][poses.seen[n]]
    extent = float(np.ptp(known, axis=0).max()) if len(known) > 1 else float(np.ptp(poses.boxes[n].reshape(2, 2), axis=0).max())
    size = min(extent, longest) or 0.2 * longest
    return float(max(size / 60, min(longest / 600, size / 20), 1.0))


def _draw_box(canvas: Image, box: Float[np.ndarray, " 4"], width: float) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in np.clip(box, -1e6, 1e6))
    for colour, thickness in ((EDGE, max(2, round(width))), (MIDDLE, max(1, round(width / 2)))):
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour, thickness, cv2.LINE_AA)


def _draw_faded(canvas: Image, poses: Poses, n: int, width: float) -> None:
    radius, reach = max(1.5, 1.1 * width), int(3 * width) + 4
    size = (canvas.shape[0], canvas.shape[1])
    for k, point in enumerate(poses.keypoints[n]):
        if not poses.seen[n, k] and inside(point, size):
            x, y = (max(0, round(float(v)) - reach) for v in point)
            part = canvas[y : y + 2 * reach, x : x + 2 * reach]
            ring = part.copy()
            for colour, thickness in ((EDGE, max(2, round(width))), (side_colour(poses.skeleton, k), max(1, round(width / 2)))):
                cv2.circle(ring, _fixed(point - [x, y]), round(radius * 2**_SUBPIXEL), colour, thickness, cv2.LINE_AA, _SUBPIXEL)
            cv2.addWeighted(ring, 0.6, part, 0.4, 0, dst=part)


def _draw_seen(canvas: Image, poses: Poses, n: int, width: float) -> None:
    """All edges first, so that no edge cuts a limb apart. Two corners of a box are drawn as that box, not as what joins them."""
    points, seen, skeleton = np.clip(poses.keypoints[n], -1e6, 1e6), poses.seen[n], poses.skeleton
    if skeleton.corners and seen.all():
        first, last = (points[k] for k in skeleton.corners)
        _draw_box(canvas, np.concatenate([first + 0.5, last + 0.5]), 2 * width)
        return
    limbs = [(a, b) for a, b in skeleton.limbs if seen[a] and seen[b]]
    for grown in (max(0.2 * width, 0.5), 0.0):
        for a, b in limbs:
            _limb(canvas, points[a], points[b], _limb_colour(skeleton, a, b) if not grown else EDGE, width + 2 * grown)
        for k in np.flatnonzero(seen):
            radius = round((1.1 * width + grown) * 2**_SUBPIXEL)
            cv2.circle(canvas, _fixed(points[k]), radius, side_colour(skeleton, int(k)) if not grown else EDGE, -1, cv2.LINE_AA, _SUBPIXEL)


def _limb(canvas: Image, a: Float[np.ndarray, " 2"], b: Float[np.ndarray, " 2"], colour: Colour, width: float) -> None:
    """A slim rectangle: OpenCV's own lines are whole pixels wide."""
    length = float(np.linalg.norm(b - a))
    across = np.array([a[1] - b[1], b[0] - a[0]]) / max(length, 1e-6) * max(width - 1, 0.1) / 2  # smooth edges add half a pixel on both sides
    corners = np.array([_fixed(p) for p in (a + across, b + across, b - across, a - across)], np.int32)
    cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_AA, _SUBPIXEL)


def _fixed(point: Float[np.ndarray, " 2"]) -> tuple[int, int]:
    x, y = (round(float(v) * 2**_SUBPIXEL) for v in point)
    return x, y


def heat(values: Float[np.ndarray, "h w"]) -> Image:
    """A map of numbers from 0 to 1 in a colour scale of even lightness steps (viridis)."""
    levels = np.clip(values * 255, 0, 255).astype(np.uint8)
    coloured: np.ndarray = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    return coloured


def fused_heatmaps(image: Image, heatmaps: Float[np.ndarray, "K h w"], image_to_heatmap: Matrix) -> Image:
    """The picture in dim grey, and over it the strongest of all maps at each place, from 0 (clear) to 1 (bright yellow)."""
    strongest = heatmaps.max(0).astype(np.float32)
    grown = cv2.warpAffine(strongest, invert(image_to_heatmap), image.shape[1::-1], flags=cv2.INTER_LINEAR)
    weight = np.clip(2 * grown, 0, 0.9)[..., None]
    grey = 0.55 * cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    mixed: np.ndarray = (grey * (1 - weight) + heat(grown) * weight).round().astype(np.uint8)
    return mixed


def heatmap_grid(crop: Image, heatmaps: Float[np.ndarray, "S K h w"], skeleton: Skeleton, cell: int = 96) -> Image:
    """A labelled table: a row for each stack, a column for each keypoint, every map over the crop that the network saw, with its peak."""
    stacks, keypoints = heatmaps.shape[:2]
    height = max(1, round(cell * crop.shape[0] / crop.shape[1]))
    small = cv2.resize(crop, (cell, height), interpolation=cv2.INTER_AREA)
    matrix = resize_matrix((height, cell), (heatmaps.shape[2], heatmaps.shape[3]))
    left, top = 58, _TEXT + 3 * _GAP
    sheet = np.full((top + stacks * (height + _GAP), left + keypoints * (cell + _GAP), 3), 255, np.uint8)
    texts = [(left + k * (cell + _GAP), _GAP, _fit(name.replace("_", " "), cell), False) for k, name in enumerate(skeleton.keypoints)]
    for s in range(stacks):
        y = top + s * (height + _GAP)
        texts.append((_GAP, y + height // 2 - _TEXT // 2, f"stack {s + 1}", False))
        for k in range(keypoints):
            x = left + k * (cell + _GAP)
            sheet[y : y + height, x : x + cell] = fused_heatmaps(small, heatmaps[s, k][None], matrix)
            texts.append((x + _GAP, y + height - _TEXT - _GAP, f"{heatmaps[s, k].max():.2f}", True))
    return _written(sheet, texts)


def contact_sheet(images: Sequence[Image], captions: Sequence[str], columns: int, cell: int = 192) -> Image:
    """Pictures side by side, none larger than a square of `cell` pixels, each with its caption under it (cut where it is too long)."""
    columns = max(1, min(columns, len(images)))
    small = [_shrunk(image, cell) for image in images]
    line = _TEXT + 2 * _GAP
    rows = [small[i : i + columns] for i in range(0, len(small), columns)]
    heights = [max(image.shape[0] for image in row) + line for row in rows]
    sheet = np.full((max(sum(heights), 1), columns * (cell + _GAP), 3), 255, np.uint8)
    texts = []
    for i, (image, caption) in enumerate(zip(small, captions, strict=True)):
        y, x = sum(heights[: i // columns]), (i % columns) * (cell + _GAP)
        sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
        texts.append((x + 1, y + heights[i // columns] - line + _GAP // 2, _fit(caption, cell), False))
    return _written(sheet, texts)


def _shrunk(image: Image, side: int) -> Image:
    """Or enlarged, so that its longer side has this many pixels."""
    scale = side / max(image.shape[:2])
    width, height = (max(1, round(length * scale)) for length in image.shape[1::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _fit(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis where it is wider than this many pixels."""
    text, font = " ".join(text.split()), PIL.ImageFont.load_default(_TEXT)
    if font.getlength(text) <= width:
        return text
    kept = next((n for n in range(len(text), 0, -1) if font.getlength(text[:n] + "…") <= width), 0)
    return text[:kept] + "…"


def _written(sheet: Image, texts: Sequence[tuple[int, int, str, bool]]) -> Image:
    """Texts at (x, y) of their upper left corners, in black, or in white with a black edge where they lie on a picture."""
    picture = PIL.Image.fromarray(sheet)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(_TEXT)
    for x, y, text, on_picture in texts:
        pen.text((x, y), text, "white" if on_picture else "black", font, stroke_width=int(on_picture), stroke_fill="black")
    return np.array(picture)


def enlarged(crop: Image, factor: int) -> Image:
    """A small crop for people to look at."""
    size = (crop.shape[0] * factor, crop.shape[1] * factor)
    return warp(crop, resize_matrix((crop.shape[0], crop.shape[1]), size), size)

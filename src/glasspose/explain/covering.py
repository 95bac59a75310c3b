"""The places that `explain context` covers: a keypoint's region, a limb, and patches of background as large as those.

All of it hangs on where the network itself puts the keypoints. Letters: R regions (K keypoints, then L limbs), K keypoints, H W input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from glasspose.explain.subject import Askable, Told
from glasspose.explain.tolerance import areas, tolerances
from glasspose.geometry import PADDING
from glasspose.skeletons import Skeleton

REACH = 3.0
"""A keypoint's region ends where agreement would have fallen to a third: three working tolerances away."""
SMALLEST = 2.0
"""Pixels; a smaller disk covers nothing."""
Points = Float[np.ndarray, "K 2"]
Masks = Float[np.ndarray, "R H W"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """Of one person: all pixels within `widths` of a segment, which for a keypoint is a point."""

    distance: Float[np.ndarray, "R H W"]
    widths: Float[np.ndarray, " R"]
    covers: Bool[np.ndarray, "R K"]
    """Which keypoints lie under which cover."""

    @property
    def masks(self) -> Masks:
        """1 inside, 0 outside, a soft pixel between."""
        found: np.ndarray = np.clip(self.widths[:, None, None] + 0.5 - self.distance, 0.0, 1.0).astype(np.float32)
        return found


def radii(points: Points, skeleton: Skeleton) -> Float[np.ndarray, " K"]:
    """Of the keypoints' regions, in pixels."""
    found: np.ndarray = np.maximum(REACH * np.sqrt(areas(points[None])[0]) * tolerances(skeleton), SMALLEST)
    return found


def regions(points: Points, skeleton: Skeleton, size: tuple[int, int]) -> Regions:
    """K disks, then a strip for each limb, half as wide as the disks at its ends."""
    limbs = np.array(skeleton.limbs, np.int64).reshape(-1, 2)
    disks = radii(points, skeleton)
    starts, ends = np.concatenate([points, points[limbs[:, 0]]]), np.concatenate([points, points[limbs[:, 1]]])
    widths = np.concatenate([disks, np.maximum(0.5 * disks[limbs].mean(1), SMALLEST)])
    pixels = np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0])), -1).astype(np.float64)
    apart = _to_segments(points, starts, ends)
    return Regions(distance=_to_segments(pixels, starts, ends), widths=widths, covers=apart <= widths[:, None])


def region_names(skeleton: Skeleton) -> list[str]:
    """In the order of `regions`."""
    limbs = [f"{skeleton.keypoints[a]} to {skeleton.keypoints[b]}" for a, b in skeleton.limbs]
    return [name.replace("_", " ") for name in (*skeleton.keypoints, *limbs)]


def _to_segments(places: Float[np.ndarray, "*any 2"], starts: Float[np.ndarray, "R 2"], ends: Float[np.ndarray, "R 2"]) -> np.ndarray:
    """(R, *any): how far each place lies from each segment."""
    along = ends - starts
    length = np.maximum((along**2).sum(-1), 1e-9)
    grown = places[None]
    wide = (slice(None), *(None,) * (places.ndim - 1))
    share = np.clip(((grown - starts[wide]) * along[wide]).sum(-1) / length[wide], 0.0, 1.0)
    found: np.ndarray = np.linalg.norm(grown - starts[wide] - share[..., None] * along[wide], axis=-1)
    return found


def trunk_of(skeleton: Skeleton) -> list[int]:
    """Shoulders and hips, between which the trunk lies; empty where a skeleton has no such names."""
    found = [k for k, name in enumerate(skeleton.keypoints) if "shoulder" in name or "hip" in name]
    return found if len(found) >= 3 else []


def filled(points: Float[np.ndarray, "M 2"], size: tuple[int, int], grown: float = 0.0) -> UInt8[np.ndarray, "H W"]:
    """1 inside the convex hull of some points, which may be grown by some pixels."""
    drawn = np.zeros(size, np.uint8)
    hull = cv2.convexHull(np.clip(points, -1e4, 1e4).round().astype(np.int32))
    cv2.fillConvexPoly(drawn, hull, 1)
    if grown >= 1:
        cv2.polylines(drawn, [hull], isClosed=True, color=1, thickness=2 * round(grown) + 1)
    return drawn


def background_patches(
    pixels: UInt8[np.ndarray, "H W 3"], points: Points, known: Regions, skeleton: Skeleton, rng: np.random.Generator
) -> tuple[Masks, Bool[np.ndarray, " R"]]:
    """For each region a disk of its area that touches no region, not the trunk and no padding; and whether there was room for one."""
    size = (pixels.shape[0], pixels.shape[1])
    masks = known.masks
    free = (known.distance - known.widths[:, None, None]).min(0)
    trunk = trunk_of(skeleton)
    if trunk:
        free = np.minimum(free, cv2.distanceTransform(1 - filled(points[trunk], size), cv2.DIST_L2, 5))
    free = np.minimum(free, _to_padding(pixels))
    patches, found = np.zeros_like(masks), np.zeros(len(masks), bool)
    rows, columns = np.mgrid[: size[0], : size[1]]
    for r, mask in enumerate(masks):
        radius = float(np.sqrt(mask.sum() / np.pi))
        ys, xs = np.nonzero(free >= radius + 0.5)
        if len(ys) and mask.any():
            chosen = int(rng.integers(len(ys)))
            apart = np.hypot(rows - ys[chosen], columns - xs[chosen])
            patches[r], found[r] = np.clip(radius + 0.5 - apart, 0.0, 1.0), True
    return patches, found


def _to_padding(pixels: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "H W"]:
    """How far each pixel lies from the border and from where the photograph has ended: a patch there would hide nothing."""
    photograph = cv2.medianBlur((pixels != PADDING).any(-1).astype(np.uint8), 3)
    apart: np.ndarray = cv2.distanceTransform(np.pad(photograph, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return apart


def told_of(asked: Askable, images: Float[Tensor, "B 3 H W"], batch: int = 32) -> Told:
    """What the network says of many pictures, in batches."""
    parts = [asked.ask(part) for part in torch.split(images, batch)]
    return Told(keypoints=np.concatenate([p.keypoints for p in parts]), scores=np.concatenate([p.scores for p in parts]))


def part_of_pixels(points: Points, parts: Sequence[Sequence[int]], known: Regions, skeleton: Skeleton) -> Int[np.ndarray, "H W"]:
    """Which body part each pixel belongs to, by the nearest keypoint or limb of it; the trunk lies between shoulders and hips.

    `parts` are keypoints by part; the trunk is the part after them, the background the last.
    """
    size = (known.distance.shape[1], known.distance.shape[2])
    outside = known.distance - known.widths[:, None, None]
    nearest = np.stack([outside[_regions_of(part, skeleton)].min(0) for part in parts])
    trunk = trunk_of(skeleton)
    between = filled(points[trunk], size).astype(bool) if trunk else np.zeros(size, bool)
    found: np.ndarray = np.where(nearest.min(0) <= 0, nearest.argmin(0), np.where(between, len(parts), len(parts) + bool(trunk)))
    return found


def _regions_of(part: Sequence[int], skeleton: Skeleton) -> list[int]:
    limbs = [len(skeleton) + i for i, (a, b) in enumerate(skeleton.limbs) if a in part and b in part]
    return [*part, *limbs]

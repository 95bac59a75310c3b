"""The plain ways: one keypoint after the other, as the hourglass releases and toolboxes of the field do it, written anew from their description."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

Maps = Float[np.ndarray, "K h w"]
Points = Float[np.ndarray, "K 2"]


def gaussians(points: Points, shown: Bool[np.ndarray, " K"], size: tuple[int, int], sigma: float) -> Maps:
    """One map for each keypoint, in pixels of the map: a Gaussian within three sigma, and 0 beyond."""
    height, width = size
    maps = np.zeros((len(points), height, width), np.float32)
    reach = 3 * sigma
    for k, (x, y) in enumerate(points):
        left, right = max(0, int(np.ceil(x - reach))), min(width, int(np.floor(x + reach)) + 1)
        top, bottom = max(0, int(np.ceil(y - reach))), min(height, int(np.floor(y + reach)) + 1)
        if not shown[k] or left >= right or top >= bottom:
            continue
        columns, rows = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)[:, None]
        maps[k, top:bottom, left:right] = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return maps


def whole_gaussians(points: Points, shown: Bool[np.ndarray, " K"], size: tuple[int, int], sigma: float) -> Maps:
    """The same over the whole map."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    maps = np.zeros((len(points), *size), np.float32)
    for k, (x, y) in enumerate(points):
        if shown[k]:
            maps[k] = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return maps


def quarter(maps: Maps) -> Points:
    """The highest pixel of each map, moved a quarter pixel towards the higher neighbour."""
    found = np.zeros((len(maps), 2), np.float32)
    for k, heat in enumerate(maps):
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        found[k] = x, y
        if 1 <= x < heat.shape[1] - 1 and 1 <= y < heat.shape[0] - 1:
            found[k, 0] += np.sign(heat[y, x + 1] - heat[y, x - 1]) * 0.25
            found[k, 1] += np.sign(heat[y + 1, x] - heat[y - 1, x]) * 0.25
    return found


def dark(maps: Maps, sigma: float = 1.0) -> Points:
    """DARK (Zhang et al., CVPR 2020): smooth each map, take its log, one Newton step from the highest pixel; none within two pixels of the border."""
    found = np.zeros((len(maps), 2), np.float32)
    side = 2 * round(3 * sigma) + 1
    for k, heat in enumerate(maps):
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        smooth = cv2.GaussianBlur(heat, (side, side), sigma, borderType=cv2.BORDER_CONSTANT)
        found[k] = x, y
        if 2 <= x < heat.shape[1] - 2 and 2 <= y < heat.shape[0] - 2:
            found[k] += _newton(np.log(np.maximum(smooth[y - 2 : y + 3, x - 2 : x + 3], 1e-10)))
    return found


def _newton(p: Float[np.ndarray, "5 5"]) -> Float[np.ndarray, " 2"]:
    dx, dy = (p[2, 3] - p[2, 1]) / 2, (p[3, 2] - p[1, 2]) / 2
    dxx, dyy = (p[2, 4] - 2 * p[2, 2] + p[2, 0]) / 4, (p[4, 2] - 2 * p[2, 2] + p[0, 2]) / 4
    dxy = (p[3, 3] - p[1, 3] - p[3, 1] + p[1, 1]) / 4
    hessian = np.array([[dxx, dxy], [dxy, dyy]])
    if abs(np.linalg.det(hessian)) <= 1e-12:
        return np.zeros(2)
    step: np.ndarray = -np.linalg.inv(hessian) @ np.array([dx, dy])
    return step.clip(-2, 2)


def flip_back(maps: Maps, pairs: list[tuple[int, int]]) -> Maps:
    """The maps of a mirrored picture as maps of the picture: mirrored map by map, then left and right exchanged pair by pair."""
    back = np.zeros_like(maps)
    for k, heat in enumerate(maps):
        back[k] = np.fliplr(heat)
    for left, right in pairs:
        back[[left, right]] = back[[right, left]]
    return back


def pckh(predicted: Float[np.ndarray, "N K 2"], truth: Float[np.ndarray, "N K 2"], counted: Bool[np.ndarray, "N K"], heads: np.ndarray) -> np.ndarray:
    """For each keypoint the share that is within half a head size: person after person, keypoint after keypoint."""
    hits, asked = np.zeros(truth.shape[1]), np.zeros(truth.shape[1])
    for n in range(len(truth)):
        for k in range(truth.shape[1]):
            if counted[n, k]:
                asked[k] += 1
                hits[k] += np.linalg.norm(predicted[n, k] - truth[n, k]) / heads[n] <= 0.5
    shares: np.ndarray = hits / asked
    return shares

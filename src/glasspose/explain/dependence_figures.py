"""The figures of `explain context`: the matrix, arrows over a mean pose, Shapley values by part, and people with a region hidden."""

from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float

from glasspose.attribution.fills import blurred, hidden
from glasspose.drawing import LEFT, RIGHT, contact_sheet, side_colour
from glasspose.explain.covering import region_names, regions
from glasspose.explain.explanation import Figure
from glasspose.explain.hiding import Hidden
from glasspose.explain.influence import Influence
from glasspose.explain.plotting import ORANGE, canvas, figure_of, heat_table, picture_of
from glasspose.explain.sample import Sample
from glasspose.explain.shapley import players
from glasspose.skeletons import Skeleton
from glasspose.structures import Image

ARROWS = 8
"""More cannot be told apart."""
SHOWN = 3
CELL = 300


def figures(found: Hidden, matrix: Influence, shares: Float[np.ndarray, "N P K"], sample: Sample, skeleton: Skeleton) -> list[Figure]:
    """All of them."""
    n = len(sample)
    return [
        _matrix(found, matrix, skeleton, n, limbs=False),
        *([_matrix(found, matrix, skeleton, n, limbs=True)] if skeleton.limbs else []),
        _graph(found, matrix, skeleton, n),
        _shapley(shares, skeleton, n),
        _people(found, matrix, sample, skeleton),
    ]


def _matrix(found: Hidden, matrix: Influence, skeleton: Skeleton, n: int, *, limbs: bool) -> Figure:
    count, names = len(skeleton), region_names(skeleton)
    rows = slice(count, None) if limbs else slice(0, count)
    values = np.round(100 * matrix.mean[rows]) + 0.0  # no "-0"
    reach = max(float(np.nanmax(np.abs(values), initial=0.0)), 5.0)
    drawn = canvas(2.6 + 0.5 * count, 2.0 + 0.36 * len(values))
    axes = drawn.subplots()
    heat_table(axes, np.where(np.isfinite(values), values, 0.0), names[rows], names[:count], form="{:.0f}", limits=(-reach, reach))
    for r, k in zip(*np.nonzero(~np.isfinite(values)), strict=True):
        _cell(axes, int(r), int(k), facecolor="#d9d9d9", edgecolor="white")
    for r, k in zip(*np.nonzero(matrix.significant[rows]), strict=True):
        _cell(axes, int(r), int(k), facecolor="none", edgecolor="black")
    if not limbs:
        own = 100 * (1 - found.similar[:, 0].mean((0, 1))[np.arange(count), np.arange(count)])
        for k in range(count):
            axes.text(k, k, f"{own[k]:.0f}", ha="center", va="center", fontsize=7, fontstyle="italic", color="#333333", zorder=4)
    axes.set(xlabel="whose agreement is asked", ylabel="what is hidden")
    axes.set_title("Agreement lost beyond that for background, points", fontsize=10)
    caption = f"Rows are hidden, columns asked; framed: family-wise significant. Mean of three fills; n = {n}."
    more = " Grey diagonal: what a keypoint loses when its own region is hidden." if not limbs else " Grey: always under the cover itself."
    return figure_of(drawn, "limbs" if limbs else "matrix", caption + more)


def _cell(axes: Any, row: int, column: int, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, linewidth=1.6, zorder=3, **style))


def mean_pose(keypoints: Float[np.ndarray, "N K 2"], skeleton: Skeleton) -> Float[np.ndarray, "K 2"]:
    """Of poses moved, scaled and turned onto each other (generalised Procrustes, without mirroring); the largest side is 1.

    Limbs that point in all directions would shrink to nothing in a mean: each keeps its mean length, and points where most of them point.
    """
    flat = keypoints[..., 0] + 1j * keypoints[..., 1]
    flat = flat - flat.mean(1, keepdims=True)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    mean = flat.mean(0)
    for _ in range(5):
        turn = (flat.conj() * mean).sum(1)
        turned = flat * (turn / np.maximum(np.abs(turn), 1e-9))[:, None]
        mean = turned.mean(0)
    placed = mean.copy()
    for a, b in _outwards(mean, skeleton):
        limbs = turned[:, b] - turned[:, a]
        placed[b] = placed[a] + np.abs(limbs).mean() * limbs.mean() / max(abs(limbs.mean()), 1e-9)
    pose = np.stack([placed.real, placed.imag], -1)
    found: np.ndarray = (pose - pose.min(0)) / max(float(np.ptp(pose, axis=0).max()), 1e-9)
    return found


def _outwards(mean: np.ndarray, skeleton: Skeleton) -> list[tuple[int, int]]:
    """Limbs from the middle of the body outwards, each keypoint reached once."""
    reached, found = [int(np.abs(mean).argmin())], []
    for start in reached:
        for a, b in (*skeleton.limbs, *((b, a) for a, b in skeleton.limbs)):
            if a == start and b not in reached:
                reached.append(b)
                found.append((a, b))
    return found


def _graph(found: Hidden, matrix: Influence, skeleton: Skeleton, n: int) -> Figure:
    pose, count = mean_pose(found.whole.keypoints, skeleton), len(skeleton)
    values = np.where(matrix.significant[:count], matrix.mean[:count], 0.0)
    order = np.argsort(-values, axis=None, kind="stable")[:ARROWS]
    cells = [divmod(int(cell), count) for cell in order if values.flat[cell] > 0]
    drawn = canvas(6.6, 6.6)
    axes = drawn.subplots()
    for a, b in skeleton.limbs:
        axes.plot(*pose[[a, b]].T, color="#d0d0d0", linewidth=5, zorder=1, solid_capstyle="round")
    for j, k in reversed(cells):
        _arrow(axes, pose[j], pose[k], float(values[j, k] / values.max()))
    colours = [tuple(part / 255 for part in side_colour(skeleton, k)) for k in range(count)]
    axes.scatter(pose[:, 0], pose[:, 1], c=colours, s=46, zorder=3, edgecolor="white")
    for k, name in enumerate(region_names(skeleton)[:count]):
        side = 1 if pose[k, 0] >= pose[:, 0].mean() else -1
        style: dict[str, Any] = {"ha": "left" if side > 0 else "right", "va": "center", "fontsize": 8, "zorder": 4}
        style["bbox"] = {"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.6}
        axes.annotate(name, tuple(pose[k]), xytext=(9 * side, 0), textcoords="offset points", **style)
    axes.set(aspect="equal", xlim=(-0.35, float(np.ptp(pose[:, 0])) + 0.35), ylim=(1.08, -0.08))
    axes.axis("off")
    said = f"the {len(cells)} strongest significant influences" if cells else "no influence differs from background"
    axes.set_title(f"From what is hidden to what moves: {said}", fontsize=10)
    return figure_of(drawn, "graph", f"Arrows over the mean predicted pose; the wider, the more agreement is lost; n = {n}.")


def _arrow(axes: Any, start: np.ndarray, end: np.ndarray, share: float) -> None:
    style = {"arrowstyle": "-|>", "color": ORANGE, "linewidth": 1 + 5 * share, "mutation_scale": 16, "shrinkA": 6, "shrinkB": 7}
    axes.annotate("", xy=tuple(end), xytext=tuple(start), arrowprops=style | {"connectionstyle": "arc3,rad=0.22", "alpha": 0.85}, zorder=2)


def _shapley(shares: Float[np.ndarray, "N P K"], skeleton: Skeleton, n: int) -> Figure:
    """Stacked bars; what parts take away stands left of zero."""
    parts, mean = players(skeleton), 100 * shares.mean(0)
    colours = [_colour(name, i) for i, name in enumerate(parts)]
    drawn = canvas(8.4, 1.7 + 0.32 * len(skeleton))
    axes = drawn.subplots()
    rows = np.arange(len(skeleton))
    right, left = np.zeros(len(skeleton)), np.zeros(len(skeleton))
    for part, name in enumerate(parts):
        value = mean[part]
        axes.barh(rows, value, left=np.where(value >= 0, right, left), color=colours[part], edgecolor="white", linewidth=0.5, label=name)
        right, left = right + np.maximum(value, 0), left + np.minimum(value, 0)
        for k in np.flatnonzero(value >= 8):
            axes.text(right[k] - value[k] / 2, float(k), f"{value[k]:.0f}", ha="center", va="center", fontsize=7, color="white")
    axes.set_yticks(rows, region_names(skeleton)[: len(skeleton)], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel="share of agreement, points", title="What each keypoint owes to which part of the picture (Shapley values)")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure_of(drawn, "shapley", f"Exact Shapley values over {len(parts)} parts, one fill a person in turn; n = {n}.")


def _colour(name: str, place: int) -> str:
    known = {"right arm": "#D55E00", "right leg": "#F0A35E", "left arm": "#0072B2", "left leg": "#6BB3DC", "head": "#7A4F9A", "trunk": "#4d4d4d"}
    rest = ("#009E73", "#CC79A7", "#56B4E9", "#8C6D1F", "#7A4F9A", "#D55E00")
    return "#9a9a9a" if name == "background" else known.get(name, rest[place % len(rest)])


def _people(found: Hidden, matrix: Influence, sample: Sample, skeleton: Skeleton) -> Figure:
    """Those in whom the strongest influence is largest; blurred alone, which people see best."""
    values = np.where(matrix.significant[: len(skeleton)], matrix.mean[: len(skeleton)], -1.0)
    if values.max() <= 0:
        values = np.nan_to_num(matrix.mean[: len(skeleton)], nan=-1.0)
    j, k = (int(v) for v in np.unravel_index(values.argmax(), values.shape))
    order = np.argsort(-np.where(found.covers[:, j, k], -1.0, found.apart[:, 0, 0, j, k]), kind="stable")[:SHOWN]
    names, pictures, captions = region_names(skeleton), [], []
    for i in order:
        pictures += _before_and_after(found, sample, int(i), j, k, skeleton)
        captions += ["as it is", f"{names[j]} blurred: {names[k]} goes"]
    caption = f"Three people whose {names[k]} moves furthest when the {names[j]} is blurred (ring: what is hidden; line: from where to where)."
    return picture_of(contact_sheet(pictures, captions, columns=2, cell=CELL), "people", caption)


def _before_and_after(found: Hidden, sample: Sample, i: int, j: int, k: int, skeleton: Skeleton) -> list[Image]:
    points = found.whole.keypoints[i]
    known = regions(points, skeleton, sample.size)
    picture = torch.from_numpy(sample.pixels[i]).permute(2, 0, 1)[None].float()
    covered = hidden(picture, torch.from_numpy(known.masks[j])[None, None], blurred(picture, 0.08 * sample.size[0]))
    pixels = covered[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    scale = CELL / max(sample.size)
    before, after = (cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) for image in (sample.pixels[i], pixels))
    for a, b in skeleton.limbs:
        for image in (before, after):
            cv2.line(image, _at(points[a], scale), _at(points[b], scale), (235, 235, 235), 1, cv2.LINE_AA)
    for image in (before, after):
        cv2.circle(image, _at(points[j], scale), round(known.widths[j] * scale), (255, 255, 255), 2, cv2.LINE_AA)
        cv2.circle(image, _at(points[k], scale), 6, LEFT, -1, cv2.LINE_AA)
    cv2.arrowedLine(after, _at(points[k], scale), _at(found.places[i, 0, 0, j, k], scale), RIGHT, 3, cv2.LINE_AA, tipLength=0.15)
    return [before, after]


def _at(point: Float[np.ndarray, " 2"], scale: float) -> tuple[int, int]:
    x, y = (round(float((v + 0.5) * scale - 0.5)) for v in point)
    return x, y

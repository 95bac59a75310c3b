"""The figures of `explain errors`: kinds by keypoint, what mending them gains, slices, and the worst people."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from glasspose.drawing import contact_sheet, draw_poses, enlarged
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, canvas, figure_of, picture_of
from glasspose.explain.sample import Sample
from glasspose.explain.slices import Slice
from glasspose.explain.subject import Told
from glasspose.explain.taxonomy import NAMES, Kind
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

SHADES = (GREEN, BLUE, ORANGE, PURPLE, RED)
"""One for each kind."""
WORST = 9
MOST_SLICES = 12


def figures(
    kinds: Int[np.ndarray, "N K"],
    counted: Bool[np.ndarray, "N K"],
    told: Told,
    sample: Sample,
    slices: Sequence[Slice],
    mended: Mapping[str, Any],
) -> list[Figure]:
    """All of them."""
    drawn = [_bars(kinds, sample.skeleton), _gained(mended)]
    if slices:
        drawn.append(_slices(slices))
    return [*drawn, _gallery(kinds, counted, told, sample)]


def _bars(kinds: Int[np.ndarray, "N K"], skeleton: Skeleton) -> Figure:
    counts = np.array([[(kinds[:, k] == kind).sum() for kind in Kind] for k in range(len(skeleton))])
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    order = np.argsort(shares[:, Kind.GOOD], kind="stable")
    drawn = canvas(8, 1.3 + 0.3 * len(skeleton))
    axes = drawn.subplots()
    start = np.zeros(len(skeleton))
    for kind in Kind:
        if counts[:, kind].any():
            widths = shares[order, kind]
            axes.barh(np.arange(len(skeleton)), widths, left=start, color=SHADES[kind], label=NAMES[kind], height=0.8)
            for y, (x, width) in enumerate(zip(start, widths, strict=True)):
                if width >= 6:
                    axes.text(x + width / 2, y, f"{width:.0f}", ha="center", va="center", fontsize=7, color="white")
            start = start + widths
    axes.set_yticks(range(len(skeleton)), [f"{skeleton.keypoints[k].replace('_', ' ')} ({counts[k].sum()})" for k in order], fontsize=8)
    axes.set(xlim=(0, 100), xlabel="% of labelled keypoints (their number in brackets)")
    axes.legend(ncols=len(NAMES), fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return figure_of(drawn, "kinds", f"Kinds of mistakes by keypoint, the worst at the bottom; {counts.sum()} keypoints.")


def _gained(mended: Mapping[str, Any]) -> Figure:
    """From where the measure stands to 100 %, one kind after the other; the order does not change what each adds."""
    drawn = canvas(8, 3.4)
    panels = drawn.subplots(1, len(mended), sharey=True, squeeze=False)[0]
    order = ("miss", "swap", "inversion", "jitter", "good")
    for axes, (name, found) in zip(panels, mended.items(), strict=True):
        height = 100 * found["now"]
        axes.bar(0, height, color=GREY)
        axes.text(0, height / 2, f"{height:.1f}", ha="center", va="center", fontsize=8, color="white")
        names = [kind for kind in order if found["kinds"][kind]["share"] > 0]
        for x, kind in enumerate(names, 1):
            added = 100 * found["kinds"][kind]["added"]
            axes.bar(x, added, bottom=height, color=SHADES[NAMES.index(kind)])
            axes.text(x, max(height - 2.5, 2.0), f"+{added:.1f}", ha="center", va="top", fontsize=8)
            height += added
        axes.set_xticks(range(len(names) + 1), ["now", *(f"{'rest of ' if kind == 'good' else ''}{kind}" for kind in names)], fontsize=8, rotation=25)
        axes.set(ylim=(0, 104), title=f"{name}, {found['keypoints']} keypoints")
        axes.title.set_fontsize(10)
    panels[0].set_ylabel("%")
    return figure_of(
        drawn, "gains", "What mending each kind of mistake would add, up to the perfect score; the kinds are disjoint, so the order is free."
    )


def _slices(slices: Sequence[Slice]) -> Figure:
    shown = slices[:MOST_SLICES]
    drawn = canvas(9, 1.2 + 0.32 * len(shown))
    axes = drawn.subplots()
    places = np.arange(len(shown))
    for y, found in zip(places, shown, strict=True):
        axes.barh(y, 100 * found.error, color=RED if found.finding else GREY, height=0.7)
        if found.interval is not None:
            low, high = 100 * found.interval[0], 100 * found.interval[1]
            axes.plot([low, high], [y, y], color="black", linewidth=1)
        axes.plot([100 * found.elsewhere] * 2, [y - 0.38, y + 0.38], color=BLUE, linewidth=2)
    axes.set_yticks(places, [f"{found.condition} ({found.people})" for found in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="keypoints inverted, swapped or missed, %\n(blue: everybody else; red: significant; black: 95 % interval)")
    axes.xaxis.label.set_fontsize(8)
    return figure_of(
        drawn, "slices", "Conditions with most mistakes, by evidence; people in brackets. Significant after Benjamini and Hochberg at 5 %."
    )


def _gallery(kinds: Int[np.ndarray, "N K"], counted: Bool[np.ndarray, "N K"], told: Told, sample: Sample) -> Figure:
    """The people with the largest share of wrong keypoints, the label beside the answer."""
    share = (kinds >= Kind.INVERSION).sum(1) / np.maximum(counted.sum(1), 1)
    pictures, captions = [], []
    for i in np.argsort(-share, kind="stable")[:WORST]:
        factor = max(1, round(256 / sample.size[0]))
        pixels = enlarged(sample.pixels[i], factor)
        pictures += [_drawn(pixels, points[i], counted[i], factor, sample.skeleton) for points in (sample.keypoints, told.keypoints)]
        told_kinds = ", ".join(f"{(kinds[i] == kind).sum()} {NAMES[kind]}" for kind in Kind if (kinds[i] == kind).any())
        captions += [f"label, image {sample.people[i].image_id}", told_kinds]
    return picture_of(
        contact_sheet(pictures, captions, columns=6), "worst", "The people with most wrong keypoints: the label, and beside it the answer."
    )


def _drawn(pixels: Image, points: np.ndarray, seen: np.ndarray, factor: int, skeleton: Skeleton) -> Image:
    count = len(skeleton)
    placed = np.where(seen[:, None], (points + 0.5) * factor - 0.5, -1e3)
    poses = Poses(
        keypoints=placed[None],
        scores=np.ones((1, count)),
        seen=seen[None],
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=skeleton,
        size=(pixels.shape[0], pixels.shape[1]),
    )
    return draw_poses(pixels, poses)

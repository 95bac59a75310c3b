"""The figures of `explain stress`: what each dose costs, the cues in order, and the people who suffered most."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.attribution.fills import partners
from glasspose.drawing import contact_sheet, draw_poses
from glasspose.explain.cues import CUES, scene, varied
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, GREEN, ORANGE, PURPLE, canvas, figure_of, picture_of
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Subject
from glasspose.geometry import invert, transform
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

if TYPE_CHECKING:
    from glasspose.explain.robustness import Stressed

FAMILIES = {"cue": ORANGE, "occlusion": PURPLE, "framing": GREEN, "corruption": BLUE}
COLUMNS, CELL, WORST = 5, 200, 2
Rows = Sequence[Mapping[str, Any]]


def figures(found: "Stressed", rows: Rows, ranked: Rows, sample: Sample, asked: Subject, seed: int) -> list[Figure]:
    """All of them."""
    drawn = [_ranks(ranked, len(sample)), _doses(rows, len(sample)), _worst(found, ranked, sample, asked, seed)]
    return [replace(figure, caption=f"{figure.caption} The person is {found.person}.") for figure in drawn]


def _ranks(ranked: Rows, n: int) -> Figure:
    drawn = canvas(8.0, 1.3 + 0.29 * len(ranked))
    axes = drawn.subplots()
    places = np.arange(len(ranked))
    values, errors = _with_errors(ranked, "lost_agreement")
    axes.barh(places, values, color=[FAMILIES[row["family"]] for row in ranked], height=0.7)
    axes.errorbar(values, places, xerr=errors, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
    axes.set_yticks(places, [_strongest(row) for row in ranked], fontsize=8)
    axes.set_ylim(len(ranked) - 0.4, -0.6)
    axes.set(xlabel="agreement with its own answer lost, %", title="What breaks it, each at its strongest dose", xlim=(0, None))
    handles = [axes.barh([0], [0], color=colour)[0] for colour in FAMILIES.values()]
    axes.legend(handles, FAMILIES, fontsize=8, loc="lower right")
    return figure_of(drawn, "reliance", f"Cues in the order of what they cost, with 95 % intervals over pictures; n = {n}.")


def _strongest(row: Mapping[str, Any]) -> str:
    return f"{row['cue']} ({row['unit']} {row['dose']:g})" if row["unit"] == "strength" else str(row["cue"])


def _with_errors(rows: Rows, key: str) -> tuple[Float[np.ndarray, " V"], Float[np.ndarray, "2 V"]]:
    """Per cent, and how far the interval reaches down and up."""
    values = np.array([100 * (row[key] or 0.0) for row in rows])
    bounds = np.array([row[f"{key}_interval"] or (row[key] or 0.0, row[key] or 0.0) for row in rows]) * 100
    return values, np.maximum(np.abs(bounds.T - values), 0.0)


def _doses(rows: Rows, n: int) -> Figure:
    lines = -(-len(CUES) // COLUMNS)
    drawn = canvas(11.0, 2.1 * lines + 0.5)
    panels = drawn.subplots(lines, COLUMNS, sharey=True, squeeze=False)
    for axes in panels.flat[len(CUES) :]:
        axes.axis("off")
    for axes, (name, cue) in zip(panels.flat, CUES.items(), strict=False):
        chosen = [row for row in rows if row["cue"] == name]
        for key, colour, label in (("lost_agreement", BLUE, "agreement"), ("lost_pck@0.2", ORANGE, "PCK@0.2")):
            if chosen[0][key] is None:
                continue
            values, errors = _with_errors(chosen, key)
            spread = np.column_stack([[0, 0], errors])
            axes.errorbar([0, *cue.doses], [0, *values], yerr=spread, color=colour, marker="o", markersize=3, capsize=2, label=label)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel(cue.unit, fontsize=7)
        axes.set_xticks([0, *cue.doses], [f"{dose:g}" for dose in (0, *cue.doses)], fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
        axes.axhline(0, color="#999999", linewidth=0.6)
    for axes in panels[:, 0]:
        axes.set_ylabel("lost, points", fontsize=8)
    panels[0, 0].legend(fontsize=7, loc="upper left")
    return figure_of(drawn, "doses", f"What each dose costs, with 95 % intervals over pictures; n = {n}.")


def _worst(found: "Stressed", ranked: Rows, sample: Sample, asked: Subject, seed: int) -> Figure:
    """Of the first of each family, the people whose answer goes furthest astray among the half of whom the network was surer."""
    others = partners(len(sample), seed)
    sure = found.whole.scores.mean(1) >= np.median(found.whole.scores.mean(1))
    pictures, captions = [], []
    for family in FAMILIES:
        row = next(row for row in ranked if row["family"] == family)
        v = [name for name, _ in found.names].index(row["cue"]) + len(CUES[row["cue"]].doses) - 1
        lost = np.where(sure, 1 - found.per_person(found.similar)[:, v], -1.0)
        for i in np.argsort(-lost, kind="stable")[:WORST]:
            own = found.whole.keypoints[i]
            seen = scene(sample, int(i), int(others[i]), own, seed)
            made = varied(seen, row["cue"], row["dose"])
            there = transform(found.places[i, v], invert(made.back))
            there = there[list(asked.skeleton.flip)] if made.mirrored else there
            pictures += [_drawn(sample.pixels[i], own, asked.skeleton), _drawn(made.pixels, there, asked.skeleton)]
            captions += ["as it is", f"{row['cue']}: {100 * (1 - lost[i]):.0f} % agree"]
    caption = "The first of each family, and two people each whom it leads furthest astray, of those whom the network was sure of."
    return picture_of(contact_sheet(pictures, captions, columns=2 * WORST, cell=CELL), "worst", caption)


def _drawn(pixels: Image, points: Float[np.ndarray, "K 2"], skeleton: Skeleton) -> Image:
    scale = CELL / max(pixels.shape[:2])
    grown = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    count = len(skeleton)
    poses = Poses(
        keypoints=((points + 0.5) * scale - 0.5)[None],
        scores=np.ones((1, count)),
        seen=np.ones((1, count), bool),
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=skeleton,
        size=(grown.shape[0], grown.shape[1]),
    )
    return draw_poses(grown, poses)

"""The figures of `explain skips`: the table of branches and modes, levels together, histograms with and without, and people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glasspose.drawing import contact_sheet, draw_poses, enlarged
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, ORANGE, canvas, figure_of, heat_table, picture_of
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Told, judged
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

if TYPE_CHECKING:
    from glasspose.explain.branches import Effect

SHOWN = 6
Rows = Sequence[Mapping[str, Any]]


def figures(effects: "Sequence[Effect]", rows: Rows, sample: Sample, whole: Told, skeleton: Skeleton) -> list[Figure]:
    """All of them."""
    drawn = [_branches(rows, len(sample)), _levels(rows, len(sample))]
    without = next(e.told for e in effects if e.mode == "zero" and len(e.names) == max(len(o.names) for o in effects))
    if judged(sample).any():
        drawn.append(_histograms(sample, whole, without))
    return [*drawn, _people(sample, whole, without, skeleton)]


def _branches(rows: Rows, n: int) -> Figure:
    alone = [row for row in rows if len(row["branches"]) == 1]
    modes = list(dict.fromkeys(row["mode"] for row in alone))
    names = list(dict.fromkeys(row["branches"][0] for row in alone))
    lost = {(row["branches"][0], row["mode"]): 100 * row["lost_agreement"] for row in alone}
    values = np.array([[lost[name, mode] for mode in modes] for name in names])
    drawn = canvas(5.6, 1.4 + 0.42 * len(names))
    axes = drawn.subplots()
    heat_table(axes, values, names, modes, form="{:.1f}", limits=(0.0, max(float(values.max()), 1.0)))
    axes.set_title("Agreement lost by one branch, %", fontsize=10)
    return figure_of(drawn, "branches", f"How far the network's own keypoints move when one skip branch is switched off, by four modes; n = {n}.")


def _levels(rows: Rows, n: int) -> Figure:
    zero = [row for row in rows if row["mode"] == "zero" and (len(row["branches"]) > 1 or len(rows) < 8)]
    levels = sorted({name.split(".")[-1] for row in zero for name in row["branches"]})
    labels = [" + ".join(level.removeprefix("skip") for level in levels if any(level in name for name in row["branches"])) for row in zero]
    drawn = canvas(7.5, 1.6 + 0.3 * len(zero))
    axes = drawn.subplots()
    places = np.arange(len(zero))
    for shift, mode, colour in ((-0.18, "zero", ORANGE), (0.18, "mean", BLUE)):
        chosen = [next(r for r in rows if r["branches"] == row["branches"] and r["mode"] == mode) for row in zero]
        values = np.array([100 * (r["lost_pck@0.2"] or 0.0) for r in chosen])
        bounds = np.array([[100 * part for part in (r["lost_pck@0.2_interval"] or (0.0, 0.0))] for r in chosen])
        axes.barh(places + shift, values, height=0.34, color=colour, label=mode)
        axes.errorbar(values, places + shift, xerr=np.abs(bounds.T - values), fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel="PCK@0.2 lost, percentage points", ylabel="levels off, in all stacks (0: finest)", title="Levels together")
    axes.legend(title="mode", fontsize=8, title_fontsize=8, loc="upper right")
    return figure_of(drawn, "levels", f"PCK lost when whole levels of skips are off together, with 95 % intervals over pictures; n = {n}.")


def _histograms(sample: Sample, whole: Told, without: Told) -> Figure:
    from glasspose.explain.branches import pck_of_people

    chosen = judged(sample).any(1)
    drawn = canvas(8, 3.2)
    panels = drawn.subplots(1, 2, sharey=True)
    for axes, told, title, colour in ((panels[0], whole, "with skips", BLUE), (panels[1], without, "all skips off (zero)", ORANGE)):
        values = pck_of_people(told, sample, 0.2)[chosen]
        axes.hist(values, bins=np.linspace(0, 1, 11), color=colour, edgecolor="white")
        axes.set(title=f"{title}: mean {values.mean():.3f}", xlabel="PCK@0.2 of a person")
    panels[0].set_ylabel("people")
    return figure_of(drawn, "histograms", f"PCK@0.2 of each person with and without skips (the thesis's X1); n = {int(chosen.sum())} with a torso.")


def _people(sample: Sample, whole: Told, without: Told, skeleton: Skeleton) -> Figure:
    """Those whom the whole network finds best: picture, own answer, answer without skips."""
    best = np.argsort(-whole.scores.mean(1), kind="stable")[:SHOWN]
    pictures, captions = [], []
    for i in best:
        pixels = enlarged(sample.pixels[i], 2) if sample.size[0] < 200 else sample.pixels[i]
        scale = pixels.shape[0] / sample.size[0]
        pictures += [pixels, *(_drawn(pixels, told, int(i), scale, skeleton) for told in (whole, without))]
        captions += ["picture", "with skips", "all skips off"]
    caption = f"The {len(best)} people of whom the whole network is surest, and what it says of them without skips (zero)."
    return picture_of(contact_sheet(pictures, captions, columns=6), "people", caption)


def _drawn(pixels: Image, told: Told, i: int, scale: float, skeleton: Skeleton) -> Image:
    count = len(skeleton)
    poses = Poses(
        keypoints=(told.keypoints[i][None] + 0.5) * scale - 0.5,
        scores=np.ones((1, count)),
        seen=np.ones((1, count), bool),
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=skeleton,
        size=(pixels.shape[0], pixels.shape[1]),
    )
    return draw_poses(pixels, poses)

"""The figures of `explain layers`: probes by place, CKA, effective dimensions, stacks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from glasspose.explain.early_exit import Exit
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, GREY, ORANGE, RED, canvas, figure_of, heat_table
from glasspose.explain.principal import Dimension

if TYPE_CHECKING:
    from glasspose.explain.redundancy import Probes


def figures(
    probes: "Sequence[Probes]", names: Sequence[str], alike: np.ndarray, sizes: Mapping[str, Dimension], by_stack: Sequence[Exit], n: int
) -> list[Figure]:
    """All of them."""
    made = [_probes(probes, names, n), _alike(names, alike, n), _dimensions(sizes, n)]
    return [*made, _stacks(by_stack, n)] if by_stack[0].pck is not None else made


def _probes(probes: "Sequence[Probes]", names: Sequence[str], n: int) -> Figure:
    sheet = canvas(10, 2.9 * ((len(probes) + 1) // 2) + 1.0)
    panels = sheet.subplots((len(probes) + 1) // 2, min(len(probes), 2), sharex=True, squeeze=False).ravel()
    places = np.arange(len(names))
    for axes, one in zip(panels, probes, strict=False):
        rows = [one.rows[name] for name in names]
        values = np.array([row["r2"] for row in rows])
        bounds = np.array([row["r2_interval"] or (row["r2"],) * 2 for row in rows]).T
        axes.errorbar(places, values, yerr=np.abs(bounds - values), color=BLUE, marker="o", markersize=4, capsize=2, label="trained")
        axes.plot(places, [one.fresh[name].r2 for name in names], color=ORANGE, marker="s", markersize=3, label="untrained")
        axes.plot(places, [one.control[name].r2 for name in names], color=GREY, linestyle=":", marker=".", label="shuffled labels")
        axes.axhline(one.pixels.r2, color=RED, linestyle="--", linewidth=1, label="pixels")
        axes.set(title=one.target, ylabel="R2", ylim=(-0.35, 1.0))
        axes.set_xticks(places, names, rotation=55, ha="right", rotation_mode="anchor", fontsize=7)
    for axes in panels[len(probes) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=7, ncols=2, loc="upper left")
    return figure_of(sheet, "probes", f"What a ridge probe reads off each place, on pictures that it has not seen, with 95 % intervals; n = {n}.")


def _alike(names: Sequence[str], alike: np.ndarray, n: int) -> Figure:
    side = 2.0 + 0.48 * len(names)
    sheet = canvas(side + 0.4, side)
    axes = sheet.subplots()
    heat_table(axes, alike, names, names, limits=(0.0, 1.0))
    axes.set_title("CKA (debiased)", fontsize=10)
    return figure_of(
        sheet, "cka", f"How alike the places speak of the same people: 1 the same up to rotation and scale, 0 nothing in common; n = {n}."
    )


def _dimensions(sizes: Mapping[str, Dimension], n: int) -> Figure:
    sheet = canvas(8.6, 1.4 + 0.28 * len(sizes))
    left, right = sheet.subplots(1, 2, sharey=True)
    places = np.arange(len(sizes))
    for axes, name, colour in ((left, "participation", BLUE), (right, "components", ORANGE)):
        values = np.array([getattr(d, name) for d in sizes.values()], float)
        bounds = np.array([getattr(d, f"{name}_interval") or (v, v) for d, v in zip(sizes.values(), values, strict=True)]).T
        axes.barh(places, values, color=colour, xerr=np.abs(bounds - values), error_kw={"elinewidth": 1, "capsize": 2})
        axes.grid(axis="x", linewidth=0.4)
    right.plot([d.components_of_half for d in sizes.values()], places, "k|", markersize=9, label="with half of the people")
    right.legend(fontsize=7, loc="lower right")
    left.set_yticks(places, list(sizes), fontsize=8)
    left.invert_yaxis()
    left.set_xlabel("participation ratio")
    right.set_xlabel("components for 95 % of the variance")
    return figure_of(
        sheet, "dimensions", f"How many dimensions each place uses (averaged onto at most 4 x 4 positions); n = {n} bounds what can be seen."
    )


def _stacks(by_stack: Sequence[Exit], n: int) -> Figure:
    sheet = canvas(5.2, 3.4)
    axes = sheet.subplots()
    costs = [one.gigaflops for one in by_stack]
    values = np.array([100 * (one.pck or 0.0) for one in by_stack])
    bounds = np.array([[100 * part for part in (one.pck_interval or (one.pck or 0.0,) * 2)] for one in by_stack]).T
    axes.errorbar(costs, values, yerr=np.abs(bounds - values), color=BLUE, marker="o", capsize=3)
    for one, cost, value in zip(by_stack, costs, values, strict=True):
        axes.annotate(f"stack {one.stack}", (cost, value), textcoords="offset points", xytext=(8, -12), fontsize=8)
    axes.margins(x=0.25)
    axes.set(xlabel="GFLOP for one person", ylabel="PCK@0.2, %", title="Stopping early")
    return figure_of(
        sheet, "stacks", f"Accuracy of every stack's own answer against what it costs to get there; 95 % intervals over pictures, n = {n}."
    )

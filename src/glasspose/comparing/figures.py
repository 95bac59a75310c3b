"""A comparison as a picture: dots with intervals for every score, and the curves of the runs over each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glasspose.comparing.comparison import Comparison, Row
from glasspose.comparing.subjects import Log
from glasspose.plotting import COLOURS, GREY, canvas, png_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = (("loss", "loss"), ("pck", "PCK@0.2 %"))
LONGEST_NAME = 40


def figure(found: Comparison) -> bytes:
    """A PNG: a panel for each score, and under them loss and PCK of the runs over their epochs."""
    scores, rows = len(found.units), len(found.rows)
    across = min(scores, 4)
    down = -(-scores // across)
    tall = 0.9 + 0.3 * rows
    parts = [down * tall, *([3.4] if found.logs else [])]
    drawn = canvas(max(3.4 * across + 1.5, 8.5 if found.logs else 5), sum(parts) + 0.4)
    halves = drawn.subfigures(len(parts), 1, height_ratios=parts, squeeze=False)[:, 0]
    _draw_scores(halves[0], found, down, across)
    if found.logs:
        _draw_curves(halves[1], found)
    return png_of(drawn)


def _draw_scores(drawn: "Figure", found: Comparison, down: int, across: int) -> None:
    panels = drawn.subplots(down, across, squeeze=False, sharey=True).ravel()
    for panel, (name, unit) in zip(panels, found.units.items(), strict=False):
        for i, row in enumerate(found.rows):
            _draw_cell(panel, i, row, name, unit)
        panel.set_title(f"{name} {unit}", fontsize=9)
        panel.set_yticks(range(len(found.rows)), [_short(row.name) for row in found.rows], fontsize=8)
        panel.set_ylim(len(found.rows) - 0.4, -0.6)
        panel.tick_params(axis="x", labelsize=8)
        panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    for panel in panels[len(found.units) :]:
        panel.set_visible(False)
    drawn.suptitle(f"{found.n} people, 95 % intervals; dashed: the first row", fontsize=9, color=GREY)


def _draw_cell(panel: Any, place: int, row: Row, name: str, unit: str) -> None:
    cell, scale, colour = row.cells[name], 100 if unit == "%" else 1, COLOURS[place % len(COLOURS)]
    if cell.value is None:
        return
    if cell.interval is not None:
        panel.plot([scale * end for end in cell.interval], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    panel.plot([scale * cell.value], [place], "o", color=colour, markersize=6)
    if place == 0:
        panel.axvline(scale * cell.value, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)


def _draw_curves(drawn: "Figure", found: Comparison) -> None:
    """Training thin and dashed, validation thick; a ring at the lowest validation loss (beyond it a run overfits) and at the best validation PCK."""
    from matplotlib.ticker import MaxNLocator

    panels = drawn.subplots(1, 2)
    for panel, (key, label) in zip(panels, CURVES, strict=True):
        for place, row in enumerate(found.rows):
            for name in row.members:
                _draw_run(panel, found.logs.get(name, ()), key, COLOURS[place % len(COLOURS)])
        panel.set_yscale("log" if key == "loss" else "linear")
        panel.set_title(f"{label}; ring: {'lowest, overfitting after it' if key == 'loss' else 'best'}", fontsize=9)
        panel.set_xlabel("epoch", fontsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.tick_params(which="both", labelsize=8)
        panel.grid(color="#dddddd", linewidth=0.6)
    for place, row in enumerate(found.rows):
        panels[0].plot([], [], color=COLOURS[place % len(COLOURS)], linewidth=2, label=_short(row.name))
    drawn.legend(loc="outside right upper", fontsize=8, title="validation\n(dashed: training)", title_fontsize=8, frameon=False)


def _draw_run(panel: Any, log: Log, key: str, colour: str) -> None:
    scale = 100 if key == "pck" else 1
    for part, width, style in (("train", 0.9, "--"), ("validation", 2.0, "-")):
        epochs, values = curve(log, f"{part}/{key}")
        panel.plot(epochs, [scale * v for v in values], color=colour, linewidth=width, linestyle=style)
    turn = turning_point(log, key)
    if turn is not None:
        panel.plot([turn[0]], [scale * turn[1]], "o", markersize=9, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.6)


def curve(log: Log, column: str) -> tuple[Sequence[float], Sequence[float]]:
    """Epochs and values of one column; empty where the log lacks it."""
    rows = [row for row in log if column in row]
    return [row["epoch"] for row in rows], [row[column] for row in rows]


def turning_point(log: Log, key: str) -> tuple[float, float] | None:
    """Epoch and value of the lowest validation loss, or of the best validation PCK."""
    epochs, values = curve(log, f"validation/{key}")
    best = (min if key == "loss" else max)(range(len(values)), key=lambda i: values[i], default=None)
    return None if best is None else (epochs[best], values[best])


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"

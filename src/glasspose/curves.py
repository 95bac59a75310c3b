"""Curves of a run as a picture: loss and PCK by epoch, of training and of validation, for every stack, with the best epoch marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasspose.files import write_atomically
from glasspose.logbook import Row
from glasspose.plotting import BLUE, GREY, RED, canvas, png_of

NAMES = {"loss": "loss", "pck": "PCK@0.2"}


def save_curves(path: Path, rows: Sequence[Row], best: Row, title: str) -> None:
    """One panel for each number and stack; a table of epochs to look at, not to read off."""
    names = [name for name in NAMES if f"validation/{name}/stack0" in rows[0]]
    stacks = sum(key.startswith("validation/loss/stack") for key in rows[0])
    width, height = 3.4 * stacks + 0.8, 2.5 * len(names) + 0.9
    drawn = canvas(width, height)
    drawn.set_layout_engine(None)  # which takes longer than an epoch of a test
    drawn.subplots_adjust(left=0.65 / width, right=1 - 0.15 / width, bottom=0.5 / height, top=1 - 0.65 / height, hspace=0.25, wspace=0.08)
    panels = drawn.subplots(len(names), stacks, sharex=True, sharey="row", squeeze=False)
    for line, name in zip(panels, names, strict=True):
        for s, axes in enumerate(line):
            _panel(axes, rows, best, f"{name}/stack{s}")
            axes.set_title(f"{NAMES[name]}, stack {s + 1}" if stacks > 1 else NAMES[name], fontsize=9)
    panels[0, 0].legend(fontsize=8, frameon=False)
    for axes in panels[-1]:
        axes.set_xlabel("epoch", fontsize=8)
    drawn.suptitle(f"{title}; best epoch {int(best['epoch'])}", fontsize=10)
    write_atomically(path, png_of(drawn))


def _panel(axes: Any, rows: Sequence[Row], best: Row, key: str) -> None:
    epochs = [row["epoch"] for row in rows]
    for part, colour in (("train", BLUE), ("validation", RED)):
        axes.plot(epochs, [row[f"{part}/{key}"] for row in rows], color=colour, label=part, marker="." if len(rows) < 20 else "")
    if key.startswith("loss"):
        axes.set_yscale("log")
    if key.startswith("loss") and "train/zero_loss" in rows[0]:
        axes.axhline(rows[-1]["train/zero_loss"], color=GREY, linestyle=":", label="empty answer")
    axes.axvline(best["epoch"], color=GREY, linewidth=0.8)
    axes.plot(best["epoch"], best[f"validation/{key}"], marker="o", color=RED, markerfacecolor="white")
    axes.tick_params(which="both", labelsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True)

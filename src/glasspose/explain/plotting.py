"""How figures of explanations are drawn: the style of `glasspose.plotting`, with captions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2

from glasspose.explain.explanation import Figure
from glasspose.plotting import BLUE, COLOURS, GREEN, GREY, ORANGE, PURPLE, RED, canvas, png_of
from glasspose.structures import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["BLUE", "COLOURS", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "canvas", "figure_of", "heat_table", "picture_of"]


def figure_of(drawn: "Canvas", name: str, caption: str) -> Figure:
    """A drawn canvas as a figure; the same bits for the same drawing."""
    return Figure(name=name, caption=caption, png=png_of(drawn))


def picture_of(image: Image, name: str, caption: str) -> Figure:
    """RGB pixels as a figure."""
    encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return Figure(name=name, caption=caption, png=encoded.tobytes())


def heat_table(
    axes: Any, values: Any, rows: Sequence[str], columns: Sequence[str], *, form: str = "{:.2f}", limits: tuple[float, float] | None = None
) -> None:
    """A matrix as coloured cells with their numbers in them; diverging around 0 where the limits are symmetric."""
    low, high = limits or (float(values.min()), float(values.max()))
    diverging = low == -high
    axes.imshow(values, cmap="RdBu_r" if diverging else "cividis", vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    for y in range(len(rows)):
        for x in range(len(columns)):
            share = (values[y, x] - low) / ((high - low) or 1)
            dark = abs(share - 0.5) > 0.3 if diverging else share < 0.5
            axes.text(x, y, form.format(values[y, x]), ha="center", va="center", fontsize=7, color="white" if dark else "black")

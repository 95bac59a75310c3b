"""How figures of explanations are drawn: one style, onto PNG, without a display."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2

from glasspose.explain.explanation import Figure
from glasspose.structures import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#666666"
"""Colours that colour-blind people can tell apart (Okabe and Ito 2008)."""
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)


def canvas(width: float, height: float) -> "Canvas":
    """An empty figure, sizes in inches at 110 dots each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    made = Canvas(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(made)
    return made


def figure_of(drawn: "Canvas", name: str, caption: str) -> Figure:
    """A drawn canvas as a figure; the same bits for the same drawing."""
    content = BytesIO()
    drawn.savefig(content, format="png", metadata={"Software": None})
    return Figure(name=name, caption=caption, png=content.getvalue())


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

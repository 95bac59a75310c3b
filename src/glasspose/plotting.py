"""One style for curves and intervals: a canvas without a display, and colours that colour-blind people can tell apart."""

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#666666"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)
"""Okabe and Ito 2008."""


def canvas(width: float, height: float) -> "Figure":
    """An empty figure; inches at 110 dots each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(made)
    return made


def png_of(drawn: "Figure") -> bytes:
    """The figure as a PNG; the same bits for the same drawing."""
    content = BytesIO()
    drawn.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()

"""What part of a picture stands for a person. Nothing here imports torch."""

from typing import Annotated, Literal

from pydantic import Field

from glasspose.configs.config import Config

MARGIN = 1.25
"""How much wider than the box the square is, where nothing else is said."""
THESIS_MARGIN = 1.1


class Framing(Config):
    """How a network is shown people, in training, in `evaluate` and in `predict`."""

    framing: Literal["box", "thesis", "squash"] = "box"
    """How the person's square is made. thesis: box and keypoints together, centred on the outermost keypoints, a tenth wider, moved into the
    picture; who does not fit is left out of training; where there are no labels, the box and a tenth. squash: the whole picture, without
    regard to its aspect. The weights' card keeps it; `explain` shows everybody in the usual square."""
    margin: Annotated[float, Field(ge=1, le=4)] = MARGIN
    """For the framing `box`: the square's side in longer sides of the box."""

    @property
    def scale(self) -> float:
        """The square's side in longer sides of a box that was not made from labels."""
        return THESIS_MARGIN if self.framing == "thesis" else self.margin

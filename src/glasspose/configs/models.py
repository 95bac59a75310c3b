"""The models that a recipe can name, with every option. Nothing here imports torch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from glasspose.configs.config import Config


class Hourglass(Config):
    """Stacked hourglass (Newell et al., ECCV 2016)."""

    kind: Literal["hourglass"] = "hourglass"
    input_size: tuple[int, int] = (256, 256)
    """(height, width) of the network's input in pixels, multiples of 2^(depth + 2)."""
    stacks: Annotated[int, Field(ge=1, le=16)] = 2
    """Hourglasses in a row, each supervised."""
    channels: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 256
    """Width of the network at the heatmaps' resolution."""
    depth: Annotated[int, Field(ge=1, le=6)] = 4
    """How often an hourglass halves the resolution."""
    residuals: Annotated[int, Field(ge=1, le=8)] = 1
    """Residual modules at each position."""
    level_channels: tuple[int, ...] | None = None
    """Widths at the lower resolutions, one for each level; the same as `channels` where not given."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> "Hourglass":
        step = 2 ** (self.depth + 2)
        if any(side <= 0 or side % step for side in self.input_size):
            raise ValueError(f"input_size {self.input_size} must be multiples of 2^(depth + 2) = {step}")
        if self.level_channels is not None and (len(self.level_channels) != self.depth or any(c < 8 or c % 2 for c in self.level_channels)):
            raise ValueError(f"level_channels needs {self.depth} even widths of 8 or more, one for each level")
        return self


Model = Hourglass
"""Any model; more become a union discriminated by `kind`."""

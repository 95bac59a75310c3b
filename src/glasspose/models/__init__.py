"""Networks from normalised crops to the raw output of every stack. `build_model` makes one from its configuration."""

from glasspose.configs.models import Model
from glasspose.models.hourglass import StackedHourglass


def build_model(config: Model, outputs: int) -> StackedHourglass:
    """The network that the configuration describes, freshly initialised, with a head of `outputs` channels."""
    return StackedHourglass(config, outputs)

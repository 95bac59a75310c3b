"""`glasspose explain walk`."""

from pathlib import Path

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def walk(weights: str, *, data: Data, asking: AskingOptions = Asking(), photo: Path | None = None) -> int:  # noqa: B008
    """Show what moving along a direction of the bottleneck does to the pose.

    Example: glasspose explain walk hourglass-tiny-lsp --data.kind drawn_people --data.count 40

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    photo
        A picture of one person, where the film starts; people of the dataset where not given.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import walk

    with progress_bar("people") as progress:
        explanation = walk(weights, data, photo=photo, n=asking.n or 200, seed=asking.seed, progress=progress)
    return present(explanation, weights, asking)

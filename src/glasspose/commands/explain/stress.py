"""`glasspose explain stress`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def stress(weights: str, *, data: Data, asking: AskingOptions = Asking()) -> int:  # noqa: B008
    """Which cue, when it is changed, breaks the network? Background, colour, texture, occlusion, corruptions, framing, mirroring. 200 people.

    Example: glasspose explain stress hourglass-tiny-lsp --data.kind drawn_people --data.count 20

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import stress

    with progress_bar("people") as progress:
        explanation = stress(weights, data, n=asking.n or 200, seed=asking.seed, progress=progress)
    return present(explanation, weights, asking)

"""`glasspose explain layers`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def layers(weights: str, *, data: Data, asking: AskingOptions = Asking()) -> int:  # noqa: B008
    """Show where in the network the pose is known, how alike its places are, and whether every stack is needed.

    Example: glasspose explain layers hourglass-tiny-lsp --data.kind drawn_people --data.count 50

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import layers

    with progress_bar("people") as progress:
        explanation = layers(weights, data, n=asking.n or 200, seed=asking.seed, progress=progress)
    return present(explanation, weights, asking)

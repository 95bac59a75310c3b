"""`glasspose explain errors`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def errors(weights: str, *, data: Data, asking: AskingOptions = Asking()) -> int:  # noqa: B008
    """Sort its mistakes by kind, keypoint and condition, and say what mending each kind would gain.

    Example: glasspose explain errors hourglass-tiny-lsp --data.kind drawn_people --data.count 40

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import errors

    with progress_bar("people") as progress:
        explanation = errors(weights, data, n=asking.n or 200, seed=asking.seed, progress=progress)
    return present(explanation, weights, asking)

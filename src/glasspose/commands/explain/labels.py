"""`glasspose explain labels`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking

PAGE = "labels.html"


def labels(weights: str, *, data: Data, asking: AskingOptions = Asking(), plant: float = 0.02) -> int:  # noqa: B008
    """Which labels are likely to be wrong? Ranks them, and writes a page on which to review them and a list.

    Example: glasspose explain labels hourglass-tiny-lsp --data.kind drawn_people --data.count 60

    Parameters
    ----------
    weights
        Weights that did not learn from these people, or the folder that `glasspose train --folds` has written.
    plant
        Measure the list by planting errors in this share of the labels; 0 leaves that out.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import labels

    with progress_bar("people") as progress:
        explanation = labels(weights, data, n=asking.n or 1000, seed=asking.seed, planted=plant, page=asking.out / PAGE, progress=progress)
    return present(explanation, weights, asking)

"""`glasspose explain skips`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def skips(weights: str, *, data: Data, asking: AskingOptions = Asking(), retrained: str | None = None) -> int:  # noqa: B008
    """Does precision come from the bottleneck, or from the skips? Every branch is switched off in four ways.

    Example: glasspose explain skips hourglass-tiny-lsp --data.kind drawn_people --data.count 20

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    retrained
        Weights trained without skips, to be measured on the same people and reported apart.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import skips

    with progress_bar("ablations") as progress:
        explanation = skips(weights, data, n=asking.n or 200, seed=asking.seed, retrained=retrained, progress=progress)
    return present(explanation, weights, asking)

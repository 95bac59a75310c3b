"""`glasspose explain latent`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def latent(weights: str, *, data: Data, asking: AskingOptions = Asking(), at: str | None = None, against: str | None = None) -> int:  # noqa: B008
    """Show how the network groups poses in its bottleneck, how many dimensions it uses, and which groups fail.

    Example: glasspose explain latent hourglass-tiny-lsp --data.kind drawn_people --data.count 40

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    at
        The place to look at, such as stack0.bottleneck; the last stack's code or bottleneck where not given.
    against
        Other weights, shown beside these on the same people.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import latent

    with progress_bar("people") as progress:
        explanation = latent(weights, data, n=asking.n or 200, seed=asking.seed, at=at, against=against, progress=progress)
    return present(explanation, weights, asking)

"""`glasspose explain latent`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def latent(
    weights: str,
    *,
    data: Data,
    asking: AskingOptions = Asking(),  # noqa: B008
    at: str | None = None,
    against: str | None = None,
    ray: bool = False,
    ray_address: str | None = None,
    workers: int | None = None,
) -> int:
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
    ray
        Let many workers run the network, by Ray (docs/many-machines.md); the numbers stay the same.
    ray_address
        Of a running Ray cluster; without it that in RAY_ADDRESS, else this machine alone.
    workers
        With --ray: how many at once, one a core where not given.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import latent
    from glasspose.spreading import Machines

    machines = Machines(address=ray_address, workers=workers) if ray else None
    with progress_bar("people") as progress:
        explanation = latent(weights, data, n=asking.n or 200, seed=asking.seed, at=at, against=against, machines=machines, progress=progress)
    return present(explanation, weights, asking)

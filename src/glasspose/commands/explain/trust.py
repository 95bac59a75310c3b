"""`glasspose explain trust`."""

from typing import Annotated

from pydantic import Field

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking

Other = Annotated[Data | None, Field(discriminator="kind")]
"""The discriminator stands outside, or cyclopts loses it in the union with None."""


def trust(weights: str, *, data: Data, other: Other = None, asking: AskingOptions = Asking(), write: bool = False) -> int:  # noqa: B008
    """Can one act on its confidences? Calibrates them on half of the pictures and tests that on the other half.

    Example: glasspose explain trust hourglass-tiny-lsp --data.kind drawn_people --data.count 100

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    other
        Data of another kind, on which the same calibration is tested: whether it holds there.
    write
        Keep the calibration in the card of the weights, where `predict` finds it; refused where the test does not bear it out.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import trust

    with progress_bar("people") as progress:
        explanation = trust(weights, data, n=asking.n or 500, seed=asking.seed, other=other, write=write, progress=progress)
    return present(explanation, weights, asking)

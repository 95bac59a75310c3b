"""`glasspose explain context`."""

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking


def context(weights: str, *, data: Data, asking: AskingOptions = Asking(), skeleton: str | None = None) -> int:  # noqa: B008
    """Which keypoints does the network place by the sight of others? Every keypoint's region, limb and body part is hidden. 50 people.

    Example: glasspose explain context hourglass-tiny-lsp --data.kind drawn_people --data.count 20

    Parameters
    ----------
    weights
        A name of shipped weights, a .safetensors file beside its card, a file of `glasspose export`, or another .onnx file (with --skeleton).
    skeleton
        Of an .onnx file of others: coco, mpii, lsp, flic.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.explain import context

    with progress_bar("people") as progress:
        explanation = context(weights, data, n=asking.n or 50, seed=asking.seed, skeleton=skeleton, progress=progress)
    return present(explanation, weights, asking)

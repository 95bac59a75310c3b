"""`glasspose explain why`."""

from typing import Annotated, Literal

from pydantic import Field

from glasspose.commands.explain.presenting import AskingOptions, present
from glasspose.configs.data import Data
from glasspose.configs.explaining import Asking

MaybeData = Annotated[Data | None, Field(discriminator="kind")]
Method = Literal["occlusion", "rise", "integrated_gradients", "gradient_times_input", "smooth_grad"]
PEOPLE = 50


def why(
    weights: str,
    photo: str | None = None,
    *,
    data: MaybeData = None,
    asking: AskingOptions = Asking(),  # noqa: B008
    keypoints: tuple[str, ...] = (),
    methods: tuple[Method, ...] = (),
    target: Literal["confidence", "location", "agreement", "error"] = "confidence",
    direction: tuple[float, float] = (1.0, 0.0),
    box: tuple[float, float, float, float] | None = None,
    skeleton: str | None = None,
) -> int:
    """Which pixels made a keypoint be where it is? Parts of the picture are hidden, and gradients are followed.

    Example: glasspose explain why hourglass-tiny-lsp --data.kind drawn_people --data.count 6

    Parameters
    ----------
    weights
        A name of shipped weights, a .safetensors file beside its card, a file of `glasspose export`, or another .onnx file (with --skeleton).
    photo
        One photograph, instead of a dataset.
    keypoints
        Names; without them each in its turn over a dataset, and the three surest of a photograph.
    methods
        The first gives the answer; without any, occlusion and integrated_gradients.
    target
        The number explained: the heat at the predicted place, the location along --direction, the agreement with the untouched
        prediction, or (of labelled people) the heat there against that at the label.
    direction
        Of --target location: right and down.
    box
        Where the person in the photograph is: x1 y1 x2 y2. Without it the crop that predict ends with.
    skeleton
        Of an .onnx file of others: coco, mpii, lsp, flic.

    """
    from glasspose.commands.progress import progress_bar
    from glasspose.errors import UsageError
    from glasspose.explain import why

    if (photo is None) == (data is None):
        raise UsageError("name one photograph or one dataset", "glasspose explain why WEIGHTS PHOTO, or WEIGHTS --data.kind KIND")
    with progress_bar("keypoints") as progress:
        explanation = why(
            weights,
            data if photo is None else photo,
            keypoints=keypoints,
            methods=methods,
            target=target,
            direction=direction,
            n=asking.n or PEOPLE,
            seed=asking.seed,
            box=box,
            skeleton=skeleton,
            progress=progress,
        )
    return present(explanation, weights, asking)

"""Where the people of an image are: from a file of boxes, or from a detector that the user names."""

from collections.abc import Callable
from pathlib import Path

from glasspose.errors import UsageError
from glasspose.people.box_files import BoxFile, read_boxes
from glasspose.people.boxes import NOBODY, PersonBoxes
from glasspose.structures import Image

__all__ = ["NOBODY", "BoxFile", "Detector", "PersonBoxes", "open_detector", "read_boxes"]

Detector = Callable[[Image], PersonBoxes]
"""The people of one RGB image, clipped to it, the surest first."""


def open_detector(name: str, device: str = "cpu", *, threshold: float | None = None, download: bool = False) -> Detector:
    """A detector by name: `torchvision:BUILDER[@WEIGHTS_FILE]`, `transformers:REPOSITORY_OR_FOLDER` or `FILE.onnx` (with `FILE.json`).

    Published weights that are not on this machine are fetched only where `download`: torchvision's from download.pytorch.org, those of
    transformers from huggingface.co. People below `threshold` (0.5, or what FILE.json says) are left out. UsageError for a name of another
    form, MissingError where a package, the network or the device is not here, WeightsError where a file does not hold what it should.
    """
    library, _, rest = name.partition(":")
    if library == "torchvision" and rest:
        from glasspose.people.torchvision_detector import open_torchvision

        builder, _, weights = rest.partition("@")
        return open_torchvision(builder, Path(weights) if weights else None, device, 0.5 if threshold is None else threshold, download)
    if library == "transformers" and rest:
        from glasspose.people.transformers_detector import open_transformers

        return open_transformers(rest, device, 0.5 if threshold is None else threshold, download)
    if name.endswith(".onnx"):
        from glasspose.people.onnx_detector import open_onnx

        return open_onnx(Path(name), device, threshold)
    raise UsageError(f"{name!r} names no detector", "Write torchvision:BUILDER, torchvision:BUILDER@FILE, transformers:REPOSITORY or FILE.onnx")

"""`glasspose export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from glasspose.configs.data import Data

MaybeData = Annotated[Data | None, Field(discriminator="kind")]


def export(
    weights: str,
    *,
    to: Literal["onnx", "openvino", "executorch", "litert"] = "onnx",
    out: Path | None = None,
    flip_test: bool = False,
    int8: Annotated[bool, Parameter(name="--int8", negative="")] = False,
    data: MaybeData = None,
    calibration_split: str = "train",
    pictures: Path | None = None,
) -> int:
    """Write a network as one file for other runtimes, with its processing inside, and prove in pixels that it does the same.

    Example: glasspose export hourglass-tiny-lsp --to onnx

    Where the proof fails, no file is left, and the exit code is 5. What is in the file: docs/export.md.

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    to
        The form: onnx (ONNX Runtime, browsers), openvino, executorch or litert (phones).
    out
        The file; its sidecar is FILE.json. glasspose-out/export/NAME.onnx and so on where not given.
    flip_test
        Ask about the mirrored crop too, inside the file: more exact, half as fast.
    int8
        In 8 bits (openvino), refused where it loses more than 0.5 points of PCK; needs --data.
    data
        Prove it on these people, and measure the PCK of both.
    calibration_split
        The part of the dataset on which 8 bits are calibrated.
    pictures
        Prove it on the pictures of this folder.

    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.exporting import export

    options = {"flip_test": flip_test, "int8": int8, "data": data, "calibration_split": calibration_split, "pictures": pictures}
    with progress_bar("people") as progress:
        done = export(weights, to, out, **options, progress=progress)  # type: ignore[arg-type]
    parity, validation = done.parity, done.validation
    bound = "stated, not bound" if parity.bound is None else f"bound {parity.bound}"
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(f"{done.path} and {done.sidecar.name}")
    console.print(f"Compared with PyTorch on {parity.pictures}: {parity.counted} keypoints ({parity.which}), {parity.undecided} undecided left out")
    console.print(f"  largest shift {parity.shift:.2g} input pixels ({bound}), median {parity.median_shift:.2g}")
    console.print(f"  largest difference of a score {parity.score:.1g}, of a map {parity.heatmap:.1g}")
    if validation is not None:
        told = f"{100 * validation.pytorch:.2f} % with PyTorch, {100 * validation.exported:.2f} % with the file"
        console.print(f"  {validation.measure} on {validation.data}, {validation.people} people: {told}")
    return 0

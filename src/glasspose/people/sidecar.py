"""The JSON file beside an ONNX detector, which says what the ONNX file does not."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from glasspose.configs.config import Config
from glasspose.errors import InputError
from glasspose.people.boxes import OVERLAP

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=8192)]


class Input(Config):
    """What the network takes: one picture, value = (pixel * scale - mean) / std."""

    name: str
    size: tuple[Side, Side]
    """(height, width)."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    channels: Literal["RGB", "BGR"] = "RGB"
    fit: Literal["stretch", "letterbox", "letterbox_corner"] = "stretch"
    """A letterbox keeps the aspect and pads on both sides, `letterbox_corner` right and below."""
    padding: int = Field(default=114, ge=0, le=255)
    scale: Number = 1 / 255
    mean: tuple[Number, Number, Number] = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)


class Part(Config):
    """Where in the outputs something stands, one row a box."""

    output: str
    columns: tuple[int, int] | None = None
    """The first and one past the last; all where not given."""
    transposed: bool = False
    """The output has one column a box."""


class Boxes(Part):
    """How boxes are written."""

    form: Literal["xyxy", "xywh", "cxcywh"] = "xyxy"
    """Corners; left upper corner and size; centre and size."""
    unit: Literal["pixels", "fractions"] = "pixels"
    """Of the network's input, padding included."""


class Sidecar(Config):
    """Everything about an ONNX detector that its file does not say."""

    format: Literal["glasspose.detector"]
    version: Literal[1]
    input: Input
    boxes: Boxes
    scores: Part
    """Probabilities: one a box, or one for each class."""
    labels: Part | None = None
    person_class: int = Field(default=0, ge=0)
    """The label of people, or their column of the scores."""
    threshold: float = Field(default=0.5, ge=0, le=1)
    overlap: float = Field(default=OVERLAP, gt=0, le=1)
    """Of two boxes that share more than this (intersection over union) the surer one is kept."""


def read_sidecar(path: Path) -> Sidecar:
    """FILE.json. InputError where it is missing or not in this form."""
    try:
        return Sidecar.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise InputError(f"{path} cannot be read ({problem.strerror})", "An ONNX detector needs it, see docs/people.md") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}", "docs/people.md lists the fields") from None

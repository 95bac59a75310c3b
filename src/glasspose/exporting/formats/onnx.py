"""ONNX: one file, standard operators of opset 17, weights inside. ONNX Runtime runs it, in browsers too."""

from collections.abc import Mapping
from typing import Any

from glasspose.engines.exported import CARD, INPUT, OUTPUTS
from glasspose.engines.onnx_graph import onnx_bytes
from glasspose.engines.packages import optional
from glasspose.engines.sessions import OnnxRuntimeSession
from glasspose.errors import ExportError
from glasspose.exporting.cards import card_text
from glasspose.exporting.formats.form import Form, example, session_runner
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.parity import Runner
from glasspose.exporting.pictures import Crops


class Onnx(Form):
    """NAME.onnx, with the card in its metadata."""

    suffix = ".onnx"

    def write(self, pipeline: Pipeline, size: tuple[int, int], card: Mapping[str, Any], calibration: Crops | None) -> None:
        """Write the file. ExportError where ONNX lacks an operator."""
        self.path.write_bytes(with_card(graph_bytes(pipeline, size), card))

    def runner(self) -> Runner:
        """Through ONNX Runtime."""
        return session_runner(OnnxRuntimeSession(self.path.read_bytes(), self.path.name))


def graph_bytes(pipeline: Pipeline, size: tuple[int, int]) -> bytes:
    """The pipeline as ONNX. ExportError where it cannot be written."""
    try:
        return onnx_bytes(pipeline, example(size), INPUT, OUTPUTS)
    except (RuntimeError, TypeError, ValueError) as problem:  # what exporters raise for operators that ONNX lacks
        raise ExportError(f"this network cannot be written as ONNX ({type(problem).__name__})", "Nothing was written") from None


def with_card(content: bytes, card: Mapping[str, Any]) -> bytes:
    """The same graph with the card in its metadata."""
    model = optional("onnx").ModelProto.FromString(content)
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD, card_text(card)
    model.producer_name, model.producer_version = "glasspose", str(card["made_from"]["glasspose"])
    serialised: bytes = model.SerializeToString()
    return serialised

"""One file for each form that networks are shipped in: how it is written, and how it is run to prove it. `FORMATS` lists them by name."""

from collections.abc import Mapping

from glasspose.exporting.formats.executorch import ExecuTorch
from glasspose.exporting.formats.form import Form
from glasspose.exporting.formats.litert import LiteRt
from glasspose.exporting.formats.onnx import Onnx
from glasspose.exporting.formats.openvino import OpenVino

FORMATS: Mapping[str, type[Form]] = {"onnx": Onnx, "openvino": OpenVino, "executorch": ExecuTorch, "litert": LiteRt}

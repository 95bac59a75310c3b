"""Runtimes as functions from one array to named arrays. Everything here runs on the CPU."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from glasspose.engines.packages import optional
from glasspose.errors import WeightsError


class Session(ABC):
    """A graph with one input, ready to run."""

    engine: ClassVar[str]
    input: str
    outputs: Sequence[str]
    card: str
    """What the file's metadata holds under the name of this package; empty where it holds nothing."""

    @abstractmethod
    def run(self, value: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """The outputs of these names. WeightsError where the runtime fails."""


class OnnxRuntimeSession(Session):
    """ONNX Runtime, on as many threads as PyTorch would use."""

    engine = "onnxruntime"

    def __init__(self, content: bytes, called: str) -> None:
        runtime: Any = optional("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            self.card = self._session.get_modelmeta().custom_metadata_map.get("glasspose", "")
        except Exception as problem:  # the runtime's own errors share no public class
            raise WeightsError(f"{called} is no network that ONNX Runtime reads ({type(problem).__name__})", "Export it again") from None
        self.called = called
        inputs = self._session.get_inputs()
        self.input = inputs[0].name if len(inputs) == 1 else ""
        self.outputs = [output.name for output in self._session.get_outputs()]

    def run(self, value: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """The outputs of these names."""
        try:
            return [np.asarray(found) for found in self._session.run(list(names), {self.input: value})]
        except Exception as problem:  # as above
            raise WeightsError(f"{self.called} fails on a picture ({type(problem).__name__})", "Export it again") from None


class OpenVinoSession(Session):
    """OpenVINO, in full precision, from ONNX bytes or from the two files of its own form."""

    engine = "openvino"

    def __init__(self, source: bytes | Path, called: str) -> None:
        runtime: Any = optional("openvino")
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
        try:
            model = runtime.Core().read_model(source)
            self.card = str(model.get_rt_info("glasspose").value) if model.has_rt_info("glasspose") else ""
            self._model = runtime.Core().compile_model(model, "CPU", settings)
        except Exception as problem:  # as above
            raise WeightsError(f"{called} is no network that OpenVINO reads ({type(problem).__name__})", "Export it again") from None
        self.called = called
        self.input = self._model.inputs[0].any_name if len(self._model.inputs) == 1 else ""
        self.outputs = [min(output.names, key=_plain) for output in self._model.outputs]

    def run(self, value: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """The outputs of these names, copied: the runtime uses its own memory again."""
        try:
            found = self._model(value)
            return [np.array(found[name]) for name in names]
        except Exception as problem:  # as above
            raise WeightsError(f"{self.called} fails on a picture ({type(problem).__name__})", "Export it again") from None


def _plain(name: str) -> tuple[bool, str]:
    """Of an output's names, the one that was given it comes before those of operators, which begin with a slash."""
    return name.startswith("/"), name

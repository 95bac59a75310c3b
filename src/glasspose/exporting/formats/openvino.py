"""OpenVINO: NAME.xml and NAME.bin, in 32 bits or, quantised by nncf, in 8."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasspose.engines.exported import CARD
from glasspose.engines.packages import optional
from glasspose.engines.sessions import OpenVinoSession
from glasspose.exporting.cards import card_text
from glasspose.exporting.formats.form import Form, session_runner
from glasspose.exporting.formats.onnx import graph_bytes
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.parity import Runner
from glasspose.exporting.pictures import Crops


class OpenVino(Form):
    """The graph that ONNX has too, with the card in its runtime information."""

    suffix = ".xml"
    quantises = True

    @property
    def files(self) -> Sequence[Path]:
        """Weights, then the graph."""
        return [self.path.with_suffix(".bin"), self.path]

    def write(self, pipeline: Pipeline, size: tuple[int, int], card: Mapping[str, Any], calibration: Crops | None) -> None:
        """Write both files."""
        runtime = optional("openvino")
        model = runtime.Core().read_model(graph_bytes(pipeline, size))
        if calibration is not None:
            model = quantised(model, calibration)
        model.set_rt_info(card_text(card), CARD)
        runtime.save_model(model, str(self.path), compress_to_fp16=False)

    def runner(self) -> Runner:
        """Through OpenVINO on the CPU."""
        return session_runner(OpenVinoSession(self.path, self.path.name))


def quantised(model: Any, crops: Crops) -> Any:
    """The network in 8 bits, its ranges fitted on these crops; what reads keypoints off the maps stays as it is."""
    os.environ.setdefault("NNCF_CI", "1")  # it would report its use to its makers
    nncf = optional("nncf")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    names = [operation.get_friendly_name() for operation in model.get_ops()]
    reading = [name for name in names if name.startswith("/reading/")]
    return nncf.quantize(
        model,
        nncf.Dataset([np.ascontiguousarray(crop[None]) for crop in crops]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(crops),
        ignored_scope=nncf.IgnoredScope(names=reading, validate=False),
    )

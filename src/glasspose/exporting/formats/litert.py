"""LiteRT, once TensorFlow Lite: NAME.tflite for Android. Its converter pins other versions, so it lives in an environment of its own."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from glasspose.engines.exported import OUTPUTS
from glasspose.engines.packages import is_installed, optional
from glasspose.errors import MissingError
from glasspose.exporting.formats.form import Form, example
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.parity import Runner, Told
from glasspose.exporting.pictures import Crops


class LiteRt(Form):
    """One file, of one crop at a time; the card is in the sidecar alone."""

    suffix = ".tflite"

    def write(self, pipeline: Pipeline, size: tuple[int, int], card: Mapping[str, Any], calibration: Crops | None) -> None:
        """Write the file. MissingError without the package."""
        if not is_installed("litert_torch"):
            raise MissingError("litert-torch is not installed; it cannot stand beside glasspose's other packages", "Run `make export-litert`")
        optional("litert_torch").convert(pipeline.eval(), (example(size)[:1],)).export(str(self.path))

    def runner(self) -> Runner:
        """Through LiteRT's interpreter, crop by crop."""
        interpreter = optional("ai_edge_litert.interpreter").Interpreter(model_path=str(self.path))
        run = interpreter.get_signature_runner()

        def one_by_one(crops: Crops) -> Told:
            name = next(iter(run.get_input_details()))
            told = [run(**{name: crop[None]}) for crop in crops]
            return Told(**{output: np.concatenate([each[f"output_{i}"] for each in told]) for i, output in enumerate(OUTPUTS[:3])})

        return one_by_one

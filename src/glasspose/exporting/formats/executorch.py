"""ExecuTorch: NAME.pte for Android and iOS, on XNNPACK."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from glasspose.engines.packages import optional
from glasspose.exporting.formats.form import Form, example
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.parity import Runner, Told, joined
from glasspose.exporting.pictures import Crops

MOST = 8
"""Crops at once: memory is planned when the file is written."""


class ExecuTorch(Form):
    """One file; the card is in the sidecar alone."""

    suffix = ".pte"

    def write(self, pipeline: Pipeline, size: tuple[int, int], card: Mapping[str, Any], calibration: Crops | None) -> None:
        """Write the file. MissingError without the package."""
        exir = optional("executorch.exir")
        xnnpack = optional("executorch.backends.xnnpack.partition.xnnpack_partitioner")
        batch = torch.export.Dim("batch", min=1, max=2 * MOST)  # what is planned holds less than the largest
        program = torch.export.export(pipeline.eval(), (example(size),), dynamic_shapes=({0: batch},))
        lowered = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()]).to_executorch()
        self.path.write_bytes(lowered.buffer)

    def runner(self) -> Runner:
        """Through ExecuTorch's own runtime."""
        method = optional("executorch.runtime").Runtime.get().load_program(self.path).load_method("forward")

        def run(crops: Crops) -> Told:
            if len(crops) > MOST:
                return joined([run(crops[start : start + MOST]) for start in range(0, len(crops), MOST)])
            keypoints, scores, heatmaps, *_ = (np.array(part) for part in method.execute([torch.from_numpy(np.ascontiguousarray(crops))]))
            return Told(keypoints=keypoints, scores=scores, heatmaps=heatmaps)

        return run

"""A module as ONNX: one file's bytes, standard operators, dynamic batch.

PyTorch's tracing exporter is used, not the one on `torch.export`: it takes half a second for the tiny network on an idle core,
and its graphs are of opset 17, which every runtime of the last years reads, those in browsers included.
"""

import io
import logging
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from glasspose.engines.packages import optional

OPSET = 17


@torch.no_grad()
def onnx_bytes(module: nn.Module, example: Tensor, inputs: str, outputs: Sequence[str]) -> bytes:
    """The module in evaluation mode as ONNX. Input and outputs have a dynamic first axis. MissingError without the package `onnx`."""
    optional("onnx")
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the exporter is the older one, and that shapes become constants, which they are
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            module.eval(),
            (example,),
            written,  # type: ignore[arg-type]  # the older exporter takes any file
            dynamo=False,
            opset_version=OPSET,
            input_names=[inputs],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in (inputs, *outputs)},
        )
    return written.getvalue()

"""A network of others, in an ONNX file, as something that can be asked where keypoints are. Only methods that hide parts of a picture work on it.

Input: RGB pictures (B, 3, H, W), normalised as this project's networks take them. Output, the first: heatmaps (B, K, h, w) or (B, S, K, h, w),
of which the last stack counts, or coordinates (B, K, 2) or (B, S, K, 2) in input pixels, which are shown as Gaussians.
"""

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.attribution.answering import Answer
from glasspose.engines.exported import CARD
from glasspose.errors import InputError, MissingError, UsageError, WeightsError

STRIDE = 4
"""Input pixels for one pixel of the maps that coordinates are drawn on."""
LARGEST = 4096


class OnnxAnswering:
    """A file of ONNX with K keypoints. InputError, WeightsError and MissingError where it cannot be used."""

    def __init__(self, path: Path, keypoints: int) -> None:
        self.session = _session(path)
        self.path, self.keypoints = path, keypoints
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        given = self.session.get_inputs()[0]
        self.input, shape = given.name, list(given.shape)
        if len(shape) != 4 or given.type != "tensor(float)" or not all(isinstance(side, int) and 0 < side <= LARGEST for side in shape[2:]):
            raise WeightsError(
                f"{path} takes {given.type} of shape {shape}", "It must take float pictures (B, 3, H, W) with H and W written in the file"
            )
        self.size: tuple[int, int] = (shape[2], shape[3])
        self.batch = shape[0] if isinstance(shape[0], int) else None

    def __call__(self, images: Float[Tensor, "B 3 H W"]) -> Answer:
        """One run, or one a picture where the file fixes the batch at 1."""
        parts = torch.split(images, self.batch or len(images))
        if self.batch and len(parts[-1]) < self.batch:
            last = torch.cat([parts[-1], parts[-1][:1].expand(self.batch - len(parts[-1]), -1, -1, -1)])
            parts = (*parts[:-1], last)
        found = torch.cat([self._run(part) for part in parts])[: len(images)]
        maps = found if found.ndim == 4 else _drawn(found, self.size)
        return Answer(maps=maps, keypoints=_peaks(maps, self.size) if found.ndim == 4 else found)

    def _run(self, images: Tensor) -> Tensor:
        try:
            output = np.asarray(self.session.run(None, {self.input: images.numpy().astype(np.float32)})[0], np.float32)
        except Exception as problem:  # the runtime's own errors share no public class
            raise WeightsError(f"{self.path} fails on a picture ({type(problem).__name__})", "Check its input") from None
        found = torch.from_numpy(output)
        stacked = found.ndim == 5 or (found.ndim == 4 and found.shape[-1] == 2 and found.shape[2] == self.keypoints)
        found = found[:, -1] if stacked else found
        if found.ndim not in (3, 4) or found.shape[1] != self.keypoints or (found.ndim == 3 and found.shape[2] != 2):
            raise UsageError(
                f"{self.path} gives shape {tuple(output.shape)}, no maps or places of {self.keypoints} keypoints", "Choose another --skeleton"
            )
        if not torch.isfinite(found).all():
            raise WeightsError(f"{self.path} gives numbers that are not finite", "Export it again")
        return found


def holds_card(path: Path) -> bool:
    """Whether the file says that this project exported it. InputError, WeightsError and MissingError where it cannot be opened."""
    return bool(_session(path).get_modelmeta().custom_metadata_map.get(CARD))


def _session(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path} is not there", "Name an .onnx file")
    try:
        runtime: Any = import_module("onnxruntime")
    except ImportError:
        raise MissingError("explaining an .onnx file needs onnxruntime", "pip install onnxruntime") from None
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # the runtime's own errors share no public class
        raise WeightsError(f"{path} is no network that onnxruntime reads ({type(problem).__name__})", "Export it again") from None


def _drawn(places: Float[Tensor, "B K 2"], size: tuple[int, int]) -> Float[Tensor, "B K h w"]:
    rows, columns = (torch.arange(side // STRIDE, dtype=torch.float32) for side in size)
    place = (places + 0.5) / STRIDE - 0.5
    down, across = (rows - place[..., 1:]) ** 2, (columns - place[..., :1]) ** 2
    return torch.exp(-0.5 * (down[..., :, None] + across[..., None, :]))


def _peaks(maps: Float[Tensor, "B K h w"], size: tuple[int, int]) -> Float[Tensor, "B K 2"]:
    height, width = maps.shape[-2:]
    flat = maps.flatten(2).argmax(-1)
    place = torch.stack([flat % width, flat // width], -1).float()
    return (place + 0.5) * torch.tensor([size[1] / width, size[0] / height]) - 0.5

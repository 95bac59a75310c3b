"""From the name of an engine to a network that runs on it.

Nothing is asked of an engine that was not checked: before an exported network is kept, its raw output is compared with PyTorch's.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glasspose import checkpoint
from glasspose.engines import cache
from glasspose.engines.exported import is_exported, open_exported
from glasspose.engines.modules import RawModel
from glasspose.engines.onnx_graph import onnx_bytes
from glasspose.engines.packages import is_installed
from glasspose.engines.sessions import OnnxRuntimeSession, OpenVinoSession, Session
from glasspose.errors import GlassposeError, UsageError, WeightsError
from glasspose.network import PoseNetwork

ENGINES: Mapping[str, Callable[[bytes, str], Session]] = {"onnxruntime": OnnxRuntimeSession, "openvino": OpenVinoSession}
"""Besides `torch`. `auto` takes the first: it comes with glasspose and is as fast as the other or faster, but for one case (docs/export.md)."""
WORTH_IT = 16
"""More pictures than this pay for an export (a second or so) that is not in the cache yet."""
TOLERANCE = 1e-4
"""Of raw outputs, absolute, and relative to the largest where that is above 1."""
_log = logging.getLogger(__name__)


def load_weights(name: str | Path) -> tuple[PoseNetwork, dict[str, Any]]:
    """A network in evaluation mode and its card: shipped weights by name, a .safetensors file beside its card, or an exported file."""
    return open_exported(Path(name)) if is_exported(name) else checkpoint.load_weights(name)


def accelerate(network: PoseNetwork, engine: str, device: torch.device, pictures: int | None = None) -> PoseNetwork:
    """The same network on an engine: `torch`, `onnxruntime`, `openvino`, or `auto`.

    `auto` leaves PyTorch where no other runtime is installed, on other devices than the CPU, where an export fails or differs, and where
    nothing is cached and so few `pictures` are to come (None: nobody knows how many) that exporting would take longer than it saves.
    UsageError for an engine that is none or does not run on the device; WeightsError where the engine that was named gives other numbers.
    """
    if engine not in ("auto", "torch", *ENGINES):
        raise UsageError(f"no engine {engine!r}", f"Choose among auto, torch, {', '.join(ENGINES)}")
    if isinstance(network.model, RawModel):
        if engine not in ("auto", network.model.session.engine):
            raise UsageError(f"an exported file runs on {network.model.session.engine}, not on {engine}", "Leave --engine out")
        if device.type != "cpu":
            raise UsageError(f"an exported file does not run on {device.type}", "Use --device cpu, or the .safetensors file")
        return network
    if engine == "auto":
        return _automatic(network, device, pictures)
    if engine == "torch":
        return network
    if device.type != "cpu":
        raise UsageError(f"{engine} runs on the CPU, not on {device.type}", "Use --device cpu, or --engine torch")
    return network.around(RawModel(_session(network, engine)))


def _automatic(network: PoseNetwork, device: torch.device, pictures: int | None) -> PoseNetwork:
    engine = next(iter(ENGINES))
    if device.type != "cpu" or not (is_installed(engine) and is_installed("onnx")):
        return network
    if pictures is not None and pictures <= WORTH_IT and cache.kept(cache.key_of(network, engine)) is None:
        return network
    try:
        return network.around(RawModel(_session(network, engine)))
    except GlassposeError as problem:
        _log.warning("PyTorch runs this network: %s", problem)
        return network


def _session(network: PoseNetwork, engine: str) -> Session:
    """A session on what the cache holds; where that is nothing, or nothing that runs, on a new export that was checked."""
    key = cache.key_of(network, engine)
    if (content := cache.kept(key)) is not None:
        try:
            return ENGINES[engine](content, f"the cached network {key[:12]}")
        except WeightsError:
            _log.info("exported again: the runtime does not read the cached network")
    try:
        content = onnx_bytes(network.model, _crops(network, 1), "images", ["raw"])
    except (RuntimeError, TypeError, ValueError) as problem:  # what exporters raise for operators that ONNX lacks
        raise WeightsError(f"this network cannot be exported ({type(problem).__name__})", "Use --engine torch") from None
    session = ENGINES[engine](content, "the exported network")
    _check(network, session, engine)
    cache.keep(key, content)
    return session


def _check(network: PoseNetwork, session: Session, engine: str) -> None:
    """WeightsError where the engine's numbers are not PyTorch's, for one crop and for three."""
    for count in (1, 3):
        images = _crops(network, count)
        with torch.inference_mode():
            expected, found = network.model(images), RawModel(session)(images)
        bound = TOLERANCE * max(1.0, expected.abs().max().item())
        if found.shape != expected.shape or (apart := (found - expected).abs().max().item()) > bound:
            told = "of another shape" if found.shape != expected.shape else f"up to {apart:.1e} away"
            raise WeightsError(f"on {engine} this network gives numbers {told} from PyTorch's", "Use --engine torch")


def _crops(network: PoseNetwork, count: int) -> Float[Tensor, "B 3 H W"]:
    """Blotches and noise, the same every time, in the range of normalised pictures."""
    chance = torch.Generator().manual_seed(0)
    blotches = torch.nn.functional.interpolate(torch.randn(count, 3, 8, 8, generator=chance), network.input_size, mode="bilinear")
    return blotches + 0.3 * torch.randn(count, 3, *network.input_size, generator=chance)

"""Exported files of anybody, opened with care: bounded, whole, nothing outside the file, and a card that describes a network of ours."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from glasspose.checkpoint import LARGEST_CARD, bounded, described_network, shapes_alone
from glasspose.codecs import build_codec
from glasspose.engines.modules import PictureModel
from glasspose.engines.packages import optional
from glasspose.engines.sessions import OnnxRuntimeSession, OpenVinoSession, Session
from glasspose.errors import WeightsError
from glasspose.network import PoseNetwork

CARD = "glasspose"
"""The key under which the card stands in a file's own metadata."""
INPUT, OUTPUTS = "images", ("keypoints", "scores", "heatmaps", "raw")
SUFFIXES = (".onnx", ".xml")
LARGEST = 2 * 2**30 - 1
"""Bytes, of a graph with its weights: what a protocol buffer holds."""
AGAIN = "Export it again with `glasspose export`"


def is_exported(name: str | Path) -> bool:
    """Whether a name is that of an exported file, which need not be there."""
    return Path(name).suffix.lower() in SUFFIXES


def open_exported(path: Path) -> tuple[PoseNetwork, dict[str, Any]]:
    """A network that runs the file, and its card; the codec, skeleton and sizes are those of the card.

    WeightsError where the file is missing, damaged, too large, reaches outside itself, or is not what its card says; MissingError where the
    runtime is not installed.
    """
    try:
        content, graph = _read(path)
    except FileNotFoundError as problem:
        raise WeightsError(f"{Path(problem.filename).name} is not there", "Name an .onnx file, or an .xml file beside its .bin") from None
    except OSError as problem:
        raise WeightsError(f"{path.name} cannot be read ({problem.strerror})", "Fetch it again") from None
    sha256 = hashlib.sha256(content).hexdigest()
    _check_sidecar(path, sha256)
    if graph is not None:
        _check_graph(graph, path.name)
    session: Session = OpenVinoSession(path, path.name) if graph is None else OnnxRuntimeSession(graph, path.name)
    card = _card(session.card, path.name)
    if session.input != INPUT or tuple(session.outputs) != OUTPUTS:
        raise WeightsError(f"{path.name} takes or gives other things than exported files do", AGAIN)
    return _around(session, card, path.name), {**card, "name": str(card.get("name", path.stem)), "sha256": sha256}


def _read(path: Path) -> tuple[bytes, bytes | None]:
    """All bytes that belong together, and the graph where it is ONNX."""
    content = bounded(path, LARGEST)
    if path.suffix.lower() == ".onnx":
        return content, content
    return content + bounded(path.with_suffix(".bin"), LARGEST), None


def _around(session: Session, card: dict[str, Any], called: str) -> PoseNetwork:
    """The card's network without its weights, the session in their place."""
    with shapes_alone():
        network = described_network(card, called).eval()
        raw = network.model(torch.zeros(1, 3, *network.input_size))
    network.codec = build_codec(network.codec_config, network.skeleton, network.input_size, network.model_config.stride)
    return network.around(PictureModel(session, raw.shape[1:])).eval()


def _card(text: str, called: str) -> dict[str, Any]:
    if not text:
        raise WeightsError(f"{called} was not exported by glasspose: it holds no card", "Only files of `glasspose export` can be used here")
    with suppress(ValueError, RecursionError):
        card = json.loads(text) if len(text) <= LARGEST_CARD else None
        if isinstance(card, dict) and card.get("format") == "glasspose.export" and card.get("version") == 1:
            return card
    raise WeightsError(f"the card inside {called} is not one of an exported file, version 1", AGAIN)


def _check_sidecar(path: Path, sha256: str) -> None:
    """Where a sidecar lies beside the file, it must be of this very file."""
    beside = path.with_name(f"{path.name}.json")
    if not beside.exists():
        return
    try:
        told = json.loads(bounded(beside, LARGEST_CARD))["file"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise WeightsError(f"{beside.name} is no sidecar of an exported file", "Fetch both files again") from None
    if told != sha256:
        raise WeightsError(f"{path.name} is damaged: its checksum is not the one in {beside.name}", "Fetch both files again")


def _check_graph(content: bytes, called: str) -> None:
    """WeightsError for a graph that names other files, brings functions, or uses operators that are not ONNX's own."""
    onnx = optional("onnx")
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as problem:  # protobuf's errors have no public class that all its versions share
        raise WeightsError(f"{called} is not an ONNX file ({type(problem).__name__})", "Fetch it again") from None
    if len(model.functions) or len(model.training_info):
        raise WeightsError(f"{called} brings functions of its own", AGAIN)
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or any(a.HasField("g") or len(a.graphs) for a in node.attribute):
            raise WeightsError(f"{called} uses {node.op_type!r:.40}, which no exported file needs", AGAIN)
    if any(len(tensor.external_data) or tensor.data_location for tensor in _tensors(model.graph)):
        raise WeightsError(f"{called} keeps weights in other files", AGAIN)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors, attribute.sparse_tensor.values, attribute.sparse_tensor.indices)

"""Exported networks of this user, by the hash of what they were made from: a folder that may be deleted at any time."""

import hashlib
import json
import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import torch

from glasspose.errors import InputError
from glasspose.files import write_atomically
from glasspose.network import PoseNetwork

VERSION = 1
"""Of the way in which networks are exported for engines; another one makes all entries old."""
MOST = 16
"""Entries that are kept, the youngest."""
DIGEST = 65
"""An entry begins with the SHA-256 of the rest, in hex, and a newline."""


def folder() -> Path:
    """GLASSPOSE_CACHE, or the folder for caches of this system."""
    if given := os.environ.get("GLASSPOSE_CACHE"):
        return Path(given) / "engines"
    given = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(given) if given else Path.home() / ".cache") / "glasspose" / "engines"


def key_of(network: PoseNetwork, engine: str) -> str:
    """The hash of the weights, of the configuration, of the engine and of all versions that take part."""
    told = hashlib.sha256()
    described = [network.model_config.model_dump(mode="json"), network.codec_config.model_dump(mode="json"), network.skeleton.to_json()]
    told.update(json.dumps([VERSION, version("glasspose"), torch.__version__, engine, *described]).encode())
    for name, value in network.model.state_dict().items():
        told.update(name.encode())
        told.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return told.hexdigest()


def kept(key: str) -> bytes | None:
    """The entry, or None where there is none that is whole."""
    with suppress(OSError):
        whole = (folder() / f"{key}.onnx").read_bytes()
        if whole[:DIGEST] == _digest(whole[DIGEST:]):
            return whole[DIGEST:]
    return None


def keep(key: str, content: bytes) -> None:
    """Write an entry in one step, and forget the oldest. A folder that cannot be written is no failure: the next call exports again."""
    with suppress(InputError, OSError):
        write_atomically(folder() / f"{key}.onnx", _digest(content) + content)
        entries = sorted(folder().glob("*.onnx"), key=lambda path: path.stat().st_mtime)
        for old in entries[:-MOST]:
            old.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"

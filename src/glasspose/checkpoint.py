"""Crash-safe state of a run, and weights with their cards. No pickle: tensors are safetensors, everything else is JSON in their header.

A checkpoint is one file: a SHA-256 (64 hex digits and a newline), then safetensors. `last.ckpt` is replaced in one step and the one before
it, if it is whole, is kept as `previous.ckpt`, so that at every moment one of the two is whole.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from glasspose.configs.codecs import Codec
from glasspose.configs.framing import Framing
from glasspose.configs.models import Model
from glasspose.errors import GlassposeError, WeightsError
from glasspose.files import write_atomically
from glasspose.network import PoseNetwork
from glasspose.skeletons import skeleton_from_json

SHIPPED = Path(__file__).parent / "weights"
LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
HASH_LINE = 65
LARGEST_WEIGHTS, LARGEST_CARD = 4 * 2**30, 4 * 2**20
"""Bytes; what is larger is none of ours, and would only fill memory."""
_FIRST = ("format", "version", "name")


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write `last.ckpt`; the one that was there becomes `previous.ckpt` unless it is damaged. Refuses numbers that are not finite."""
    _refuse_infinite(tensors)
    payload = safetensors.torch.save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, {"state": json.dumps(state)})
    last = folder / LAST
    write_atomically(last, _digest(payload) + payload, keep=folder / PREVIOUS if _is_whole(last) else None)


def _refuse_infinite(tensors: Mapping[str, Tensor]) -> None:
    broken = [key for key, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise WeightsError(f"not saved: {broken[0]} and {len(broken) - 1} more tensors are not finite", "Lower the learning rate and resume")


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state of the last checkpoint; where it is damaged or missing, of the one before. WeightsError where neither can be read."""
    problems = []
    for path in (folder / LAST, folder / PREVIOUS):
        try:
            return _read_checkpoint(path)
        except WeightsError as problem:
            problems.append(problem)
    raise problems[0]


def has_checkpoint(folder: Path) -> bool:
    """Whether a run has left something to go on from."""
    return any((folder / name).exists() for name in (LAST, PREVIOUS))


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + b"\n"


def _is_whole(path: Path) -> bool:
    with suppress(WeightsError):
        return bool(_checked_payload(path))
    return False


def _checked_payload(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path} is not there", "Train without --resume, or name the run's folder with --out") from None
    except OSError as problem:
        raise WeightsError(f"{path} cannot be read: {problem.strerror}", "Resume from another checkpoint") from None
    digest, payload = content[:HASH_LINE], content[HASH_LINE:]
    if _digest(payload) != digest:
        raise WeightsError(f"{path} is damaged: its checksum differs", "Resume from another checkpoint")
    return payload


def _read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    payload = _checked_payload(path)
    try:
        length = int.from_bytes(payload[:8], "little")
        state = json.loads(json.loads(payload[8 : 8 + length])["__metadata__"]["state"])
        return safetensors.torch.load(payload), dict(state.items())
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError, RecursionError) as problem:
        raise WeightsError(f"{path} is not a checkpoint ({type(problem).__name__})", "Resume from another checkpoint") from None


def called(path: Path) -> str:
    """The name of weights: that of their file, or of their run, whose best weights are all called the same."""
    return (path.stem == "best" and path.absolute().parent.name) or path.stem


def save_weights(path: Path, network: PoseNetwork, card: Mapping[str, Any]) -> None:
    """Write `NAME.safetensors` in half precision and its card `NAME.json`, which holds what is needed to build the network again.

    WeightsError where a number is not finite: what was there stays.
    """
    _refuse_infinite(network.model.state_dict())
    tensors = {key: _halved(value) for key, value in network.model.state_dict().items() if not key.endswith("num_batches_tracked")}
    payload = safetensors.torch.save(tensors)
    described = {
        **{key: value for key, value in card.items() if key != "packing"},
        "format": "glasspose.weights",
        "version": 1,
        "name": called(path),
        "model": network.model_config.model_dump(mode="json"),
        "codec": network.codec_config.model_dump(mode="json"),
        "skeleton": network.skeleton.to_json(),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    if network.framing != Framing():
        described["packing"] = network.framing.model_dump(mode="json")
    described = {key: described[key] for key in dict.fromkeys((*_FIRST, *described))}
    write_atomically(path.with_suffix(".safetensors"), payload)
    write_atomically(path.with_suffix(".json"), (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode())


def update_card(name: str | Path, key: str, entries: Mapping[str, Any]) -> None:
    """Add entries to a mapping in the card of weights, in one step. WeightsError where there is no such card."""
    path = _weights_path(name).with_suffix(".json")
    card = _read_card(path)
    before = card.get(key)
    card[key] = {**(before if isinstance(before, dict) else {}), **entries}
    write_atomically(path, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())


def _halved(value: Tensor) -> Tensor:
    """Half precision where the numbers allow it: running variances may exceed its range."""
    small = value.detach().cpu().to(torch.float16) if value.is_floating_point() else value.detach().cpu()
    return (small if small.isfinite().all() else value.detach().cpu()).contiguous()


def shipped_weights() -> list[str]:
    """Names of the weights inside the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def load_weights(name: str | Path) -> tuple[PoseNetwork, dict[str, Any]]:
    """A network in evaluation mode and its card, from the name of shipped weights, or a file `*.safetensors` beside its card `*.json`.

    WeightsError where a file is missing, damaged, or does not fit the network that the card describes. Nothing is ever executed from a file.
    """
    path = _weights_path(name)
    card = _read_card(path.with_suffix(".json"))
    try:
        payload = bounded(path, LARGEST_WEIGHTS)
        if hashlib.sha256(payload).hexdigest() != card.get("sha256"):
            raise WeightsError(f"{path.name} is damaged: its checksum is not the one in its card", "Fetch both files again")
        tensors = safetensors.torch.load(payload)
    except (OSError, SafetensorError, ValueError) as problem:
        raise WeightsError(f"{path.name} cannot be read as safetensors ({type(problem).__name__})", "Fetch it again") from None
    with shapes_alone():
        _check_fit(described_network(card, path.name), tensors, path.name)
    network = described_network(card, path.name)
    fill(network, tensors, path.name)
    return network.eval(), card


def fill(network: PoseNetwork, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy tensors into the network's model. WeightsError where names or shapes differ or a number is not finite."""
    own = _check_fit(network, tensors, source)
    converted = {key: tensors[key].to(own[key].dtype) for key in own}
    if not all(tensor.isfinite().all() for tensor in converted.values()):
        raise WeightsError(f"{source} holds numbers that are not finite", "Train again, or fetch it again")
    network.model.load_state_dict(converted, strict=False)


def _check_fit(network: PoseNetwork, tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The network's own tensors, if the given ones have their names, shapes and kinds of numbers."""
    own = {key: value for key, value in network.model.state_dict().items() if not key.endswith("num_batches_tracked")}
    wrong = sorted(set(own) ^ set(tensors)) or [key for key in own if not _alike(own[key], tensors[key])]
    if wrong:
        raise WeightsError(f"{source} does not fit the network that its card describes: {wrong[0]} and {len(wrong) - 1} more differ", "Fetch both")
    return own


def _alike(own: Tensor, given: Tensor) -> bool:
    """The same shape, and real numbers where real numbers belong."""
    return own.shape == given.shape and own.is_floating_point() == given.is_floating_point()


def _weights_path(name: str | Path) -> Path:
    path = Path(name)
    if str(name) in shipped_weights():
        return SHIPPED / f"{name}.safetensors"
    if path.suffix in (".json", ".safetensors") and _is_there(path.with_suffix(".safetensors")):
        return path.with_suffix(".safetensors")
    if path.suffix in (".pt", ".pth", ".pkl", ".ckpt", ".bin") and _is_there(path):
        raise WeightsError(
            f"{path.name} is not a weight file of glasspose", "Weights are a .safetensors file beside its .json card, as `train` writes them"
        )
    raise WeightsError(f"no weights {str(name)!r}", f"Shipped are {', '.join(shipped_weights()) or 'none'}; or name a .safetensors file")


def _is_there(path: Path) -> bool:
    with suppress(OSError):  # a name that is too long
        return path.exists()
    return False


def bounded(path: Path, most: int) -> bytes:
    """A regular file's content: a pipe or a device has no end."""
    size = path.stat().st_size
    if not path.is_file() or size > most:
        raise WeightsError(f"{path.name} is no file of at most {most:,} bytes", "Fetch both files again")
    return path.read_bytes()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(bounded(path, LARGEST_CARD))
    except FileNotFoundError:
        raise WeightsError(f"{path.name} is not there", "Weights are a .safetensors file beside its .json card") from None
    except (OSError, ValueError, RecursionError):
        raise WeightsError(f"{path.name} is not JSON", "Fetch it again") from None
    if not isinstance(card, dict) or card.get("format") != "glasspose.weights" or card.get("version") != 1:
        raise WeightsError(f"{path.name} is not a card of glasspose weights, version 1", "Use the version of glasspose that wrote it")
    return {"name": called(path), **card}


class _Unfilled(TorchFunctionMode):
    """Tensors on the meta device take no normal numbers: torch would import its compiler, three seconds, to draw none."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.normal_, nn.init.normal_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Networks made in it have shapes and no numbers, so that a card that describes a giant costs no memory."""
    with torch.device("meta"), _Unfilled():
        yield


def described_network(card: Mapping[str, Any], source: str) -> PoseNetwork:
    """A network as a card describes it, its weights as they start. WeightsError where it describes none."""
    try:
        model: Model = TypeAdapter(Model).validate_python(card["model"])
        codec: Codec = TypeAdapter(Codec).validate_python(card["codec"])
        return PoseNetwork(model, codec, skeleton_from_json(card["skeleton"]), Framing.model_validate(card.get("packing", {})))
    except (KeyError, TypeError, ValidationError, GlassposeError) as problem:
        raise WeightsError(f"the card of {source} describes no network ({type(problem).__name__})", "Fetch both files again") from None


def finite(value: float) -> float | None:
    """A number for JSON; None for what is not finite."""
    return value if math.isfinite(value) else None

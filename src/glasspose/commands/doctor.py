"""`glasspose doctor`."""

import importlib.util
import os
import platform
import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

OPTIONAL = {"torchvision": "people", "transformers": "people", "onnxruntime": "people", "pillow_heif": "heic"}

FLOORS = {"torch": (2, 10), "pillow": (12, 3)}
LEAST_DISK, LEAST_SHARED = 2, 256
"""GiB and MiB."""
SPLITS = {"lspet": "all", "lsp": "all", "coco": "val", "mpii": "val", "flic": "valid"}
"""Folders that are looked into where the data are, by the kind that they are named after."""


def doctor(*, data: Path | None = None) -> int:
    """Say what this machine has: versions, devices, engines, room, shipped weights, data; and what to do about what is missing.

    Example: glasspose doctor
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "state", "remedy")
    problems = 0
    for what, state, remedy in [*_environment(), *_safety(), *_devices(), *_engines(), *_room(Path()), *_weights(), *_data(data)]:
        problems += bool(remedy) and state.startswith("no ")
        table.add_row(what, state, remedy)
    Console(markup=False).print(table)
    return 6 if problems else 0


def _environment() -> list[tuple[str, str, str]]:
    rows = [("python", f"{platform.python_version()} on {platform.machine()}", "")]
    for package in ("glasspose", "torch", "opencv-python-headless", "lightning-fabric"):
        rows.append((package, _installed(package), ""))
    for module, extra in OPTIONAL.items():
        rows.append((module, _installed(module), "" if importlib.util.find_spec(module) else f"optional: pip install 'glasspose[{extra}]'"))
    return rows


def _installed(module: str) -> str:
    try:
        return version(module.replace("_", "-"))
    except PackageNotFoundError:
        return "not installed"


def _devices() -> list[tuple[str, str, str]]:
    import torch

    rows = [("CPU", f"{torch.get_num_threads()} threads", "")]
    if torch.cuda.is_available():
        return [*rows, *(("GPU", torch.cuda.get_device_name(i), "") for i in range(torch.cuda.device_count()))]
    return [*rows, ("GPU", "none that torch can use", "optional: training on a CPU takes hours, not minutes")]


def _weights() -> list[tuple[str, str, str]]:
    from glasspose.checkpoint import load_weights, shipped_weights
    from glasspose.errors import GlassposeError

    rows: list[tuple[str, str, str]] = []
    for name in shipped_weights():
        try:
            network, card = load_weights(name)
            size = sum(p.numel() for p in network.model.parameters()) / 1e6
            remedy = "" if "calibration" in card else "optional: fit its thresholds with explain trust"
            rows.append((name, f"whole, {size:.2f} M parameters{'' if 'calibration' in card else ', not calibrated'}", remedy))
        except GlassposeError as problem:
            rows.append((name, f"no use: {problem.message}", problem.remedy))
    return rows or [("weights", "no weights ship with this installation", "Install glasspose again, or train some")]


def _engines() -> list[tuple[str, str, str]]:
    """What can run a network."""
    import importlib

    rows = [("engine torch", "the one that trains", "")]
    if importlib.util.find_spec("onnxruntime"):
        try:
            providers = importlib.import_module("onnxruntime").get_available_providers()
            rows.append(("engine ONNX Runtime", ", ".join(name.removesuffix("ExecutionProvider") for name in providers), ""))
        except Exception as problem:  # a broken installation may raise anything
            rows.append(("engine ONNX Runtime", f"no use: {type(problem).__name__}", "pip install --force-reinstall onnxruntime"))
    else:
        rows.append(("engine ONNX Runtime", "not installed", "optional: pip install 'glasspose[people]'"))
    return rows


def _safety() -> list[tuple[str, str, str]]:
    """Versions below which a published hole is open."""
    rows = []
    for package, floor in FLOORS.items():
        found = _installed(package)
        numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
        wanted = ".".join(map(str, floor))
        old = numbers < floor
        rows.append((f"{package} safety", f"no: {found}, published holes below {wanted}" if old else f"{found}, from {wanted} on", ""))
        if old:
            rows[-1] = (*rows[-1][:2], f"pip install --upgrade '{package}>={wanted}'")
    return rows


def _room(folder: Path) -> list[tuple[str, str, str]]:
    """Where results and the batches of loading processes go."""
    rows = []
    free = shutil.disk_usage(folder).free / 2**30
    low = free < LEAST_DISK
    rows.append(("disk", f"{'no room: ' if low else ''}{free:.1f} GiB free here", f"Free {LEAST_DISK} GiB, or use --out elsewhere" if low else ""))
    shared = Path("/dev/shm")  # noqa: S108 - not written to
    if shared.is_dir():
        size = shutil.disk_usage(shared).total / 2**20
        remedy = "optional: train with --workers 0, or enlarge it (docker run --shm-size 1g)" if size < LEAST_SHARED else ""
        rows.append((str(shared), f"{size:.0f} MiB", remedy))
    return rows


def _data(named: Path | None) -> list[tuple[str, Any, str]]:
    root = named or (Path(os.environ["GLASSPOSE_DATA"]) if "GLASSPOSE_DATA" in os.environ else None)
    if root is None:
        return [("data", "GLASSPOSE_DATA is not set", "optional: tests on real photographs need it")]
    if not root.is_dir():
        return [("data", f"no folder {root}", "Name one that exists")]
    rows = [("data", f"{root}: {', '.join(sorted(p.name for p in root.iterdir() if p.is_dir()))}", "")]
    return rows + [_dataset(root / name, name, split) for name, split in SPLITS.items() if (root / name).is_dir()]


def _dataset(folder: Path, kind: str, split: str) -> tuple[str, str, str]:
    """Whether the labels can be read, and the first picture with them."""
    from pydantic import TypeAdapter

    from glasspose.configs.data import Data
    from glasspose.data import read
    from glasspose.errors import GlassposeError
    from glasspose.images import load_image

    try:
        config: Data = TypeAdapter(Data).validate_python({"kind": kind, "root": folder, "split": split})
        dataset = read(config)
    except GlassposeError as problem:
        return kind, f"no use: {problem.message}", problem.remedy
    told = f"{len(dataset)} people in split {split}"
    try:
        load_image(dataset.annotations[0].image)
    except (GlassposeError, IndexError):
        return kind, f"{told}; labels only", "optional: put the pictures beside them; `glasspose data check` lists what is missing"
    return kind, told, ""

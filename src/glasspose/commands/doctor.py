"""`glasspose doctor`."""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

OPTIONAL = {"torchvision": "people", "transformers": "people", "pillow_heif": "heic"}
"""Module: the extra that brings it. Engines have rows of their own."""

FLOORS = {"torch": (2, 10), "pillow": (12, 3)}
LEAST_DISK, LEAST_SHARED = 2, 256
"""GiB and MiB."""
SPLITS = {"lspet": "all", "lsp": "all", "coco": "val", "mpii": "val", "flic": "valid"}
"""Folders that are looked into where the data are, by the kind that they are named after."""


class Row(NamedTuple):
    """One line of the table. `problem`: glasspose does not work as it should until the remedy is taken."""

    what: str
    state: str
    remedy: str = ""
    problem: bool = False


def doctor(*, data: Path | None = None) -> int:
    """Say what this machine has: versions, devices, engines, room, shipped weights, data; and what to do about what is missing.

    Example: glasspose doctor
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "state", "remedy")
    rows = [*_environment(), *_safety(), *_devices(), *_engines(), *_room(Path()), *_weights(), *_data(data)]
    for row in rows:
        table.add_row(row.what, row.state, row.remedy)
    Console(markup=False).print(table)
    return 6 if any(row.problem for row in rows) else 0


def _environment() -> Iterable[Row]:
    from glasspose.engines.packages import is_installed

    yield Row("python", f"{platform.python_version()} on {platform.machine()}")
    for package in ("glasspose", "torch", "opencv-python-headless", "lightning-fabric"):
        yield Row(package, _installed(package))
    for module, extra in OPTIONAL.items():
        yield Row(module, _installed(module), "" if is_installed(module) else f"optional: pip install 'glasspose[{extra}]'")


def _installed(module: str) -> str:
    try:
        return version(module.replace("_", "-"))
    except PackageNotFoundError:
        return "not installed"


def _devices() -> Iterable[Row]:
    import torch

    yield Row("CPU", f"{torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        yield from (Row("GPU", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count()))
    else:
        yield Row("GPU", "none that torch can use", "optional: training on a CPU takes hours, not minutes")


def _weights() -> list[Row]:
    from glasspose.checkpoint import load_weights, shipped_weights
    from glasspose.errors import GlassposeError

    rows = []
    for name in shipped_weights():
        try:
            network, card = load_weights(name)
            size = sum(p.numel() for p in network.model.parameters()) / 1e6
            remedy = "" if "calibration" in card else "optional: fit its thresholds with explain trust"
            rows.append(Row(name, f"whole, {size:.2f} M parameters{'' if 'calibration' in card else ', not calibrated'}", remedy))
        except GlassposeError as problem:
            rows.append(Row(name, f"no use: {problem.message}", problem.remedy, problem=True))
    return rows or [Row("weights", "no weights ship with this installation", "Install glasspose again, or train some", problem=True)]


def _engines() -> Iterable[Row]:
    """What can run a network."""
    from glasspose.engines.packages import EXTRAS, is_installed

    yield Row("engine torch", "the one that trains")
    yield _engine("ONNX Runtime", "onnxruntime", lambda module: module.get_available_providers(), needed=True)
    yield _engine("OpenVINO", "openvino", lambda module: module.Core().available_devices)
    found = is_installed("nncf")
    yield Row("8 bits by nncf", _installed("nncf"), "" if found else f"optional: pip install 'glasspose[{EXTRAS['nncf']}]'")


def _engine(name: str, module: str, devices: Callable[[Any], Iterable[str]], *, needed: bool = False) -> Row:
    """`needed`: glasspose comes with it, so that its absence is a broken installation."""
    from glasspose.engines.packages import EXTRAS, is_installed

    what = f"engine {name}"
    if not is_installed(module):
        remedy = f"pip install {module}" if needed else f"optional: pip install 'glasspose[{EXTRAS[module]}]'"
        return Row(what, "not installed", remedy, problem=needed)
    try:
        runtime = import_module(module)
        found = ", ".join(device.removesuffix("ExecutionProvider") for device in devices(runtime))
        number = runtime.__version__.partition("-")[0]
    except Exception as problem:  # a broken installation may raise anything
        return Row(what, f"no use: {type(problem).__name__}", f"pip install --force-reinstall {module}", problem=True)
    return Row(what, f"{number} on {found}")


def _safety() -> Iterable[Row]:
    """Versions below which a published hole is open."""
    for package, floor in FLOORS.items():
        found = _installed(package)
        numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
        wanted = ".".join(map(str, floor))
        if numbers < floor:
            state = f"no: {found}, published holes below {wanted}"
            yield Row(f"{package} safety", state, f"pip install --upgrade '{package}>={wanted}'", problem=True)
        else:
            yield Row(f"{package} safety", f"{found}, from {wanted} on")


def _room(folder: Path) -> Iterable[Row]:
    """Where results and the batches of loading processes go."""
    free = shutil.disk_usage(folder).free / 2**30
    low = free < LEAST_DISK
    remedy = f"Free {LEAST_DISK} GiB, or use --out elsewhere" if low else ""
    yield Row("disk", f"{'no room: ' if low else ''}{free:.1f} GiB free here", remedy, problem=low)
    shared = Path("/dev/shm")  # noqa: S108 - not written to
    if shared.is_dir():
        size = shutil.disk_usage(shared).total / 2**20
        remedy = "optional: train with --workers 0, or enlarge it (docker run --shm-size 1g)" if size < LEAST_SHARED else ""
        yield Row(str(shared), f"{size:.0f} MiB", remedy)


def _data(named: Path | None) -> list[Row]:
    root = named or (Path(os.environ["GLASSPOSE_DATA"]) if "GLASSPOSE_DATA" in os.environ else None)
    if root is None:
        return [Row("data", "GLASSPOSE_DATA is not set", "optional: tests on real photographs need it")]
    if not root.is_dir():
        return [Row("data", f"no folder {root}", "Name one that exists", problem=True)]
    rows = [Row("data", f"{root}: {', '.join(sorted(p.name for p in root.iterdir() if p.is_dir()))}")]
    return rows + [_dataset(root / name, name, split) for name, split in SPLITS.items() if (root / name).is_dir()]


def _dataset(folder: Path, kind: str, split: str) -> Row:
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
        return Row(kind, f"no use: {problem.message}", problem.remedy, problem=True)
    told = f"{len(dataset)} people in split {split}"
    try:
        load_image(dataset.annotations[0].image)
    except (GlassposeError, IndexError):
        return Row(kind, f"{told}; labels only", "optional: put the pictures beside them; `glasspose data check` lists what is missing")
    return Row(kind, told)

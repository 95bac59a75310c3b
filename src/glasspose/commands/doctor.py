"""`glasspose doctor`."""

import importlib.util
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

OPTIONAL = {"torchvision": "people", "transformers": "people", "onnxruntime": "people", "pillow_heif": "heic"}


def doctor(*, data: Path | None = None) -> int:
    """Say what this machine has: versions, devices, shipped weights, data; and what to do about what is missing.

    Example: glasspose doctor
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "state", "remedy")
    problems = 0
    for what, state, remedy in [*_environment(), *_devices(), *_weights(), *_data(data)]:
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
            network, _ = load_weights(name)
            size = sum(p.numel() for p in network.model.parameters()) / 1e6
            rows.append((name, f"whole, {size:.2f} M parameters", ""))
        except GlassposeError as problem:
            rows.append((name, f"no use: {problem.message}", problem.remedy))
    return rows or [("weights", "no weights ship with this installation", "Install glasspose again, or train some")]


def _data(named: Path | None) -> list[tuple[str, Any, str]]:
    import os

    root = named or (Path(os.environ["GLASSPOSE_DATA"]) if "GLASSPOSE_DATA" in os.environ else None)
    if root is None:
        return [("data", "GLASSPOSE_DATA is not set", "optional: tests on real photographs need it")]
    return [
        (
            "data",
            f"{root}: {', '.join(sorted(p.name for p in root.iterdir() if p.is_dir()))}" if root.is_dir() else f"no folder {root}",
            "" if root.is_dir() else "Name one that exists",
        )
    ]

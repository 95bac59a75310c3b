"""What a benchmark ran on."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from glasspose import __version__
from glasspose.benchmarks.options import cores

PACKAGES = ("torch", "numpy", "opencv-python-headless", "faster-coco-eval", "pycocotools", "onnxruntime", "openvino", "nncf")


def machine() -> dict[str, Any]:
    """Processor, cores, GPU and versions; nothing that names this one machine."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    versions = {package: found for package in PACKAGES if (found := _version(package)) is not None}
    return {
        "processor": _processor(),
        "cores": cores(),
        "gpu": gpu,
        "python": platform.python_version(),
        "glasspose": __version__,
        "packages": versions,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())

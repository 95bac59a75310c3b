"""The device a detector runs on, by name."""

import torch

from glasspose.errors import MissingError, UsageError


def torch_device(name: str) -> torch.device:
    """`cpu`, `cuda`, `cuda:1`, `mps`. UsageError for a name that is none, MissingError for a device that is not here."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"{name!r} is no device", "Write cpu, cuda, cuda:1 or mps") from None
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise MissingError(f"device {name} is not here", "Use cpu") from None
    return device

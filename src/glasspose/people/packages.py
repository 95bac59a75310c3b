"""Packages that only finding people needs, imported when a detector asks for them."""

from importlib import import_module
from typing import Any

from glasspose.errors import MissingError


def optional(name: str) -> Any:
    """The module of this name. MissingError where it, or something it needs, is not installed or does not fit the installed torch."""
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except ImportError as problem:
        lacking = problem.name or package
        raise MissingError(f"finding people with {package} needs {lacking}, which cannot be imported", "pip install 'glasspose[people]'") from None
    except RuntimeError as problem:  # torchvision registers its operators at import, and fails there beside another build of torch
        raise MissingError(f"{package} does not fit the installed torch ({problem})", "Install torch and torchvision from one place") from None

"""Runtimes and exporters, imported when they are asked for."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from glasspose.errors import MissingError

EXTRAS = {"openvino": "openvino", "nncf": "openvino", "executorch": "executorch"}
"""Package: the extra that brings it. What is not named here belongs to glasspose itself."""


def is_installed(name: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # a parent that is missing; a module without a description
        return False


def optional(name: str) -> Any:
    """The module of this name. MissingError with the remedy where it, or something it needs, is not here."""
    package = name.partition(".")[0]
    extra = EXTRAS.get(package)
    remedy = f"pip install 'glasspose[{extra}]'" if extra else f"pip install {package}"
    try:
        return import_module(name)
    except ImportError as problem:
        raise MissingError(f"{package} cannot be imported ({problem.name or package} is missing)", remedy) from None
    except (OSError, RuntimeError) as problem:
        raise MissingError(f"{package} does not work here ({type(problem).__name__})", remedy) from None

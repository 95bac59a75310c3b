"""Questions about a network, each answered with numbers, pictures and the verdict of its own faithfulness test.

>>> from glasspose import explain
>>> explanation = explain.skips("hourglass-tiny-lsp", data)
>>> explanation.answer, explanation.verdict

Every function returns an `Explanation`.
"""

from importlib import import_module
from typing import Any

_PUBLIC: dict[str, str] = {
    "Explanation": "explanation",
    "Verdict": "explanation",
    "context": "dependence",
    "errors": "mistakes",
    "improve": "improving",
    "labels": "suspects",
    "latent": "clusters",
    "layers": "redundancy",
    "report": "reporting",
    "selftest": "selftesting",
    "skips": "branches",
    "stress": "robustness",
    "trust": "confidence",
    "walk": "walking",
    "why": "saliency",
}
"""Each question and the module that answers it, named by its subject so that no module shadows its function."""
__all__ = [
    "Explanation",
    "Verdict",
    "context",
    "errors",
    "improve",
    "labels",
    "latent",
    "layers",
    "report",
    "selftest",
    "skips",
    "stress",
    "trust",
    "walk",
    "why",
]


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'glasspose.explain' has no attribute {name!r}")
    return getattr(import_module(f"glasspose.explain.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_PUBLIC)

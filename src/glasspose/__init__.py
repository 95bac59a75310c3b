"""2D human pose estimation that you can see through.

>>> import glasspose
>>> predictor = glasspose.load("hourglass-tiny-lsp")
>>> poses = predictor.predict("photo.jpg")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from glasspose import explain as explain
    from glasspose.comparing import compare as compare
    from glasspose.evaluation import evaluate as evaluate
    from glasspose.exporting import export as export
    from glasspose.prediction import Predictor as Predictor
    from glasspose.prediction import load as load
    from glasspose.serving.running import serve as serve
    from glasspose.skeletons import Skeleton as Skeleton
    from glasspose.streaming import predict as predict
    from glasspose.structures import Annotation as Annotation
    from glasspose.structures import Poses as Poses
    from glasspose.training import train as train

_PUBLIC = {
    "Annotation": "structures",
    "Poses": "structures",
    "Predictor": "prediction",
    "Skeleton": "skeletons",
    "compare": "comparing",
    "evaluate": "evaluation",
    "export": "exporting",
    "load": "prediction",
    "predict": "streaming",
    "serve": "serving.running",
    "train": "training",
}
__all__ = [
    "Annotation",
    "Poses",
    "Predictor",
    "Skeleton",
    "__version__",
    "compare",
    "evaluate",
    "explain",
    "export",
    "load",
    "predict",
    "serve",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562): `import glasspose` itself is almost free."""
    if name == "explain":
        return import_module("glasspose.explain")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'glasspose' has no attribute {name!r}")
    return getattr(import_module(f"glasspose.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

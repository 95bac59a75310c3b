"""Which runtime runs a network: PyTorch, ONNX Runtime or OpenVINO. A network is exported once and kept in a cache."""

from glasspose.engines.choosing import ENGINES, accelerate, load_weights
from glasspose.engines.exported import is_exported, open_exported

__all__ = ["ENGINES", "accelerate", "is_exported", "load_weights", "open_exported"]

"""What the server of worker processes does once, so that a new worker need not. Nothing here may start a thread: workers are forked from it."""

import numpy as np
import torch

from glasspose import prediction
from glasspose.serving import answering, worker

__all__ = ["answering", "np", "prediction", "torch", "worker"]

"""One process or many: Fabric on the GPUs there are, or on the CPU, over as many processes as torchrun has started."""

import atexit
import os
from typing import Any, Literal

import torch


def launch(precision: Literal["32-true", "bf16-mixed"] = "32-true", device: str = "auto") -> Any:
    """A launched Fabric. Its processes agree through `all_reduce`, `all_gather` and `broadcast`, which do nothing where there is only one."""
    from lightning_fabric import Fabric  # doubles the import time of torch, so only where it is used

    cuda = torch.cuda.is_available() and device != "cpu"
    here, everywhere = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator="cuda" if cuda else "cpu",
        devices=here,
        num_nodes=everywhere // here,
        strategy="ddp" if everywhere > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    if everywhere > 1:
        atexit.register(_leave)
    return fabric


def _leave() -> None:
    """Close connections before the interpreter goes: gloo's threads abort the process when a peer has gone first."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()

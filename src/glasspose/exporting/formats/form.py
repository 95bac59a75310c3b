"""What every form of shipped networks can do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from glasspose.engines.exported import OUTPUTS
from glasspose.engines.sessions import Session
from glasspose.errors import UsageError
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.parity import Runner, Told
from glasspose.exporting.pictures import Crops

EXAMPLE = 2
"""Crops that a graph is traced with; with one alone, tracers take the first axis for fixed."""


class Form(ABC):
    """A graph in a folder, under one name."""

    suffix: ClassVar[str]
    quantises: ClassVar[bool] = False

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}{self.suffix}"

    @property
    def files(self) -> Sequence[Path]:
        """What belongs together, the main file last."""
        return [self.path]

    @abstractmethod
    def write(self, pipeline: Pipeline, size: tuple[int, int], card: Mapping[str, Any], calibration: Crops | None) -> None:
        """Write the files, with the card inside where the form has room for it. With crops to calibrate on, in 8 bits."""

    @abstractmethod
    def runner(self) -> Runner:
        """The files as a function, read from the disk again."""

    @classmethod
    def refuse_int8(cls) -> None:
        """UsageError where the form is not written in 8 bits here."""
        if not cls.quantises:
            raise UsageError("8 bits are written for OpenVINO alone", "Use --to openvino, or leave --int8 out")


def example(size: tuple[int, int]) -> torch.Tensor:
    """Crops (B, H, W, 3) of noise, to trace with."""
    return torch.randint(0, 256, (EXAMPLE, *size, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def session_runner(session: Session) -> Runner:
    """A session as a proof asks for it."""
    return lambda crops: Told(**dict(zip(OUTPUTS[:3], session.run(crops, OUTPUTS[:3]), strict=True)))

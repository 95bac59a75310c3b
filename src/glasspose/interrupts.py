"""Ctrl-C and SIGTERM, held back until what is under way can be left."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

import torch


class Interrupts:
    """Turns Ctrl-C and SIGTERM into a question that a loop asks after each step."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = 128 + number

    def agreed(self, fabric: Any) -> bool:
        """Whether a process was asked to stop; all of them then stop after the same step."""
        if fabric.world_size == 1:
            return self.exit_code != 0
        self.exit_code = int(fabric.all_reduce(torch.tensor(float(self.exit_code)), reduce_op="max"))
        return self.exit_code != 0

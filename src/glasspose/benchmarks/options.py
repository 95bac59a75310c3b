"""What a benchmark may be told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from glasspose.benchmarks.rounds import Clock

Threads = Literal["one", "all"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """`quick` does almost nothing, to see that everything runs; `rounds` where not each benchmark's own number."""

    threads: Threads = "one"
    quick: bool = False
    rounds: int | None = None

    def turns(self, usual: int) -> int:
        """How often everything is measured."""
        return self.rounds or (2 if self.quick else usual)

    def some(self, usual: int, few: int) -> int:
        """How much of something there is."""
        return few if self.quick else usual

    @property
    def clock(self) -> Clock:
        """On one thread the process's CPU time, which other processes hardly touch; on all threads the wall's."""
        return time.process_time if self.threads == "one" else time.perf_counter


@contextmanager
def threads_of(options: Options) -> Iterator[None]:
    """Torch and OpenCV on one thread or on all, and afterwards as they were."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    count = 1 if options.threads == "one" else cores()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def cores() -> int:
    """That this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

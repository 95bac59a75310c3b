"""What a run does when memory does not suffice: fewer people at once, with the same gradient."""

from collections.abc import Callable

import torch

from glasspose.errors import TrainingError

_SAID = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""By torch's allocators on GPU and CPU, and by cuBLAS."""


def ran_out(problem: BaseException) -> bool:
    """Whether an exception says that memory did not suffice."""
    return isinstance(problem, torch.OutOfMemoryError | MemoryError) or any(words in str(problem) for words in _SAID)


def with_fewer_at_once(work: Callable[[int], float], size: int, *, alone: bool) -> tuple[float, int]:
    """What `work(size)` answers, where memory does not suffice with half the size, down to 1; and the size it was.

    `alone`: no other process waits for this one's gradients. TrainingError where one person is still too much, or where others wait.
    """
    while True:
        try:
            return work(size), size
        except (RuntimeError, MemoryError) as problem:
            if not ran_out(problem):
                raise
        if size == 1:
            raise TrainingError("memory does not suffice for one person at a time", "Take a smaller model or input size; resume goes on from here")
        if not alone:
            raise TrainingError(f"memory does not suffice for {size} people at once on one process", f"Resume with --micro-batch {size // 2}")
        size = (size + 1) // 2  # here, after the exception is gone, which kept its tensors alive
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

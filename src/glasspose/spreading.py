"""Work spread over the cores of one machine or over many machines, by Ray Data: workers that each hold a network, and tasks that come to them.

A task is small plain data or arrays, and so is its answer. A worker that dies with its machine is replaced and its task done again elsewhere,
so the caller may meet an answer twice only if it asks for it twice: every task has its number, and every number is answered once.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from glasspose.errors import GlassposeError, MissingError

Worker = Callable[[Any], Any]


class WorkerError(GlassposeError):
    """What was given to other machines did not come back."""

    code = "workers"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where the work is done."""

    address: str | None = None
    """Of a running Ray cluster, such as 10.0.0.5:6379; without one, that in RAY_ADDRESS, else this machine alone."""
    workers: int | None = None
    """How many at once; one a core of all machines where not given."""


HERE = Machines()
"""A running cluster if the environment names one, else this machine."""


class _Holder:
    """What Ray Data starts on a machine: it makes the worker once and hands it one task after the other."""

    def __init__(self, make: Callable[..., Worker], arguments: tuple[Any, ...]) -> None:
        self._work = make(*arguments)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"number": row["number"], "answer": _Boxed(self._work(row["task"].content))}


@dataclass(frozen=True)
class _Boxed:
    """Anything, as one cell of a Ray table."""

    content: Any


def spread(make: Callable[..., Worker], arguments: tuple[Any, ...], tasks: Sequence[Any], machines: Machines) -> Iterator[tuple[int, Any]]:
    """(number, answer) of every task, in the order in which they come back. `make(*arguments)` makes a worker on its machine.

    MissingError without Ray or where no cluster answers at the address, WorkerError where a task failed for good.
    """
    if not tasks:
        return
    ray = _ray()
    with _connected(ray, machines.address):
        rows = [{"number": number, "task": _Boxed(task)} for number, task in enumerate(tasks)]
        count = min(machines.workers or _cores(ray), len(tasks))
        found = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Holder, fn_constructor_args=(make, arguments), num_cpus=1, compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count)
        )
        answered: set[int] = set()
        try:
            for row in found.iter_rows():
                number = int(row["number"])
                if number not in answered:
                    answered.add(number)
                    yield number, row["answer"].content
        except ray.exceptions.RayError as problem:
            raise WorkerError(f"a worker failed for good: {_last_line(problem)}", "What is done is kept; run the same command again") from None


def _ray() -> Any:
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else it tells of its own affairs on stderr
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what it will do from some version on, and warns of
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError:
        raise MissingError("work on many machines needs Ray", "pip install 'glasspose[ray]'") from None
    return ray


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Connected to a cluster, or to one that is started here, listens on loopback alone and ends with the work."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=False if address is None else None)
    except (ConnectionError, ValueError, RuntimeError) as problem:
        raise MissingError(
            f"no Ray cluster answers at {address}: {_last_line(problem)}", "Start one with `ray start --head`, or leave the address out"
        ) from None
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield
    finally:
        ray.shutdown()


def _cores(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _last_line(problem: BaseException) -> str:
    """What went wrong, out of Ray's long story: the last line that names an error, else the last one."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b.*: ", line)]
    own = [line for line in named if not line.startswith("ray.")]
    return (own or named or lines or [type(problem).__name__])[-1][:200]

"""Where time goes: CPU time of the thread that does the work, by the part of the program that it is spent in."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import Any


class Stopwatch:
    """Seconds by name. The parts must not lie within each other."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = Lock()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what happens inside for `name`."""
        start = time.thread_time()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[name] += time.thread_time() - start

    def watch(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        @wraps(work)
        def watched(*given: Any, **named: Any) -> Any:
            with self.of(name):
                return work(*given, **named)

        return watched

    def shares(self, total: float, rest: str) -> dict[str, float]:
        """Of `total` seconds, largest first; what nobody counted is the `rest`."""
        parts = dict(self.seconds) | {rest: max(total - sum(self.seconds.values()), 0.0)}
        return {name: round(value / total, 4) for name, value in sorted(parts.items(), key=lambda part: -part[1])}


@contextmanager
def replaced(places: dict[tuple[Any, str], Callable[..., Any]]) -> Iterator[None]:
    """Attributes of modules and objects exchanged for a while."""
    before = {place: getattr(*place) for place in places}
    for (owner, name), other in places.items():
        setattr(owner, name, other)
    try:
        yield
    finally:
        for (owner, name), one in before.items():
            setattr(owner, name, one)

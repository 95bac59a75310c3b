"""Work that goes on behind the caller, in order and with bounded memory."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore


class Background:
    """One thread that does what it is given, piece by piece. What fails there is raised here, by the next `do` or by `finish`."""

    def __init__(self, waiting: int = 4) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._room = BoundedSemaphore(waiting)
        self._failure: Exception | None = None

    def do(self, work: Callable[[], object]) -> None:
        """Do it when its turn comes. Waits while `waiting` pieces are not done; after a failure nothing more is done."""
        self._raise()
        self._room.acquire()
        self._thread.submit(self._done, work).add_done_callback(self._free)

    def finish(self, *, failed: bool = False) -> None:
        """Wait until everything is done. With `failed`, the caller has an exception of its own under way, and none is added to it."""
        self._thread.shutdown()
        if not failed:
            self._raise()

    def _done(self, work: Callable[[], object]) -> None:
        if self._failure is None:
            try:
                work()
            except Exception as problem:
                self._failure = problem

    def _free(self, _: "Future[None]") -> None:
        self._room.release()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

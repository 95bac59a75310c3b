"""Requests wait in one bounded queue; whichever worker is free takes all that wait, up to a batch. Dead workers are replaced.

Nothing is delayed to fill a batch: while the workers are busy the next batch gathers by itself.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glasspose.errors import GlassposeError
from glasspose.serving import problems
from glasspose.serving.process import WorkerLostError, WorkerProcess

LOG = logging.getLogger("glasspose.serving")
BYTES_AT_ONCE = 64 * 2**20
"""Of the files of a batch."""
PAUSE = (0.1, 10.0)
"""Seconds before a worker that could not be loaded is tried again: the shortest and the longest."""


@dataclass(eq=False)
class Job:
    """One picture that waits for its answer."""

    order: Mapping[str, Any]
    data: bytes
    result: asyncio.Future[tuple[Mapping[str, Any], bytes]]
    losses: int = 0
    """How many workers have died over it. After one it goes alone, so that a picture that kills takes no other with it."""


@dataclass(eq=False)
class Slot:
    """A place for one worker, and its replacement when weights are loaded anew."""

    worker: WorkerProcess | None = None
    replacement: WorkerProcess | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Pool:
    """`told` goes to each worker; `on_batch` hears the size of each batch and its seconds, `on_loss` of each worker that died."""

    def __init__(
        self,
        told: Mapping[str, Any],
        *,
        workers: int,
        room: int,
        batch: int,
        seconds: float,
        on_batch: Callable[[int, float], None],
        on_loss: Callable[[], None],
    ) -> None:
        self._told, self._room, self._batch, self._seconds = told, room, batch, seconds
        self._on_batch, self._on_loss = on_batch, on_loss
        self._slots = [Slot() for _ in range(workers)]
        self._jobs: deque[Job] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._took = 0.05
        """Seconds that a picture takes, lately."""
        self.about: Mapping[str, Any] = {}

    @property
    def ready(self) -> bool:
        """Whether anybody can work."""
        return any(slot.worker is not None for slot in self._slots)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._jobs)

    @property
    def pids(self) -> list[int]:
        """Of the workers that are there."""
        return [pid for slot in self._slots if slot.worker is not None and (pid := slot.worker.pid) is not None]

    async def start(self, grow: Callable[[Mapping[str, Any]], int] | None = None) -> None:
        """The first worker, whose typed error is raised; then the others. `grow` says how many, from what the first tells of itself."""
        if self._tasks:
            return
        first = WorkerProcess(self._told)
        await first.start()
        self.about = first.about
        if grow is not None:
            self._slots = [Slot() for _ in range(grow(first.about))]
        self._slots[0].worker = first
        self._tasks = [asyncio.create_task(self._run(slot)) for slot in self._slots]

    async def submit(self, order: Mapping[str, Any], data: bytes, seconds: float) -> tuple[Mapping[str, Any], bytes]:
        """The answer and its picture. Problem where the queue is full, the time is up, or workers died over it."""
        if len(self._jobs) >= self._room:
            raise problems.queue_full(self._took * len(self._jobs) / max(1, len(self._slots)))
        job = Job(order, data, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._wake()
        try:
            return await asyncio.wait_for(job.result, seconds)
        except TimeoutError:
            raise problems.too_slow() from None
        finally:
            if job in self._jobs:  # whoever has gone away needs no answer
                self._jobs.remove(job)

    async def reload(self) -> None:
        """New workers with the weights as they are now, one after the other; the typed error of the loading, and then the old ones stay."""
        for slot in self._slots:
            fresh = WorkerProcess(self._told)
            await fresh.start()
            slot.replacement, self.about = fresh, fresh.about
            slot.wake.set()

    async def close(self) -> None:
        """End all workers, and fail what still waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for slot in self._slots:
            for worker in (slot.worker, slot.replacement):
                if worker is not None:
                    worker.stop()
        while self._jobs:
            _fail(self._jobs.popleft(), problems.lost())

    def _wake(self) -> None:
        for slot in self._slots:
            slot.wake.set()

    async def _run(self, slot: Slot) -> None:
        """One place: a worker after the other."""
        pause = PAUSE[0]
        while True:
            if slot.worker is None:
                slot.worker = await self._started(pause)
                pause = PAUSE[0] if slot.worker is not None else min(2 * pause, PAUSE[1])
                continue
            await self._employ(slot, slot.worker)

    async def _started(self, pause: float) -> WorkerProcess | None:
        worker = WorkerProcess(self._told)
        try:
            await worker.start()
        except (GlassposeError, WorkerLostError) as problem:
            LOG.error("a worker could not be started: %s", problem)
            await asyncio.sleep(pause)
            return None
        return worker

    async def _employ(self, slot: Slot, worker: WorkerProcess) -> None:
        """Until it dies or is replaced."""
        watch = asyncio.create_task(worker.gone())
        watch.add_done_callback(lambda _: slot.wake.set())
        try:
            while not watch.done() and slot.replacement is None and not worker.lost:
                batch = self._next()
                if not batch:
                    slot.wake.clear()
                    await slot.wake.wait()
                elif not await self._work(worker, batch):
                    break
        finally:
            watch.cancel()
        if slot.replacement is None:
            LOG.error("a worker has died; another one is started")
            self._on_loss()
        worker.stop()
        slot.worker, slot.replacement = slot.replacement, None

    def _next(self) -> list[Job]:
        """Those that wait, up to a batch; one that has outlived a worker goes alone."""
        batch: list[Job] = []
        size = 0
        while self._jobs and len(batch) < self._batch:
            job = self._jobs[0]
            if batch and (job.losses or batch[0].losses or size + len(job.data) > BYTES_AT_ONCE):
                break
            self._jobs.popleft()
            if not job.result.done():
                batch.append(job)
                size += len(job.data)
        return batch

    async def _work(self, worker: WorkerProcess, batch: Sequence[Job]) -> bool:
        """Whether the worker has survived it."""
        begun = time.monotonic()
        try:
            message, lumps = await worker.ask({"orders": [dict(job.order) for job in batch]}, [job.data for job in batch], self._seconds)
        except WorkerLostError:
            self._again(batch)
            return False
        except asyncio.CancelledError:
            for job in batch:
                _fail(job, problems.lost())
            raise
        took = time.monotonic() - begun
        self._took += 0.2 * (took / len(batch) - self._took)
        self._on_batch(len(batch), took)
        for job, told, picture in zip(batch, message["answers"], lumps, strict=True):
            if not job.result.done():
                job.result.set_result((told, picture))
        return True

    def _again(self, batch: Sequence[Job]) -> None:
        for job in reversed(batch):
            job.losses += 1
            if job.losses > 1:
                _fail(job, problems.lost())
            elif not job.result.done():
                self._jobs.appendleft(job)


def _fail(job: Job, problem: problems.Problem) -> None:
    if not job.result.done():
        job.result.set_exception(problem)

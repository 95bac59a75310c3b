"""One worker process, seen from the service: started from a server that has imported everything already, asked, and given up when it dies."""

import asyncio
import multiprocessing
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from glasspose import errors
from glasspose.errors import GlassposeError
from glasspose.serving.wire import Message, packed, read_async

START = "forkserver"
"""How workers are made; tests fork them."""
PRELOADED = ["glasspose.serving.preloaded"]
LOADING = 300.0
"""Seconds in which a network is loaded, or its process is given up."""


class WorkerLostError(Exception):
    """The process died, or was killed because it did not answer in time."""


class WorkerProcess:
    """Started by `start`. `lost` is called once, when the process is gone for whatever reason."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.about: Message = {}
        self.lost = False
        self._told = dict(told)
        self._process: Any = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Until the network is loaded. The typed error of the loading where that fails; WorkerLostError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self._process = await asyncio.to_thread(_spawned, theirs, self._told)
        except BaseException:
            ours.close()
            raise
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        message, _ = await self._within(self._reply(), LOADING)
        if "failed" in message:
            self.stop()
            raise _typed(message["failed"])
        self.about = message["ready"]

    async def ask(self, message: Message, lumps: Sequence[bytes], seconds: float) -> tuple[Message, list[bytes]]:
        """An order and its answer. WorkerLostError where there is none within so many seconds; the process is then dead."""
        return await self._within(self._exchange(message, lumps), seconds)

    async def gone(self) -> None:
        """Returns when the process is dead while nothing is asked of it."""
        if self._process is not None and not self.lost:
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(self._process.sentinel, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._process.sentinel)

    def stop(self) -> None:
        """Kill it; whatever it worked on is lost."""
        self.lost = True
        if self._writer is not None:
            self._writer.transport.abort()
        if self._process is not None and self._process.is_alive():
            self._process.kill()

    async def _within(self, asked: Any, seconds: float) -> tuple[Message, list[bytes]]:
        try:
            found: tuple[Message, list[bytes]] = await asyncio.wait_for(asked, seconds)
        except (EOFError, OSError, TimeoutError, ValueError, KeyError):
            self.stop()
            raise WorkerLostError from None
        except asyncio.CancelledError:
            self.stop()
            raise
        return found

    async def _exchange(self, message: Message, lumps: Sequence[bytes]) -> tuple[Message, list[bytes]]:
        assert self._writer is not None
        for part in packed(message, lumps):
            self._writer.write(part)
            await self._writer.drain()
        return await self._reply()

    async def _reply(self) -> tuple[Message, list[bytes]]:
        assert self._reader is not None
        return await read_async(self._reader)


def _spawned(theirs: socket.socket, told: Mapping[str, Any]) -> Any:
    """By a server process that has torch imported and no thread yet: a new worker is there in the time that its weights take."""
    from glasspose.serving.worker import work

    context: Any = multiprocessing.get_context(START)
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=work, args=(theirs, dict(told)), daemon=True)
    with theirs:
        process.start()
    return process


def _typed(failed: Message) -> GlassposeError:
    kind = getattr(errors, str(failed["kind"]), GlassposeError)
    known = isinstance(kind, type) and issubclass(kind, GlassposeError)
    with suppress(TypeError):
        return (kind if known else GlassposeError)(str(failed["message"]), str(failed["remedy"]))
    return GlassposeError(str(failed["message"]))

"""The service from its start to its end: socket, signals, loading, serving, draining."""

import asyncio
import logging
import math
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn

from glasspose.errors import GlassposeError, UsageError
from glasspose.serving.application import application
from glasspose.serving.guard import HEAD_BYTES, Guard
from glasspose.serving.protocol import DeadlineProtocol
from glasspose.serving.service import Service
from glasspose.serving.settings import Settings

LOG = logging.getLogger("glasspose.serving")
HANDLES = 65_536
"""Open files and sockets that the process asks the system for."""
BACKLOG = 2048
Announce = Callable[[str], None]


def serve(weights: str | None = None, *, announce: Announce = lambda line: None, **options: Any) -> int:
    """Answer requests until SIGTERM or Ctrl-C; options are those of `Settings`. Gives 128 + the signal's number.

    `announce` is told one line when the socket is open, and one when the network is loaded. The typed error of the loading where that fails;
    UsageError.
    """
    settings = Settings(weights=weights, **options)
    _more_handles()
    listening = _listening(settings)
    return asyncio.run(_serve(settings, listening, announce))


class _Server(uvicorn.Server):
    """uvicorn's server, which on a signal first drains. A second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain, self.signal = drain, 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called between two instructions of the event loop's thread, so that no more is done here than to note it."""
        if self.signal:
            self.should_exit = self.force_exit = True
        self.signal = self.signal or sig
        self._drain()


async def _serve(settings: Settings, listening: socket.socket, announce: Announce) -> int:
    loop, service = asyncio.get_running_loop(), Service(settings)
    guard = application(service)
    server = _Server(_config(settings, guard), drain=lambda: _later(loop, drain))

    def drain() -> None:
        if not service.draining:
            service.draining = guard.closing = True
            loop.call_later(settings.drain_seconds if service.poses.ready else 0, setattr, server, "should_exit", True)

    service.numbers.watch(
        lambda: service.poses.waiting,
        lambda: service.held.count,
        lambda: float(service.ready),
        lambda: len(server.server_state.connections),
    )
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(_reload(service)))
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"listening at http://{host}:{listening.getsockname()[1]}")
    loading = asyncio.create_task(_load(service, server, announce))
    try:
        await server.serve(sockets=[listening])
    finally:
        loading.cancel()
        failed = (await asyncio.gather(loading, return_exceptions=True))[0]
        await service.close()
    if isinstance(failed, GlassposeError):
        raise failed
    if isinstance(failed, Exception):
        raise GlassposeError("the network could not be loaded", f"The process that loads it has ended ({type(failed).__name__})") from failed
    return 128 + server.signal if server.signal else 0


def _later(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


async def _load(service: Service, server: uvicorn.Server, announce: Announce) -> None:
    """While /livez answers already."""
    try:
        await service.start()
        announce(f"{service.poses.about['name']} is ready")
    except BaseException:
        server.should_exit = True
        raise


async def _reload(service: Service) -> None:
    """On SIGHUP; weights that cannot be loaded change nothing."""
    try:
        await service.poses.reload()
        LOG.warning("the weights were loaded anew")
    except Exception as problem:
        LOG.error("the weights were not loaded anew, the old ones stay: %s", problem)


def _config(settings: Settings, guard: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        guard,
        http=partial(DeadlineProtocol, settings.deadlines),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=math.ceil(settings.deadlines.head) + 1,  # the protocol closes idle connections before
        timeout_graceful_shutdown=round(settings.grace_seconds),
        backlog=BACKLOG,
    )


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)  # so that what `announce` says is true: whoever reads it may connect
    except (OSError, OverflowError) as problem:
        listening.close()
        why = os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno and problem.errno > 0 else "no such address"
        raise UsageError(f"cannot listen at {settings.host}, port {settings.port} ({why})", "Use another --host or --port") from None
    return listening


def _more_handles() -> None:
    """As many open sockets as the system allows; the usual 1,024 are few."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HANDLES if hard == resource.RLIM_INFINITY else min(HANDLES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

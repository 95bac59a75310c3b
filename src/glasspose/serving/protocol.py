"""HTTP/1.1 by uvicorn and h11, with what uvicorn lacks: a deadline for every part of a request, and a bound on connections.

No deadline moves because another byte trickles in: each is counted from the beginning of its part, and grows only with the bytes that
have really gone over the wire, at the least rate that is expected of a client.
"""

import asyncio
import json
import logging
import math
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from glasspose.serving.problems import Problem
from glasspose.serving.settings import Deadlines

SOON = 1.0
"""Seconds for the last words to a client whose connection is being closed."""
REASONS = {400: b"Bad Request", 408: b"Request Timeout", 503: b"Service Unavailable"}


class DeadlineProtocol(H11Protocol):
    """One connection."""

    def __init__(self, deadlines: Deadlines, **given: Any) -> None:
        super().__init__(**given)
        self.logger = logging.getLogger("glasspose.serving.http")
        self.access_log = False
        self._limits = deadlines
        self._begun = 0.0
        """When the part of the request that is under way began."""
        self._received = 0
        """Bytes of that part."""
        self._written_from: float | None = None
        """Since when the answer has had to wait for the client to read."""
        self._left, self._taken = 0, 0
        """Bytes that wait to be read, and those that were read since then."""
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A bound on their number, then the deadline of the first headers."""
        super().connection_made(transport)
        self._begin()
        if len(self.connections) > self._limits.connections:
            self._last_words(Problem(503, "too-many-connections", "too many connections are open; try again later", retry_after=2))
        self._judge()

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What is sent after a connection was given up is not read."""
        if self.transport.is_closing():
            return
        before = self.conn.their_state
        self._received += len(data)
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # broken off in the middle of an answer
            self.transport.abort()
            return
        if before is h11.IDLE and self.conn.their_state is not h11.IDLE:
            self._begin()
        self._judge()

    def on_response_complete(self) -> None:
        """The next request's headers have a deadline, and so has the rest of a body that was refused."""
        self._begin()
        if self.transport.get_write_buffer_size():  # perhaps too little for `pause_writing`
            self._wait_for_reader()
        else:
            self._written_from = None
        super().on_response_complete()
        self._judge()

    def pause_writing(self) -> None:
        """The client does not read as fast as the answer is written."""
        super().pause_writing()
        self._wait_for_reader()
        self._judge()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._judge()

    def send_400_response(self, msg: str) -> None:
        """In the form of every other failure, and without h11's words."""
        self._last_words(Problem(400, "bad-request", "this is not a valid HTTP/1.1 request"))

    def shutdown(self) -> None:
        """The service ends: who is served is served to the end."""
        try:
            super().shutdown()
        except h11.LocalProtocolError:
            self.transport.abort()
        self._judge()

    def _begin(self) -> None:
        self._begun, self._received = self.loop.time(), 0

    def _wait_for_reader(self) -> None:
        if self._written_from is None:
            self._written_from, self._left, self._taken = self.loop.time(), self.transport.get_write_buffer_size(), 0

    def _judge(self) -> None:
        """Set the deadline of what is under way."""
        self._due = self._deadline()
        if self._due < math.inf and (self._timer is None or self._timer.cancelled() or self._timer.when() > self._due):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_at(self._due, self._expired)

    def _deadline(self) -> float:
        limits = self._limits
        if self.transport.is_closing():
            self._wait_for_reader()
        if self._written_from is not None:
            left = self.transport.get_write_buffer_size()
            self._taken += max(0, self._left - left)
            self._left = left
            if left or self.transport.is_closing():
                return self._written_from + limits.write + self._taken / limits.rate
            self._written_from = None
        if self.conn.their_state is h11.IDLE:
            return self._begun + limits.head
        if self.conn.their_state is h11.SEND_BODY:
            if self.conn.our_state is h11.DONE or self.conn.our_state is h11.MUST_CLOSE:
                return self._begun + limits.linger
            return self._begun + min(limits.body + self._received / limits.rate, limits.longest)
        return math.inf  # the answer is being worked on, which has a deadline of its own

    def _expired(self) -> None:
        self._timer = None
        self._due = self._deadline()
        if self.loop.time() < self._due:
            self._judge()
        elif self.transport.is_closing() or self._written_from is not None or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
        elif self.conn.their_state is h11.IDLE and not self._received:
            self.transport.close()
        else:
            self._last_words(Problem(408, "too-slow-sending", "the request did not arrive in time"))

    def _last_words(self, problem: Problem) -> None:
        """An answer past h11, whose state may be anything, and the end of the connection."""
        body = json.dumps(problem.body()).encode()
        told = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close", **problem.headers()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items()).encode()
        self.transport.write(b"HTTP/1.1 %d %s\r\n" % (problem.status, REASONS[problem.status]) + lines + b"\r\n" + body)
        self.transport.close()
        self.loop.call_later(SOON, self.transport.abort)

"""Failures as clients see them: a status, a code and one line; never a path, an address of memory, a traceback or a library's own text."""

import re
from typing import Any

from glasspose.errors import GlassposeError

_LEAK = re.compile(r"0x[0-9a-f]{4,}|(?:^|[\s'\"(=:])[/~\\][\w./~-]|\w:\\|Traceback|site-packages|File \"|\.py\b|\n|object at", re.IGNORECASE)
"""What no line for a client holds."""


class Problem(Exception):  # noqa: N818 - what clients meet is no error of the program
    """Why a request is not answered as asked. `retry_after` in seconds, where it may be tried again."""

    def __init__(self, status: int, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after
        self.message = harmless(message)

    def body(self) -> dict[str, Any]:
        """The one JSON form of a failure."""
        return {"format": "glasspose.problem", "version": 1, "code": self.code, "message": self.message}

    def headers(self) -> dict[str, str]:
        """Retry-After in whole seconds, where it may be tried again."""
        return {} if self.retry_after is None else {"retry-after": str(max(1, round(self.retry_after)))}


def harmless(message: str) -> str:
    """The line, or a plain one where it holds what clients are not told."""
    return "the request cannot be answered; the server's log may say why" if _LEAK.search(message) else message


def of_picture(problem: GlassposeError) -> Problem:
    """What is wrong with a picture or with what was asked of it."""
    return Problem(422, problem.code, str(problem))


def queue_full(seconds: float) -> Problem:
    """More requests than may wait."""
    return Problem(429, "queue-full", "too many requests are waiting; try again later", retry_after=seconds)


def not_ready() -> Problem:
    """The network is being loaded, or loaded again."""
    return Problem(503, "not-ready", "the network is not loaded yet; try again soon", retry_after=2)


def too_slow() -> Problem:
    """The deadline of the request has passed."""
    return Problem(503, "too-slow", "the answer was not ready in time; try again later", retry_after=5)


def lost() -> Problem:
    """The process that worked on it has died, twice."""
    return Problem(503, "lost", "the work on this request was lost; try again", retry_after=2)


def too_large(limit: int) -> Problem:
    """A body beyond the limit."""
    return Problem(413, "too-large", f"the body has more than {limit:,} bytes")


def internal() -> Problem:
    """A mistake of the service itself."""
    return Problem(500, "internal", "the service made a mistake; the server's log says which")

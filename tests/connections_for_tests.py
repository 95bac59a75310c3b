"""Notes every connection that this process begins, and lets none through."""

import sys
from contextlib import contextmanager

EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_watching = []


def _hook(event, arguments):
    if event in EVENTS and _watching:
        _watching[-1].append((event, str(arguments[1:] if event.startswith("socket.connect") else arguments)))
        raise OSError("no connection in a test")


@contextmanager
def no_connection():
    """Gives a list that grows with every attempt."""
    if not getattr(sys, "_glasspose_watched", False):  # an audit hook stays for good
        sys.addaudithook(_hook)
        sys._glasspose_watched = True
    _watching.append([])
    try:
        yield _watching[-1]
    finally:
        _watching.pop()

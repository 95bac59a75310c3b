"""A web server on this machine that misbehaves as it is told."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Manners:
    """What the server has, how it behaves, and what it was asked for."""

    files: dict
    ranges: bool = True
    etag: str | None = '"one"'
    modified: str | None = None
    statuses: list = field(default_factory=list)
    """Answers before the good one."""
    breaks: list = field(default_factory=list)
    """After so many bytes the connection ends; None: it does not."""
    silent: list = field(default_factory=list)
    """After so many bytes nothing comes any more."""
    length: int | None = None
    """Announced instead of the right one; -1: none."""
    redirect: str | None = None
    content_range: str | None = None
    asked: list = field(default_factory=list)
    """(path, headers) of every request."""
    sent: int = 0
    """Bytes of content, all together."""
    release: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        manners = self.server.manners
        manners.asked.append((self.path, dict(self.headers)))
        content = manners.files.get(self.path.removeprefix("/"))
        if manners.redirect:
            self.head(302, {"Location": manners.redirect, "Content-Length": "0"})
        elif manners.statuses:
            self.head(manners.statuses.pop(0), {"Content-Length": "0"})
        elif content is None:
            self.head(404, {"Content-Length": "0"})
        else:
            self.content(content)

    def content(self, content):
        manners, start = self.server.manners, 0
        headers = {name: told for name, told in (("ETag", manners.etag), ("Last-Modified", manners.modified)) if told}
        asked = self.headers.get("Range")
        if asked and manners.ranges and self.headers.get("If-Range", manners.etag) in (manners.etag, manners.modified):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.head(416, {"Content-Length": "0"})
                return
            headers["Content-Range"] = manners.content_range or f"bytes {start}-{len(content) - 1}/{len(content)}"
        length = len(content) - start if manners.length is None else manners.length
        self.head(206 if "Content-Range" in headers else 200, headers | ({"Content-Length": str(length)} if length >= 0 else {}))
        self.body(content[start:])

    def body(self, rest):
        manners = self.server.manners
        end = manners.breaks.pop(0) if manners.breaks else None
        quiet = manners.silent.pop(0) if manners.silent else None
        rest = rest[: end if quiet is None else quiet]
        manners.sent += len(rest)
        self.wfile.write(rest)
        self.wfile.flush()
        if quiet is not None:
            manners.release.wait(20)
        self.close_connection = True

    def head(self, status, headers):
        self.send_response(status)
        for name, told in headers.items():
            self.send_header(name, told)
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is what some tests are about."""


@contextmanager
def serving(files, **manners):
    """(address, manners) of a server of these files."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.manners = Manners(files=files, **manners)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.manners
        finally:
            server.manners.release.set()
            server.shutdown()

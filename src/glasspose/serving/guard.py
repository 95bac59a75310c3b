"""What every request passes first: whether it is addressed to this service, from a page that may call it, by somebody who may, plainly encoded.

And what every answer passes last: headers for browsers, a count, and no failure but a typed one.
"""

import hashlib
import hmac
import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glasspose.serving.counting import Numbers
from glasspose.serving.problems import Problem, internal
from glasspose.serving.settings import Settings

LOG = logging.getLogger("glasspose.serving")
HEAD_BYTES = 16 * 1024
"""Of the request line and all headers."""
OPEN = frozenset({"/healthz", "/readyz", "/livez", "/openapi.json"})
"""Without a token, like the page itself."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
ALLOWED_METHODS, ALLOWED_HEADERS = "GET, POST, DELETE", "authorization, content-type"


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, settings: Settings, numbers: Numbers) -> None:
        self._app, self._settings, self._numbers = app, settings, numbers
        self._digest = None if settings.token is None else _digest(settings.token)
        self.closing = False
        """Once the service drains, connections are not kept for a next request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        begun, started, headers = time.monotonic(), False, Headers(scope=scope)
        origin = headers.get("origin", "")

        async def counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._dress(MutableHeaders(scope=message), origin)
                self._numbers.answered(scope["path"], message["status"], time.monotonic() - begun)
            await send(message)

        try:
            refusal = self._refusal(scope, headers)
            await (refusal or self._app)(scope, receive, counted)
        except Problem as problem:
            if not started:
                await told(problem)(scope, receive, counted)
        except Exception:
            LOG.exception("a mistake in %s", scope["path"][:100].encode("ascii", "replace").decode())
            if not started:
                await told(internal())(scope, receive, counted)

    def _dress(self, headers: MutableHeaders, origin: str) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        if self.closing:
            headers["connection"] = "close"
        if origin and origin in self._settings.origins:
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = "x-glasspose-kept, retry-after"
            headers["cross-origin-resource-policy"] = "cross-origin"
            headers.add_vary_header("origin")

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """An answer without the application, Problem for a refusal, or None."""
        if sum(len(name) + len(value) + 4 for name, value in headers.raw) + len(scope["raw_path"]) + len(scope["query_string"]) > HEAD_BYTES:
            raise Problem(431, "headers-too-large", f"the headers have more than {HEAD_BYTES:,} bytes")
        if "transfer-encoding" in headers and "content-length" in headers:
            raise Problem(400, "bad-request", "a body has either a length or chunks")
        self._check_host(headers)
        origin = headers.get("origin")
        if origin is not None and not self._may_call(origin, headers):
            raise Problem(403, "origin", "pages from elsewhere may not call this service")
        if scope["method"] == "OPTIONS" and origin is not None:
            allowed = {"access-control-allow-methods": ALLOWED_METHODS, "access-control-allow-headers": ALLOWED_HEADERS}
            return Response(status_code=204, headers={**allowed, "access-control-max-age": "600"})
        self._check_token(scope["path"], headers)
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "content-encoding", "send the body as it is, without Content-Encoding")
        return None

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere can give its own name this address (DNS rebinding); its requests then carry its name."""
        known = self._settings.known_hosts
        if known and _name(headers.get("host", "")) not in known:
            raise Problem(421, "host", "this service is not called by that name")

    def _may_call(self, origin: str, headers: Headers) -> bool:
        own = urlsplit(origin).netloc == headers.get("host") and urlsplit(origin).scheme in ("http", "https")
        return own or origin in self._settings.origins

    def _check_token(self, path: str, headers: Headers) -> None:
        if self._digest is None or path in OPEN or not (path.startswith("/v1/") or path == "/metrics"):
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        # of equal length, so that the time of the comparison tells nothing
        if not (hmac.compare_digest(_digest(given.strip()), self._digest) and kind.lower() == "bearer"):
            raise Problem(401, "token", "send the right token: Authorization: Bearer TOKEN")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _name(host: str) -> str:
    """Without the port; without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def told(problem: Problem) -> JSONResponse:
    """The one form of a failure."""
    headers = problem.headers()
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(problem.body(), problem.status, headers=headers)

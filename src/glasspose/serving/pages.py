"""The page for people, from files beside this one. The list of files is made when the service starts; a request can only choose from it."""

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from glasspose.serving.counting import ROUTES
from glasspose.serving.problems import Problem

FOLDER = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".onnx": "application/octet-stream",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
"""The last ones but one let the page use several threads in the browser."""


def files(folder: Path = FOLDER) -> dict[str, Path]:
    """Every path that can be asked for, with its file. Hidden files and links are none."""
    found = {
        f"/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    return found | ({"/": found["/index.html"]} if "/index.html" in found else {})


class Pages:
    """ASGI endpoint of GET and HEAD for everything that is no endpoint of its own."""

    def __init__(self, known: Mapping[str, Path]) -> None:
        self._known = known

    async def __call__(self, request: Request) -> Response:
        """The file, or Problem."""
        path = self._known.get(request.scope["path"])
        if path is None and request.scope["path"] in ROUTES:
            raise Problem(405, "method", "this path is not used with that method")
        if path is None:
            raise Problem(404, "not-found", "there is nothing here; /openapi.json lists what there is")
        kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        kept = "no-cache" if path.suffix in (".html", ".webmanifest") or path.name == "service-worker.js" else "public, max-age=3600"
        answer = FileResponse(path, media_type=kind, headers={**HEADERS, "cache-control": kept})
        if request.headers.get("if-none-match"):
            return _unchanged(request, path, answer)
        return answer


def _unchanged(request: Request, path: Path, answer: FileResponse) -> Response:
    """304 where the browser has the file already."""
    answer.set_stat_headers(path.stat())
    if answer.headers["etag"] not in [tag.strip() for tag in request.headers["if-none-match"].split(",")]:
        return answer
    return Response(status_code=304, headers={name: answer.headers[name] for name in ("etag", "cache-control", *HEADERS)})

"""Numbers for Prometheus. Labels come from closed lists, so that no request can make a new series."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0

CONTENT_TYPE = CONTENT_TYPE_PLAIN_1_0_0
ROUTES = {
    "/v1/poses": "poses",
    "/v1/explain": "explain",
    "/v1/model": "model",
    "/healthz": "health",
    "/readyz": "health",
    "/livez": "health",
    "/metrics": "metrics",
    "/openapi.json": "openapi",
}
"""Everything else counts as `kept` or `page`."""
SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
STATUSES = frozenset({200, 204, 304, 400, 401, 403, 404, 405, 413, 415, 421, 422, 429, 431, 500, 503})


class Numbers:
    """All of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry}
        self._requests = Counter("glasspose_requests", "Requests that were answered.", ["route", "status"], **of)
        self._seconds = Histogram("glasspose_request_seconds", "From the headers to the beginning of the answer.", ["route"], buckets=SECONDS, **of)
        self._batches = Histogram("glasspose_batch_size", "Pictures that were worked on at once.", buckets=(1, 2, 4, 8, 16, 32), **of)
        self._working = Counter("glasspose_working_seconds", "Spent by workers on batches.", **of)
        self._losses = Counter("glasspose_workers_lost", "Workers that died or were killed.", **of)
        self._kept = Counter("glasspose_kept", "Pictures with their answers.", ["what"], **of)
        self._waiting = Gauge("glasspose_waiting", "Requests in the queue.", **of)
        self._held = Gauge("glasspose_held_bytes", "Of bodies that are not answered.", **of)
        self._ready = Gauge("glasspose_ready", "1 where requests are taken.", **of)
        self._connections = Gauge("glasspose_connections", "Open ones.", **of)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """One request."""
        route = ROUTES.get(path, "kept" if path.startswith("/v1/kept/") else "page")
        self._requests.labels(route, str(status) if status in STATUSES else "other").inc()
        if route in ("poses", "explain"):
            self._seconds.labels(route).observe(seconds)

    def batch(self, size: int, seconds: float) -> None:
        """One batch of a worker."""
        self._batches.observe(size)
        self._working.inc(seconds)

    def loss(self) -> None:
        """A worker."""
        self._losses.inc()

    def kept(self, what: str) -> None:
        """`kept`, `full` or `deleted`."""
        self._kept.labels(what).inc()

    def watch(self, waiting: Callable[[], float], held: Callable[[], float], ready: Callable[[], float], connections: Callable[[], float]) -> None:
        """What is looked up when somebody asks."""
        for gauge, ask in ((self._waiting, waiting), (self._held, held), (self._ready, ready), (self._connections, connections)):
            gauge.set_function(ask)

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)

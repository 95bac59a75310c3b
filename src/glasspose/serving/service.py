"""The endpoints. A request is read, waits in the queue, and is answered; nothing here opens a picture."""

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from glasspose import __version__
from glasspose.serving import asking, problems
from glasspose.serving.counting import CONTENT_TYPE, Numbers
from glasspose.serving.document import document
from glasspose.serving.keeping import Kept
from glasspose.serving.pool import Pool
from glasspose.serving.problems import Problem
from glasspose.serving.settings import Settings

POSE_OPTIONS = ("boxes", "overlay")
EXPLAIN_OPTIONS = ("keypoint", "method", "box", "overlay")
MOST_WORKERS = 4


class Service:
    """What the endpoints share."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.numbers, self.draining = settings, Numbers(), False
        self.held = asking.Held(settings.held_bytes)
        self.kept = None if settings.keeping is None else Kept(settings.keeping)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._cores = cores
        workers = settings.workers or min(cores, MOST_WORKERS)
        common = {
            "weights": settings.weights,
            "device": settings.device,
            "flip_test": settings.flip_test,
            "max_pixels": settings.max_pixels,
            "max_bytes": settings.max_bytes,
            "batch": settings.batch,
        }
        self.poses = Pool(
            {**common, "kind": "poses", "threads": max(1, cores // workers), "nice": 0},
            workers=workers,
            room=settings.queue,
            batch=settings.batch,
            seconds=settings.seconds,
            on_batch=self.numbers.batch,
            on_loss=self.numbers.loss,
        )
        self.explanations = Pool(
            {**common, "kind": "explain", "threads": 1, "nice": 10},
            workers=1,
            room=settings.explain_queue,
            batch=1,
            seconds=settings.explain_seconds,
            on_batch=lambda *_: None,
            on_loss=self.numbers.loss,
        )
        self._explaining = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether a load balancer may send requests."""
        return self.poses.ready and not self.draining

    async def start(self) -> None:
        """Load the network. Its typed error where that fails."""

        def grow(about: Mapping[str, Any]) -> int:
            chosen = self.settings.workers or min(self._cores, MOST_WORKERS)
            return 1 if about["device"] != "cpu" and not self.settings.workers else chosen

        await self.poses.start(grow)

    async def close(self) -> None:
        """End all workers."""
        await self.poses.close()
        await self.explanations.close()

    async def find(self, request: Request) -> Response:
        """POST /v1/poses."""
        self._check_ready()
        with self.held.room() as add:
            data = await asking.body(request, self.settings.max_bytes, add)
            asked = await asking.asked(request, data, POSE_OPTIONS)
            order = {
                "boxes": asking.boxes(asked.options.get("boxes")),
                "overlay": asking.overlay(asked.options.get("overlay"), request.headers.get("accept", "")),
            }
            told, picture = await self._while_there(request, self.poses.submit(order, asked.picture, self.settings.seconds))
            _check(told)
            headers = await self._keep(asked.picture, told["poses"])
        if order["overlay"]:
            return Response(picture, media_type=_kind(picture), headers=headers)
        return JSONResponse(told["poses"], headers=headers)

    async def explain(self, request: Request) -> Response:
        """POST /v1/explain: one keypoint of one person."""
        if not self.settings.explain:
            raise Problem(404, "not-found", "explanations are switched off here")
        self._check_ready()
        with self.held.room() as add:
            data = await asking.body(request, self.settings.max_bytes, add)
            asked = await asking.asked(request, data, EXPLAIN_OPTIONS)
            order = asking.explanation_order(asked.options, list(self.poses.about["keypoints"]))
            overlay = asking.overlay(asked.options.get("overlay"), "image/png")
            async with self._explaining:  # its worker is started when somebody first asks
                await self.explanations.start()
            answer = self.explanations.submit(order, asked.picture, self.settings.explain_seconds)
            told, picture = await self._while_there(request, answer)
        _check(told)
        return Response(picture, media_type="image/png") if overlay else JSONResponse(told["explanation"])

    async def model(self, request: Request) -> Response:
        """GET /v1/model: what the network finds."""
        self._check_ready()
        told = {"format": "glasspose.model", "version": 1, **self.poses.about}
        return JSONResponse(told)

    async def forget(self, request: Request) -> Response:
        """DELETE /v1/kept/{id}."""
        if self.kept is None or not await asyncio.to_thread(self.kept.delete, request.path_params["id"]):
            raise Problem(404, "not-found", "nothing is kept under this id")
        self.numbers.kept("deleted")
        return Response(status_code=204)

    async def live(self, request: Request) -> Response:
        """GET /livez: 200 as long as the process answers."""
        return JSONResponse({"status": "live"})

    async def readiness(self, request: Request) -> Response:
        """GET /readyz: 503 while the network is loaded and from SIGTERM on."""
        status = "ready" if self.ready else "draining" if self.draining else "starting"
        return JSONResponse({"status": status}, 200 if self.ready else 503, headers={} if self.ready else {"retry-after": "2"})

    async def health(self, request: Request) -> Response:
        """GET /healthz: 200 with what there is to know."""
        status = "ok" if self.ready else "draining" if self.draining else "starting"
        return JSONResponse({"status": status, "version": __version__, "waiting": self.poses.waiting, "workers": len(self.poses.pids)})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(self.numbers.text(), media_type=CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        return Response(json.dumps(document(self.settings), indent=1), media_type="application/json")

    def _check_ready(self) -> None:
        if not self.poses.about:
            raise problems.not_ready()

    async def _keep(self, picture: bytes, poses: Mapping[str, Any]) -> dict[str, str]:
        if self.kept is None:
            return {}
        name = await asyncio.to_thread(self.kept.add, picture, {**poses, "model": self.poses.about["name"]})
        self.numbers.kept("full" if name is None else "kept")
        return {} if name is None else {"x-glasspose-kept": name}

    async def _while_there(self, request: Request, answer: Any) -> tuple[Mapping[str, Any], bytes]:
        """The answer; given up, and its place in the queue with it, when the client goes away."""
        asked = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(_departure(request))
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise Problem(400, "gone", "the client has gone away")
            found: tuple[Mapping[str, Any], bytes] = asked.result()
        finally:
            for task in (asked, gone):
                task.cancel()
        return found


async def _departure(request: Request) -> None:
    """Returns when the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check(told: Mapping[str, Any]) -> None:
    """Problem where the worker found one."""
    if "problem" in told:
        code, message = told["problem"]["code"], told["problem"]["message"]
        if code == "error":
            raise problems.internal()
        raise Problem(422, code, message)


def _kind(picture: bytes) -> str:
    return "image/png" if picture[:4] == b"\x89PNG" else "image/jpeg"

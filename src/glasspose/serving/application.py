"""Endpoints, guard and page as one ASGI application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from glasspose.serving.guard import Guard, told
from glasspose.serving.pages import Pages, files
from glasspose.serving.problems import Problem, internal
from glasspose.serving.service import Service


def application(service: Service) -> Guard:
    """Everything that a request can reach. No documentation pages that load scripts from elsewhere."""
    pages = Pages(files())
    routes = [
        Route("/v1/poses", service.find, methods=["POST"]),
        Route("/v1/explain", service.explain, methods=["POST"]),
        Route("/v1/model", service.model),
        Route("/v1/kept/{id}", service.forget, methods=["DELETE"]),
        Route("/healthz", service.health),
        Route("/readyz", service.readiness),
        Route("/livez", service.live),
        Route("/metrics", service.metrics),
        Route("/openapi.json", service.openapi),
        Route("/{path:path}", pages.__call__),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused, Problem: _raised, Exception: _mistaken})
    app.router.redirect_slashes = False
    return Guard(app, service.settings, service.numbers)


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code == 405:
        return told(Problem(405, "method", "this path is not used with that method"))
    return told(Problem(problem.status_code, "refused", "the request is refused"))


async def _raised(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return told(problem)


async def _mistaken(request: Request, problem: Exception) -> Response:
    """The guard writes it into the log."""
    return told(internal())

"""The stand-in as an ASGI application: tokens, scopes, rate limits and failures as the API has them."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scaling_guide.systems.supabase.standin import answers

# every answer says that it is not Supabase
MARK = {"X-Stand-In": "scaling-guide"}
HANGS_SECONDS = 600.0

Failure = Callable[["Service"], Awaitable[Response | None]]


def application(state: Path, token: str, operator: str | None = None) -> Starlette:
    """The stand-in for the project in the YAML file `state`.

    Whoever has `token` may read, whoever has the operator's may change things too.
    """
    service = Service(state, token, operator)
    below = "/v1/projects/{ref}"
    return Starlette(
        routes=[
            Route("/v1/organizations/{slug}", service.organization),
            Route("/v1/organizations/{slug}/projects", service.projects),
            *(
                Route(f"{below}{path}", service.of_project(answer))
                for path, answer in answers.OF_PROJECT.items()
            ),
            Route(f"{below}/health", service.health),
            Route(f"{below}/billing/addons", service.change_addon, methods=["PATCH"]),
            Route(f"{below}/config/disk", service.change_disk, methods=["POST"]),
            Route(f"{below}/config/database/pooler", service.change_pooler, methods=["PATCH"]),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=service.guarded)],
    )


class Service:
    """What each path answers. The file is read for each request, and written by what changes something."""

    def __init__(self, state: Path, token: str, operator: str | None) -> None:
        self._state, self._token, self._operator = state, token, operator
        self.asked: set[str] = set()

    @property
    def project(self) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.load(self._state.read_text("utf-8"), yaml.CSafeLoader)
        return loaded

    async def guarded(self, request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        """Let nobody in without a token, nothing be changed with the reader's, and fail as the file says."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        operates = self._operator and secrets.compare_digest(given, self._operator.encode())
        if not operates and not secrets.compare_digest(given, self._token.encode()):
            return _refused(401, "Unauthorized")
        if not operates and request.method not in ("GET", "HEAD"):
            return _refused(403, "Forbidden resource")
        failure = FAILURES[str(self.project.get("failure", "none"))]
        answer = await failure(self, request) or await call(request)
        answer.headers.update(MARK)
        return answer

    async def organization(self, request: Request) -> Response:
        return JSONResponse(answers.organization(self._known(request)))

    async def projects(self, request: Request) -> Response:
        return JSONResponse(answers.projects(self._known(request)))

    async def health(self, request: Request) -> Response:
        return JSONResponse(answers.health(self._known(request), request.query_params.getlist("services")))

    def of_project(
        self, answer: Callable[[answers.Project], Any]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(answer(self._known(request)))

        return endpoint

    async def change_addon(self, request: Request) -> Response:
        """Another compute size. What follows from it at Supabase (clients, connections) is not played."""
        body = await request.json()
        project = self._known(request)
        if body.get("addon_type") != "compute_instance" or not str(body.get("addon_variant")).startswith(
            "ci_"
        ):
            raise HTTPException(400)
        ordered = body["addon_variant"]
        self._write({**project, "compute": ordered, "running": ordered.removeprefix("ci_")})
        return Response()

    async def change_disk(self, request: Request) -> Response:
        """A larger disk, which the same data fills less; a disk never shrinks."""
        wanted = int((await request.json())["attributes"]["size_gb"])
        project = self._known(request)
        size, used = project["disk"]["size_gb"], float(str(project["disk"]["used"]).removesuffix("%"))
        if wanted < size:
            raise HTTPException(400)
        grown = {"size_gb": wanted, "used": f"{used * size / wanted:.4g}%"}
        self._write({**project, "disk": grown, "readonly": "off"})
        return Response(status_code=201)

    async def change_pooler(self, request: Request) -> Response:
        project, body = self._known(request), await request.json()
        pool = {
            **project["pooler"],
            **{key: body[key] for key in ("default_pool_size", "pool_mode") if key in body},
        }
        self._write({**project, "pooler": pool})
        return JSONResponse({key: pool[key] for key in ("default_pool_size", "pool_mode")})

    def _known(self, request: Request) -> dict[str, Any]:
        project = self.project
        known = {"ref": project["project"]["ref"], "slug": project["organization"]["slug"]}
        if any(known[name] != value for name, value in request.path_params.items()):
            raise HTTPException(404)
        return project

    def _write(self, project: Mapping[str, Any]) -> None:
        handle, name = tempfile.mkstemp(dir=self._state.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(dict(project), file, sort_keys=False)
        os.replace(name, self._state)


def _refused(status: int, message: str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"message": message}, status, {**MARK, **named})


async def _none(service: Service, request: Request) -> Response | None:
    return None


def _always(status: int, message: str, **headers: str) -> Any:
    async def failing(service: Service, request: Request) -> Response | None:
        return _refused(status, message, **headers)

    return failing


async def _limited_once(service: Service, request: Request) -> Response | None:
    """Over the rate limit for a second, once for each path."""
    if request.url.path in service.asked:
        return None
    service.asked.add(request.url.path)
    return _refused(429, "Too Many Requests", X_RateLimit_Reset="1", X_RateLimit_Remaining="0")


async def _forbidden_disk(service: Service, request: Request) -> Response | None:
    """A token that may read everything but the disk."""
    return _refused(403, "Forbidden resource") if "/config/disk" in request.url.path else None


async def _truncated(service: Service, request: Request) -> Response | None:
    # closed before the length that was promised
    return Response('{"plan": "pr', headers={"Content-Length": "4096"}, media_type="application/json")


async def _other_form(service: Service, request: Request) -> Response | None:
    return JSONResponse({"message": answers.SECRET, "plan": None})


async def _page(service: Service, request: Request) -> Response | None:
    return Response("<html>Please log in</html>", media_type="text/html")


async def _silent(service: Service, request: Request) -> Response | None:
    await asyncio.sleep(HANGS_SECONDS)
    return None


FAILURES: Mapping[str, Any] = {
    "none": _none,
    "unauthorized": _always(401, "Unauthorized"),
    "forbidden": _always(403, "Forbidden resource"),
    "forbidden disk": _forbidden_disk,
    "not found": _always(404, "Not Found"),
    "rate limited": _always(429, "Too Many Requests", Retry_After="60"),
    "rate limited once": _limited_once,
    "rate limited without end": _always(429, "Too Many Requests"),
    "broken": _always(500, "Internal Server Error"),
    "unavailable": _always(503, "Service Unavailable"),
    "truncated": _truncated,
    "other form": _other_form,
    "login page": _page,
    "silent": _silent,
}
"""The values of `failure` in the project's file."""

"""The application behind the guard: the page's files, and what the API answers."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from knowscape.errors import KnowscapeError, UsageError, first_line
from knowscape.page.api import Api, NotFoundError
from knowscape.page.entrance import ENTER, ENTRANCE_FILES, entrance_file
from knowscape.page.guard import PLACE, Access, Guard, cookie_name
from knowscape.page.limits import Limits
from knowscape.page.openapi import openapi

__all__ = ["create_app"]

# By this header of the page's files the page knows that more than files is behind it.
_MARK = {"knowscape-api": "1"}
_NOBODY = {"status": "ok", "search": "none", "place": "none", "reason": None}
_JSON = "application/json"
# The titles of 250,000 articles take 0.12 s instead of the 0.45 s of level 9, and are 2 % bigger.
_PACKING = 5
_LATER = {"retry-after": "5"}


def create_app(
    folder: Path, *, port: int, api: Api | None = None, access: Access = Access(), limits: Limits = Limits()
) -> Any:
    """Return the ASGI application that serves `folder`, and what `api` answers, on `port` to whom `access` lets in."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    class Files(StaticFiles):
        def file_response(self, *given: Any, **more: Any) -> Any:
            response = super().file_response(*given, **more)
            if api is not None:
                response.headers.update(_MARK)
            return response

    routes: list[Any] = [
        Route(path, end, methods=methods) for path, end, methods in _api_routes(api, access.token is not None, limits)
    ]
    if access.token is not None:
        routes += [
            Route(path, end, methods=methods) for path, end, methods in _entrance_routes(access, cookie_name(port))
        ]
    routes.append(Mount("/", Files(directory=folder, html=True)))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
    packed = GZipMiddleware(app, minimum_size=1024, compresslevel=_PACKING)
    return Guard(packed, port=port, access=access, limits=limits)


_Routes = list[tuple[str, Callable[[Any], Any], list[str]]]


def _api_routes(api: Api | None, token: bool, limits: Limits) -> _Routes:
    placing = asyncio.Lock()

    async def health(request: Any) -> Any:
        return await _tell(api.health if api else lambda: _NOBODY)

    async def find(request: Any) -> Any:
        return await _tell(_some(api).find, _parameters(request))

    async def place(request: Any) -> Any:
        body = await _body(request, limits.body)
        async with placing:  # who waits here takes no thread from the searches
            return await _tell(_some(api).place, body)

    async def neighbours(request: Any) -> Any:
        return await _tell(_some(api).neighbours, _parameters(request))

    async def document(request: Any) -> Any:
        return await _tell(_some(api).document, _parameters(request))

    async def described(request: Any) -> Any:
        return await _tell(lambda: openapi(token=token))

    get = ["GET"]
    return [
        ("/healthz", health, get),
        ("/api/search", find, get),
        (PLACE, place, ["POST"]),
        ("/api/neighbours", neighbours, get),
        ("/api/document", document, get),
        ("/api/openapi.json", described, get),
    ]


def _entrance_routes(access: Access, cookie: str) -> _Routes:
    from starlette.responses import JSONResponse, Response

    def file(name: str) -> Callable[[Any], Any]:
        async def told(request: Any) -> Any:
            return Response(entrance_file(name), media_type=ENTRANCE_FILES[name])

        return told

    async def enter(request: Any) -> Any:
        said = _json(await _body(request, limit=1024))
        token = said.get("token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not access.is_token(token):
            return JSONResponse({"error": "This is not the token that the server showed when it started."}, 401)
        # A link in a mail or a chat opens the map, too; requests of other sites' pages are refused by the guard.
        stays = f"{cookie}={token}; Path=/; HttpOnly; SameSite=Lax"
        return Response(status_code=204, headers={"set-cookie": stays})

    return [
        (ENTER, file("index.html"), ["GET"]),
        (ENTER, enter, ["POST"]),
        *((f"/{name}", file(name), ["GET"]) for name in ENTRANCE_FILES if name != "index.html"),
    ]


def _some(api: Api | None) -> Api:
    from starlette.exceptions import HTTPException

    if api is None:
        raise HTTPException(503, "This server has no atlas behind its page.")
    return api


async def _tell(answer: Callable[..., Any], *asked: Any) -> Any:
    """Answer with what a function of the API returns, or with why it does not."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    try:
        return JSONResponse(await run_in_threadpool(answer, *asked))
    except UsageError as error:
        return JSONResponse({"error": str(error)}, 400)
    except NotFoundError as error:
        return JSONResponse({"error": str(error)}, 404)
    except KnowscapeError as error:
        return JSONResponse({"error": first_line(error)}, 503, headers=_LATER)


async def _refused(request: Any, error: Any) -> Any:
    from starlette.responses import JSONResponse

    headers = {**(error.headers or {}), **(_LATER if error.status_code == 503 else {})}
    return JSONResponse({"error": error.detail}, error.status_code, headers=headers)


def _parameters(request: Any) -> dict[str, list[str]]:
    return {name: request.query_params.getlist(name) for name in request.query_params}


async def _body(request: Any, limit: int) -> bytes:
    """Return what a request holds, at most `limit` bytes of JSON, however much it sends."""
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(415, f"Accepted: {_JSON}.")
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > limit:
                raise HTTPException(413, f"A request has at most {limit} bytes.")
    except ClientDisconnect as gone:
        raise HTTPException(400, "The request did not arrive whole.") from gone
    return bytes(found)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

"""The page on localhost: static files, a strict policy, and no other host's requests."""

import socket
import sys
from pathlib import Path
from typing import Any

from knowscape.errors import UsageError
from knowscape.page.policy import OWN_FILES
from knowscape.page.search import SearchService

__all__ = ["create_app", "listen", "serve"]

_HEADERS = {
    "Content-Security-Policy": f"{OWN_FILES}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PORTS_TRIED = 20


def create_app(folder: Path, *, port: int, search: SearchService | None = None) -> Any:
    """Return the ASGI application that serves `folder`, and answers searches, to this machine alone, on `port`."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")}
    origins = {f"http://{host}" for host in hosts}

    async def health(request: Any) -> Any:
        return JSONResponse({"status": "ok", "search": search.state if search else "none"})

    async def find(request: Any) -> Any:
        if search is None or search.state != "ready":
            why = search.reason or "The index is being made." if search else "This server has no index."
            return JSONResponse({"error": why}, 503, headers={"Retry-After": "5"})
        asked = {name: request.query_params.getlist(name) for name in request.query_params}
        try:
            return JSONResponse(await run_in_threadpool(search.answer, asked))
        except UsageError as error:
            return JSONResponse({"error": str(error)}, 400)

    routes = [
        Route("/healthz", health), Route("/api/search", find), Mount("/", StaticFiles(directory=folder, html=True))
    ]  # fmt: skip
    files = Starlette(routes=routes)
    served = GZipMiddleware(files, minimum_size=1024)

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await files(scope, receive, send)
            return
        asked = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in _HEADERS.items()),
                ]
            await send(message)

        refusal = None
        if asked.get("host") not in hosts:
            refusal = PlainTextResponse("This server answers to localhost only.", 421)
        elif asked.get("origin", next(iter(origins))) not in origins:
            refusal = PlainTextResponse("Requests of other origins are refused.", 403)
        elif scope["method"] not in {"GET", "HEAD"}:
            refusal = PlainTextResponse("Accepted: GET, HEAD.", 405)
        await (refusal or served)(scope, receive, send_with_headers)

    return guarded


def serve(folder: Path, *, port: int, search: SearchService | None = None, open_browser: bool = False) -> None:
    """Serve `folder`, and searches, on localhost until interrupted, on the first free port from `port` on."""
    import webbrowser

    import uvicorn

    listener, chosen = listen(port)
    address = f"http://localhost:{chosen}/"
    sys.stderr.write(f"The map is at {address} (Ctrl-C stops it)\n")
    sys.stderr.flush()
    if search is not None:
        search.start()
    if open_browser:
        webbrowser.open(address)
    config = uvicorn.Config(create_app(folder, port=chosen, search=search), log_level="warning", access_log=False)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        if search is not None:
            search.stop()


def listen(port: int) -> tuple[socket.socket, int]:
    """Return a socket that listens on localhost at `port` or the next free one, and the port it got."""
    for candidate in range(port, min(port + _PORTS_TRIED, 65536)):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen()
        except OSError:
            listener.close()
            continue
        return listener, candidate
    raise UsageError(f"The ports {port} to {port + _PORTS_TRIED - 1} are all taken. Choose another with --port.")

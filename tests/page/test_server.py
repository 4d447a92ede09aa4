"""The server answers to this machine alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from knowscape.page.server import create_app


def ask(folder: Path, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send one request to the application and return status, headers and body."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asked = {"host": "localhost:8000", **headers}
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in asked.items()], "root_path": "",
        "scheme": "http", "server": ("localhost", 8000), "client": ("127.0.0.1", 1), "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(create_app(folder, port=8000)(scope, receive, send))
    start = sent[0]
    head = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], head, b"".join(m.get("body", b"") for m in sent[1:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<p>map</p>")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "page"


def test_the_page_comes_with_a_strict_policy(folder: Path) -> None:
    status, headers, body = ask(folder, "/")
    assert (status, body) == (200, b"<p>map</p>")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:80", "127.0.0.1:8001", "localhost:8000.evil.example", ""]
)
def test_another_host_is_refused(folder: Path, host: str) -> None:
    assert ask(folder, "/", host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost:8000"])
def test_a_foreign_origin_is_refused(folder: Path, origin: str) -> None:
    assert ask(folder, "/", origin=origin)[0] == 403


@pytest.mark.parametrize("path", ["/../secret", "/..%2fsecret", "//etc/passwd", "/%2e%2e/secret", "/..\\secret"])
def test_nothing_outside_the_page_is_served(folder: Path, path: str) -> None:
    status, _, body = ask(folder, path)
    assert status == 404
    assert b"secret" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(folder: Path, method: str) -> None:
    assert ask(folder, "/", method=method)[0] == 405


def test_health_is_answered(folder: Path) -> None:
    assert ask(folder, "/healthz")[0] == 200

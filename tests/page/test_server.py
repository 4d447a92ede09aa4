"""The server answers to this machine alone."""

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from visitor import port_of, served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    (root / "page").mkdir()
    (root / "page" / "index.html").write_text("<p>map</p>")
    (root / "secret").write_text("secret")
    (root / "page" / "link").symlink_to(root / "secret")
    (root / "page" / "folder").symlink_to(root)
    return root / "page"


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with served(folder) as address:
        yield port_of(address)


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send one request exactly as written and return status, headers and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"host": f"localhost:{port}", **headers}.items():
        connection.putheader(name, value.format(port=port, other=port + 1))
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def test_the_page_comes_with_a_strict_policy(port: int) -> None:
    status, headers, body = ask(port, "/")
    assert (status, body) == (200, b"<p>map</p>")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:80", "127.0.0.1:{other}", "localhost:{port}.evil.example", ""]
)
def test_another_host_is_refused(port: int, host: str) -> None:
    assert ask(port, "/", host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost:{port}"])
def test_a_foreign_origin_is_refused(port: int, origin: str) -> None:
    assert ask(port, "/", origin=origin)[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/../secret", "/..%2fsecret", "//etc/passwd", "/%2e%2e/secret", "/..\\secret", "/link", "/folder/secret"],
)
def test_nothing_outside_the_page_is_served(port: int, path: str) -> None:
    status, _, body = ask(port, path)
    assert status == 404
    assert b"secret" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(port: int, method: str) -> None:
    assert ask(port, "/", method=method)[0] == 405


def test_health_is_answered(port: int) -> None:
    assert ask(port, "/healthz")[0] == 200

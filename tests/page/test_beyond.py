"""Beyond this machine a token is asked for; and a server that is stopped ends in order."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from visitor import port_of, served

from conftest import COMMAND
from knowscape.errors import UsageError
from knowscape.page.guard import Access
from knowscape.page.limits import Limits
from knowscape.page.server import access_for, listen
from small_atlas import small_atlas

TOKEN = "a-token-that-only-the-link-holds"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    (root / "index.html").write_text("<p>map</p>")
    (root / "titles.json").write_text('["secret title"]')
    return root


@pytest.fixture(scope="module")
def port(page: Path) -> Iterator[int]:
    with served(page, access=Access(token=TOKEN), limits=Limits(rate=1000, burst=1000)) as address:
        yield port_of(address)


def ask(
    port: int, path: str, body: Any = None, *, source: str = "127.0.0.1", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    kind = {"Content-Type": "application/json"} if body is not None else {}
    sent = {"Host": f"localhost:{port}", **kind, **headers}
    connection.request("POST" if kind else "GET", path, body=json.dumps(body) if kind else None, headers=sent)
    answer = connection.getresponse()
    told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return told


@pytest.mark.parametrize("path", ["/", "/titles.json", "/healthz", "/api/search?q=a", "/api/openapi.json", "/none"])
@pytest.mark.parametrize(
    "brought",
    [
        {}, {"Cookie": "knowscape-{port}="}, {"Cookie": "knowscape-{port}=wrong"}, {"Cookie": "knowscape-1={token}"},
        {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"}, {"Cookie": "knowscape-{port}={token}x"},
    ],
)  # fmt: skip
def test_without_the_token_nothing_is_told(port: int, path: str, brought: dict[str, str]) -> None:
    headers = {name: value.format(port=port, token=TOKEN) for name, value in brought.items()}
    status, answered, body = ask(port, path, **headers)
    assert status == 401
    assert answered["www-authenticate"] == "Bearer"
    assert "token" in json.loads(body)["error"]
    assert b"secret" not in body


def test_a_browser_is_shown_what_to_do(port: int) -> None:
    status, headers, body = ask(port, "/", Accept="text/html,*/*")
    assert status == 401
    assert headers["content-type"].startswith("text/html")
    assert b"Open the link that the server showed" in body
    assert "unsafe" not in headers["content-security-policy"]
    for name in re.findall(rb'(?:src|href)="(/[^"]+)"', body):
        assert ask(port, name.decode())[0] == 200


@pytest.mark.parametrize("brought", [{"Authorization": f"Bearer {TOKEN}"}, {"Cookie": "a=b; knowscape-PORT=" + TOKEN}])
def test_with_the_token_everything_is_as_ever(port: int, brought: dict[str, str]) -> None:
    headers = {name: value.replace("PORT", str(port)) for name, value in brought.items()}
    assert ask(port, "/", **headers)[2] == b"<p>map</p>"
    assert ask(port, "/healthz", **headers)[0] == 200


def test_the_token_is_exchanged_for_a_cookie_that_no_script_reads(port: int) -> None:
    for wrong in ({}, {"token": "wrong"}, {"token": 1}, {"token": TOKEN[:-1]}, [], "x", {"token": "\ud800"}):
        assert ask(port, "/enter", wrong)[0] == 401
    assert ask(port, "/enter", {"token": "x" * 2000})[0] == 413
    status, headers, body = ask(port, "/enter", {"token": TOKEN})
    assert (status, body) == (204, b"")
    assert headers["set-cookie"] == f"knowscape-{port}={TOKEN}; Path=/; HttpOnly; SameSite=Lax"
    assert ask(port, "/enter", {"token": TOKEN}, Origin="http://evil.example")[0] == 403
    assert headers["referrer-policy"] == "no-referrer"


def test_a_client_that_asks_too_often_waits_and_the_others_do_not(page: Path) -> None:
    with served(page, limits=Limits(rate=2, burst=4)) as address:
        port = port_of(address)
        told = [ask(port, "/api/openapi.json") for _ in range(6)]
        assert [status for status, _, _ in told] == [200] * 4 + [429] * 2
        assert told[-1][1]["retry-after"] == "1"
        assert ask(port, "/")[0] == 200, "the page's own files are not counted"
        assert ask(port, "/api/openapi.json", source="127.0.0.2")[0] == 200
        time.sleep(1)
        assert ask(port, "/api/openapi.json")[0] == 200


def test_guesses_of_the_token_are_counted(page: Path) -> None:
    with served(page, access=Access(token=TOKEN), limits=Limits(rate=0.1, burst=5)) as address:
        statuses = [ask(port_of(address), "/enter", {"token": str(n)})[0] for n in range(8)]
    assert statuses == [401] * 5 + [429] * 3


def test_one_client_may_not_hold_all_connections(page: Path) -> None:
    with served(page, limits=Limits(each=3)) as address:
        port = port_of(address)
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        time.sleep(0.3)
        with pytest.raises((ConnectionError, OSError)):
            ask(port, "/")
        assert ask(port, "/", source="127.0.0.2")[0] == 200
        for connection in held:
            connection.close()
        time.sleep(0.3)
        assert ask(port, "/")[0] == 200


@pytest.mark.parametrize(
    ("host", "asked"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("127.0.0.2", False), ("0.0.0.0", True), ("::", True)],
)
def test_who_listens_beyond_this_machine_asks_for_a_token(host: str, asked: bool) -> None:
    try:
        listener, _ = listen(18_700, host)
    except UsageError:
        pytest.skip("this machine has no such address")
    with closing(listener):
        access, other = access_for(listener, host), access_for(listener, host)
    assert (access.token is not None) == asked
    assert access.numbers == asked
    if asked:
        assert access.token != other.token
        assert len(access.token or "") >= 40


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "", "a" * 300, "localhost; rm"])
def test_a_host_that_is_not_this_machine_is_refused_with_what_is_accepted(host: str) -> None:
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 for all"):
        listen(18_700, host)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("10.1.2.3:80", True), ("10.1.2.3", True), ("[fe80::1]:80", True), ("LOCALHOST", True),
        ("evil.example:80", False), ("10.1.2.3:8000", False), ("1e1.2.3", False), ("10.1.2.3.", False),
        ("[10.1.2.3]", False), ("", False),
    ],
)  # fmt: skip
def test_all_addresses_are_known_in_numbers_and_no_foreign_name(host: str, known: bool) -> None:
    assert Access(numbers=True).knows(host, 80) == known


def link(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().split()[4]


def test_the_command_shows_a_link_with_the_token_and_asks_for_it(tmp_path: Path) -> None:
    small_atlas(tmp_path / "a.atlas")
    command = [*COMMAND, "serve", str(tmp_path / "a.atlas"), "--host", "0.0.0.0", "--port", "18720"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            found = re.fullmatch(r"http://([^/]+):(\d+)/enter#([\w-]{40,})", link(process))
            assert found is not None
            name, port, token = found[1], int(found[2]), found[3]
            host = {"Host": f"{name}:{port}"}
            assert wait_for(lambda: ask(port, "/", **host))[0] == 401
            assert ask(port, "/enter", **host)[0] == 200
            assert ask(port, "/enter", {"token": token}, **host)[0] == 204
            assert ask(port, "/", Authorization=f"Bearer {token}", **host)[0] == 200
            assert ask(port, "/", Authorization=f"Bearer {token}", Host=f"evil.example:{port}")[0] == 421
        finally:
            process.terminate()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "not encrypted" in said
    assert token not in said, "it is shown once"


def wait_for(asked: Any, seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while True:
        try:
            return asked()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    threads = Path(f"/proc/{pid}/task").glob("*/children") if found.exists() else []
    return [int(child) for path in threads for child in path.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_server_that_is_stopped_takes_its_processes_with_it(
    sample_atlas: Path, tmp_path: Path, sent: int, code: int
) -> None:
    """It is stopped while the index is made, in a process of its own."""
    atlas = tmp_path / "a.atlas"
    subprocess.run(["cp", "-r", sample_atlas, atlas], check=True)
    subprocess.run(["rm", "-rf", atlas / "search"], check=True)
    command = [*COMMAND, "serve", str(atlas), "--port", "18740"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        link(process)
        end = time.monotonic() + 30
        while not (started := children(process.pid)):
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(sent)
        assert process.wait(30) == code
        assert not [pid for pid in started if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Slow:
    """Something whose health takes a while to tell."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def health(self) -> dict[str, str]:
        self.asked.set()
        time.sleep(1)
        return {"status": "slowly"}


def test_an_answer_that_is_being_given_is_finished_before_the_server_ends(page: Path) -> None:
    slow, told = Slow(), list[bytes]()
    with served(page, slow) as address:  # type: ignore[arg-type]
        asker = threading.Thread(target=lambda: told.append(ask(port_of(address), "/healthz")[2]))
        asker.start()
        assert slow.asked.wait(10)
    asker.join(10)
    assert told == [b'{"status":"slowly"}']
    with pytest.raises(OSError, match="refused"):
        ask(port_of(address), "/healthz")

"""What nobody should ask is refused, and what nobody should write into an article stays data."""

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest
from hostile_texts import HOSTILE, MEGABYTE, METADATA, TITLES, Hostile, id_of, text_of
from visitor import port_of, served

from knowscape.page.limits import Limits

PATIENCE = 1.0
LIMITS = Limits(rate=1000, burst=10_000, sending=PATIENCE, stalled=PATIENCE)


@pytest.fixture(scope="module")
def port(hostile: Hostile) -> Iterator[int]:
    with served(hostile.page, hostile.api, limits=LIMITS) as address:
        yield port_of(address)


def exchange(port: int, request: str | bytes, *, wait: float = 10) -> bytes:
    """Send bytes as they are and return all that comes back until the connection is closed or nothing comes."""
    raw = request if isinstance(request, bytes) else request.encode("latin-1")
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        try:
            connection.sendall(raw.replace(b"PORT", str(port).encode()).replace(b"OTHER", str(port + 1).encode()))
            while piece := connection.recv(65536):
                found += piece
                head, _, body = found.partition(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if lengths and len(body) >= int(lengths[0].split(b":")[1]):
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass
    return found


def status_of(answer: bytes) -> int:
    """Return an answer's status, 0 where the connection was closed without one."""
    return int(answer.split()[1]) if answer else 0


def get(path: str = "/", *headers: str, method: str = "GET", host: str | None = "localhost:PORT") -> str:
    lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    return "\r\n".join([*lines, "", ""])


def post(body: str = '{"text": "a"}', *headers: str, kind: str | None = "application/json") -> str:
    lines = [f"Content-Type: {kind}"] if kind else []
    return get("/api/place", *lines, f"Content-Length: {len(body)}", *headers, method="POST") + body


_SEARCH = "/api/search?q=a"
REFUSED: dict[str, tuple[str | bytes, int]] = {
    # The host: names that may point here (DNS rebinding), and ways to write one that is not this.
    "another host": (get(host="evil.example"), 421),
    "another host with our port": (get(host="evil.example:PORT"), 421),
    "our name without a port": (get(host="localhost"), 421),
    "our name with another port": (get(host="localhost:OTHER"), 421),
    "our name as the beginning of another": (get(host="localhost:PORT.evil.example"), 421),
    "our name as a user": (get(host="localhost:PORT@evil.example"), 421),
    "a name with a dot at the end": (get(host="localhost.:PORT"), 421),
    "an address as one number": (get(host="2130706433:PORT"), 421),
    "an address in hexadecimal": (get(host="0x7f.1:PORT"), 421),
    "every address": (get(host="0.0.0.0:PORT"), 421),
    "two hosts in one": (get(host="localhost:PORT, evil.example"), 421),
    "an empty host": (get(host=""), 421),
    "a broken address": (get(host="[::1:PORT"), 421),
    "two hosts": (get("/", "Host: evil.example"), 400),
    "no host": (get(host=None), 400),
    "no host in the old way": ("GET / HTTP/1.0\r\n\r\n", 421),
    "a proxy's request": (get("http://evil.example/"), 400),
    # Pages of other sites.
    "another origin": (get(_SEARCH, "Origin: http://evil.example"), 403),
    "no site's origin": (get(_SEARCH, "Origin: null"), 403),
    "our name under another scheme": (get("/", "Origin: https://localhost:PORT"), 403),
    "another port's origin": (get("/", "Origin: http://localhost:OTHER"), 403),
    "our address as the origin of our name": (get("/", "Origin: http://127.0.0.1:PORT"), 403),
    "two origins": (get("/", "Origin: http://localhost:PORT", "Origin: http://evil.example"), 403),
    "a text from another origin": (post('{"text": "a"}', "Origin: http://evil.example"), 403),
    "another site's script": (get(_SEARCH, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), 403),
    "another port's frame": (get("/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors"), 403),
    # Ways out of the folder.
    "a path upwards": (get("/../atlas.json"), 404),
    "a path upwards in code": (get("/%2e%2e/atlas.json"), 404),
    "a path upwards in code twice": (get("/%252e%252e/atlas.json"), 404),
    "a path upwards from a folder": (get("/data/../../atlas.json"), 404),
    "a path upwards with backslashes": (get("/..\\atlas.json"), 404),
    "a path from the root": (get("//etc/passwd"), 404),
    "a file's address": (get("/file:///etc/passwd"), 404),
    "a path with a null byte": (get("/index.html%00.png"), 404),
    "a path that is no text": (get("/%ff%fe"), 404),
    "a name that is too long": (get("/" + "a" * 5000), 404),
    # Methods.
    "a text for the page": (get("/", "Content-Length: 0", method="POST"), 405),
    "a file put": (get("/index.html", "Content-Length: 0", method="PUT"), 405),
    "a file deleted": (get("/index.html", method="DELETE"), 405),
    "options": (get(_SEARCH, method="OPTIONS"), 405),
    "a trace": (get("/", method="TRACE"), 405),
    "a tunnel": (get("evil.example:443", method="CONNECT"), 405),
    "a method nobody knows": (get("/", method="BREW"), 405),
    "a place by GET": (get("/api/place"), 405),
    # Sizes.
    "a promise of gigabytes": (get("/api/place", "Content-Length: 9999999999", method="POST"), 413),
    "a length of many digits": (get("/api/place", "Content-Length: " + "9" * 19, method="POST"), 413),
    "too many bytes": (post("{" + " " * LIMITS.body + "}"), 413),
    "too many bytes in pieces": (
        get("/api/place", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
        + "10000\r\n" + " " * 65536 + "\r\n" + "40000\r\n" + " " * 262144 + "\r\n0\r\n\r\n", 413,
    ),
    "a text that is too long": (post(json.dumps({"text": "a" * 20_001})), 400),
    "a search with a body": (get(_SEARCH, "Content-Length: 5") + "hello", 400),
    "a search with a body in pieces": (get(_SEARCH, "Transfer-Encoding: chunked") + "0\r\n\r\n", 400),
    "an address of 100,000 characters": (get("/?" + "a" * 100_000), 414),
    "a header of 100,000 characters": (get("/", "X: " + "a" * 100_000), 431),
    "a query of 2,001 characters": (get("/api/search?q=" + "a" * 2001), 400),
    "a number of 5,000 digits": (get(_SEARCH + "&k=" + "9" * 5000), 400),
    "21 filters": (get(_SEARCH + "&filter=a%3D1" * 21), 400),
    "a filter of brackets": (get(_SEARCH + "&filter=a%3D" + "[" * 20_000), 400),
    # What a request should not hold.
    "an unknown parameter": (get(_SEARCH + "&debug=1"), 400),
    "a parameter twice": (get(_SEARCH + "&q=b"), 400),
    "an empty query": (get("/api/search?q=%20"), 400),
    "more hits than there may be": (get(_SEARCH + "&k=101"), 400),
    "a number in other digits": (get(_SEARCH + "&k=" + quote("٣")), 400),
    "an article that is not there": (get("/api/document?id=none"), 404),
    "neighbours of nothing": (get("/api/neighbours?id=d0&k=0"), 400),
    "no JSON": (post("text"), 400),
    "JSON without end": (post("[" * 100_000), 400),
    "a number for a text": (post('{"text": 1}'), 400),
    "a number without end": (post('{"text": ' + "1" * 10_000 + "}"), 400),
    "a text and more": (post('{"text": "a", "model": "/etc/passwd"}'), 400),
    "a text without words": (post('{"text": " "}'), 400),
    "bytes that are no text": (post('{"text": "\xff"}'), 400),
    "a text of another kind": (post("text=a", kind="text/plain"), 415),
    "a form": (post("text=a", kind="application/x-www-form-urlencoded"), 415),
    "a text of no kind": (post(kind=None), 415),
    # Ranges.
    "a range of letters": (get("/index.html", "Range: bytes=a-b"), 400),
    "a range that runs backwards": (get("/index.html", "Range: bytes=5-2"), 400),
    "a range without numbers": (get("/index.html", "Range: bytes=-"), 400),
    "a range of another unit": (get("/index.html", "Range: lines=1-2"), 400),
    "a range without unit": (get("/index.html", "Range: 0-1"), 400),
    "a range of nothing": (get("/index.html", "Range: bytes=-0"), 416),
    "a range beyond the end": (get("/index.html", "Range: bytes=99999999-"), 416),
    "a range of many digits": (get("/index.html", "Range: bytes=" + "9" * 5000 + "-"), 400),
    # What is no HTTP, or two requests in one.
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", 400),
    "a header without a name": (get("/", ": value"), 400),
    "a space before the colon": (get("/", "Origin : http://evil.example"), 400),
    "a null byte in a header": (get("/", "X: a\x00b"), 400),
    "two lengths": (post("{}", "Content-Length: 3"), 400),
    "a length below nothing": (get("/api/place", "Content-Length: -1", method="POST"), 400),
    "a length with a sign": (get("/api/place", "Content-Length: +5", method="POST"), 400),
    "an unknown encoding": (get("/api/place", "Transfer-Encoding: gzip, chunked", method="POST"), 400),
    "letters outside ASCII in the address": (get("/\xe4"), 400),
}  # fmt: skip
NEVER_DONE = {
    "silence": "",
    "half a head": "GET / HTTP/1.1\r\nHost: localhost:PORT\r\n",
    "half a body": post('{"text": "a"}')[:-3],
    "half a second request": get("/healthz") + "GET / HTT",
    "a body that nobody waits for": get("/", "Content-Length: 100", method="POST"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_request_is_refused(port: int, name: str) -> None:
    request, status = REFUSED[name]
    answer = exchange(port, request)
    assert status_of(answer) == status, answer[:300]
    assert b"corpus" not in answer, "nothing of the atlas beside its page"
    assert b"Traceback" not in answer


def test_there_are_sixty_of_them_and_the_server_lives(port: int) -> None:
    assert len(REFUSED) + len(NEVER_DONE) >= 60
    assert status_of(exchange(port, get("/healthz"))) == 200


@pytest.mark.parametrize("name", NEVER_DONE)
def test_a_request_that_never_ends_is_ended(port: int, name: str) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(NEVER_DONE[name].replace("PORT", str(port)).encode())
        while _received(connection):
            pass
    # After five seconds uvicorn itself closes a connection on which nothing comes.
    assert PATIENCE * 0.9 < time.monotonic() - started < PATIENCE + 3.5


def test_a_request_that_trickles_does_not_win_time_by_every_byte(port: int) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nX: ".encode())
        while time.monotonic() - started < PATIENCE + 5:
            try:
                connection.sendall(b"a")
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
    assert PATIENCE * 0.9 < time.monotonic() - started < PATIENCE + 5


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def test_an_answer_that_nobody_takes_is_dropped(port: int) -> None:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    with connection:
        row = len(HOSTILE)
        asked = get(f"/api/document?id={quote(id_of(row), safe='')}").replace("PORT", str(port))
        connection.sendall((asked * 8).encode())
        time.sleep(3 * PATIENCE)
        connection.settimeout(10)
        found = 0
        while piece := _received(connection):
            found += len(piece)
    assert found < 8 * len(MEGABYTE) // 2


def ask(port: int, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    kind = {"Content-Type": "application/json"} if body is not None else {}
    headers = {"Host": f"localhost:{port}", **kind}
    connection.request("POST" if kind else "GET", path, body=json.dumps(body) if kind else None, headers=headers)
    answer = connection.getresponse()
    told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read())
    connection.close()
    return told


@pytest.mark.parametrize("row", range(len(TITLES)))
def test_hostile_titles_and_texts_come_back_as_data(port: int, row: int) -> None:
    status, headers, told = ask(port, f"/api/document?id={quote(id_of(row), safe='')}")
    assert status == 200
    assert (told["id"], told["row"], told["title"]) == (id_of(row), row, TITLES[row])
    assert told["text"] == text_of(row)
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert told["metadata"] == {**METADATA, "none": None, "<b>": ["<script>", {"deep": None}]}


@pytest.mark.parametrize("title", [*HOSTILE[:-1], "\ud800 half a pair"], ids=range(len(HOSTILE)))
def test_a_hostile_title_is_a_query_and_a_text_like_any_other(port: int, title: str) -> None:
    asked = quote(title[:300].encode("utf-8", "surrogatepass"))
    status, _, told = ask(port, f"/api/search?q={asked}&k=3")
    assert status == 200
    assert [hit["rank"] for hit in told["hits"]] == [1, 2, 3]
    for hit in told["hits"]:
        assert hit["title"] == TITLES[hit["row"]]
        assert len(hit["passage"]) <= 4000
        assert all(0 <= a < b <= len(hit["passage"]) for a, b in hit["highlights"])
        start, end = hit["span"]
        assert text_of(hit["row"])[start:end] == hit["passage"]
    status, _, told = ask(port, "/api/place", {"text": title})
    assert status == 200
    assert {TITLES[near["row"]] == near["title"] for near in told["neighbours"]} == {True}

"""Who may ask what, decided before a request reaches the application: host, origin, method, size, rate, token."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from ipaddress import ip_address
from math import ceil
from typing import Any

from knowscape.page.entrance import ENTER, entrance_file
from knowscape.page.limits import Allowance, Limits, client_of
from knowscape.page.policy import OWN_FILES

__all__ = ["HEAD", "LOCAL", "PLACE", "Access", "Guard", "cookie_name"]

# The longest query, each character of which may be twelve in an address, with filters, and what browsers send.
HEAD = 64 * 1024
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HEADERS = {
    "content-security-policy": f"{OWN_FILES}; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PLACE = "/api/place"
_READ = ("GET", "HEAD")
_METHODS = {PLACE: ("POST",), ENTER: (*_READ, "POST")}
# What the page of another site may make a browser do: open the map in a window of its own.
_OWN_SITE, _OPENS = ("same-origin", "none"), "navigate"
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(:(?P<port>[0-9]+))?")

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in: who calls the server by one of `names` or, with `numbers`, by any address, and has the `token`.

    A name that is not the server's own is refused since it may be another site's that points here (DNS rebinding);
    an address in numbers cannot.  Without a token everybody is let in who reaches the server.
    """

    names: frozenset[str] = LOCAL
    numbers: bool = False
    token: str | None = None

    def knows(self, host: str, port: int) -> bool:
        """Return whether a request that names this host and port is meant for the server."""
        found = _HOST.fullmatch(host.lower())
        if found is None or (found["port"] or "80") != str(port):
            return False
        name = found["name"]
        return name in self.names or (self.numbers and _is_address(name))

    def admits(self, headers: Mapping[str, list[str]], cookie: str) -> bool:
        """Return whether a request brings the token, in `cookie` or as `Authorization: Bearer`."""
        if self.token is None:
            return True
        brought = [
            value
            for line in headers.get("cookie", [])
            for name, _, value in (part.strip().partition("=") for part in line.split(";"))
            if name == cookie
        ]
        for line in headers.get("authorization", []):
            scheme, _, value = line.partition(" ")
            if scheme.lower() == "bearer":
                brought.append(value.strip())
        return any(self.is_token(value) for value in brought)

    def is_token(self, said: str) -> bool:
        """Return whether this is the token; how long that takes does not tell how much of it is right."""
        return self.token is not None and compare_digest(said.encode("utf-8", "replace"), self.token.encode())


def _is_address(name: str) -> bool:
    """Return whether this is an IPv4 address, or an IPv6 address in brackets."""
    try:
        return bool(ip_address(name.strip("[]"))) and name.startswith("[") == (":" in name)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()


class Guard:
    """The application `app` on `port`, behind what is refused; every answer gets the headers of a strict policy."""

    def __init__(self, app: Any, *, port: int, access: Access, limits: Limits) -> None:
        self._app, self._port, self._access, self._limits = app, port, access, limits
        self._allowance = Allowance(limits.rate, limits.burst)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return  # there is nothing to start or to stop, and no web socket
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        cached = "no-store" if scope["path"].startswith("/api/") else "no-cache"

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                ours = {**_HEADERS, "cache-control": cached}
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in ours.items())]
            await send(message)

        refusal = (
            self._strange(scope, headers)
            or self._too_much(scope, headers)
            or self._too_often(scope)
            or self._strangers(scope, headers)
        )
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        elif refusal.status == 401 and not scope["path"].startswith("/api/") and _wants_page(headers):
            await _answer(send_with_headers, refusal, entrance_file("index.html"), "text/html; charset=utf-8")
        else:
            body = json.dumps({"error": refusal.why}).encode()
            await _answer(send_with_headers, refusal, body, "application/json")

    def _strange(self, scope: Any, headers: Mapping[str, list[str]]) -> _Refusal | None:
        """Refuse what is not meant for this server, or comes from another site's page."""
        hosts, path = headers.get("host", []), scope["path"]
        if len(hosts) != 1 or not self._access.knows(hosts[0], self._port):
            names = ", ".join(sorted(self._access.names))
            return _Refusal(421, f"This server answers to {names} only, at port {self._port}.")
        if any(origin != f"http://{hosts[0]}" for origin in headers.get("origin", [])):
            return _Refusal(403, "Requests of other origins are refused.")
        sites, modes = headers.get("sec-fetch-site", []), headers.get("sec-fetch-mode", [])
        if any(site not in _OWN_SITE for site in sites) and modes != [_OPENS]:
            return _Refusal(403, "Requests of other sites' pages are refused.")
        accepted = _METHODS.get(path, _READ)
        if scope["method"] not in accepted:
            return _Refusal(405, f"Accepted: {', '.join(accepted)}.", (("allow", ", ".join(accepted)),))
        return None if path.startswith("/") else _Refusal(400, "A path begins with a slash.")

    def _too_much(self, scope: Any, headers: Mapping[str, list[str]]) -> _Refusal | None:
        """Refuse what is too large, or larger than it may say."""
        lengths = headers.get("content-length", [])
        if len(scope["raw_path"]) + len(scope["query_string"]) > HEAD:
            return _Refusal(414, f"An address has at most {HEAD} characters.")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD:
            return _Refusal(431, f"Headers have at most {HEAD} characters.")
        if any(not length.isascii() or not length.isdigit() for length in lengths):
            return _Refusal(400, "A length is a number of bytes.")
        if any(len(length) > 12 or int(length) > self._limits.body for length in lengths):
            return _Refusal(413, f"A request has at most {self._limits.body} bytes.")
        if scope["method"] in _READ and (lengths not in ([], ["0"]) or "transfer-encoding" in headers):
            return _Refusal(400, f"A request by {scope['method']} has no body.")
        return None

    def _too_often(self, scope: Any) -> _Refusal | None:
        """Refuse what a client asks more often than it may: of the API, and for the way in."""
        path = scope["path"]
        if not path.startswith("/api/") and path != ENTER:
            return None
        client = client_of(scope["client"][0] if scope["client"] else "")
        wait = self._allowance.take(client, self._limits.placement if path == PLACE else 1)
        again = (("retry-after", str(ceil(wait))),)
        return _Refusal(429, f"That is too often. Ask again in {ceil(wait)} s.", again) if wait else None

    def _strangers(self, scope: Any, headers: Mapping[str, list[str]]) -> _Refusal | None:
        """Refuse who has no token where there is one; the way to bring it is open."""
        path = scope["path"]
        if path == ENTER or path.startswith(f"{ENTER}.") or self._access.admits(headers, cookie_name(self._port)):
            return None
        why = "This map asks for a token. Open the link that the server showed when it started."
        return _Refusal(401, why, (("www-authenticate", "Bearer"),))


def cookie_name(port: int) -> str:
    """Return the name of the cookie that holds the token; a browser sends cookies to every port of a host."""
    return f"knowscape-{port}"


def _wants_page(headers: Mapping[str, list[str]]) -> bool:
    return any("text/html" in line for line in headers.get("accept", []))


async def _answer(send: Send, refusal: _Refusal, body: bytes, kind: str) -> None:
    given = [("content-type", kind), ("content-length", str(len(body))), *refusal.headers]
    headers = [(name.encode(), value.encode()) for name, value in given]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

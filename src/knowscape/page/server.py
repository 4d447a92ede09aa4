"""The page and its API over HTTP: for this machine alone, unless another host is named, which asks for a token."""

import errno
import secrets
import signal
import socket
import sys
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from knowscape.errors import UsageError
from knowscape.page.api import Api
from knowscape.page.app import create_app
from knowscape.page.entrance import ENTER
from knowscape.page.guard import HEAD, LOCAL, Access
from knowscape.page.limits import Limits
from knowscape.page.patience import patient

__all__ = ["access_for", "listen", "make_server", "serve"]

_LOCALHOST, _EVERYWHERE = "127.0.0.1", ("0.0.0.0", "::")
_PORTS_TRIED = 20
_TERMINATED = 143
_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def serve(
    folder: Path,
    *,
    host: str = _LOCALHOST,
    port: int,
    api: Api | None = None,
    limits: Limits = Limits(),
    open_browser: bool = False,
) -> None:
    """Serve `folder`, and what `api` answers, until interrupted, on the first free port from `port` on.

    Beyond this machine a token is asked for, which only the link that is printed holds.  Raises UsageError where
    `host` is no address of this machine, or every port is taken.
    """
    import webbrowser

    listener, chosen = listen(port, host)
    access = access_for(listener, host)
    address = f"http://{_name(listener, host)}:{chosen}/"
    _say(address, chosen, access)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        if api is not None:
            api.start()
        if open_browser and access.token is None:
            webbrowser.open(address)
        app = create_app(folder, port=chosen, api=api, access=access, limits=limits)
        make_server(app, limits).run(sockets=[listener])
    finally:
        if api is not None:
            api.stop()
        signal.signal(signal.SIGTERM, before)
        listener.close()


def make_server(app: Any, limits: Limits = Limits()) -> Any:
    """Return the uvicorn server of an application, which keeps the limits that concern connections."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=patient(limits),
            ws="none",
            lifespan="off",
            # An address that a proxy claims is one that anybody can claim.
            proxy_headers=False,
            server_header=False,
            log_level="error",
            access_log=False,
            limit_concurrency=limits.connections,
            timeout_graceful_shutdown=limits.stopping,
            h11_max_incomplete_event_size=HEAD,
        )
    )


def listen(port: int, host: str = _LOCALHOST) -> tuple[socket.socket, int]:
    """Return a socket that listens on `host` at `port` or the next free one, and the port it got."""
    family, address = _address(host)
    for candidate in range(port, min(port + _PORTS_TRIED, 65536)):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, candidate))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno in _TAKEN:
                continue
            raise _no_host(host, error) from error
        return listener, candidate
    raise UsageError(f"The ports {port} to {port + _PORTS_TRIED - 1} are all taken. Choose another with --port.")


def access_for(listener: socket.socket, host: str) -> Access:
    """Return who is let in where a socket listens: on this machine everybody, beyond it who has a new token."""
    bound = listener.getsockname()[0]
    if ip_address(bound).is_loopback:
        return Access()
    own = socket.gethostname().lower()
    names = LOCAL | {_bracketed(bound), host.lower(), own, f"{own}.local"}
    return Access(names, numbers=bound in _EVERYWHERE, token=secrets.token_urlsafe(32))


def _address(host: str) -> tuple[socket.AddressFamily, str]:
    """Return family and address of a host's name, of version 4 where it has one."""
    try:
        found = socket.getaddrinfo(host or " ", None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _no_host(host, error) from error
    family, _, _, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, str(where[0])


def _no_host(host: str, error: Exception) -> UsageError:
    return UsageError(
        f"This machine is not {host!r}: {error}. Accepted: localhost, an address or name of this machine, "
        "or 0.0.0.0 for all its addresses."
    )


def _name(listener: socket.socket, host: str) -> str:
    """Return by which name others reach the socket: where it listens to all addresses, the one towards the network."""
    bound = listener.getsockname()[0]
    if ip_address(bound).is_loopback:
        return "localhost" if bound == _LOCALHOST else _bracketed(bound)
    if bound not in _EVERYWHERE:
        return host if host != bound else _bracketed(bound)
    with suppress(OSError), socket.socket(listener.family, socket.SOCK_DGRAM) as towards:
        towards.connect(("192.0.2.1" if listener.family == socket.AF_INET else "2001:db8::1", 9))  # nothing is sent
        return _bracketed(towards.getsockname()[0])
    return socket.gethostname()


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _say(address: str, port: int, access: Access) -> None:
    link = address if access.token is None else f"{address.removesuffix('/')}{ENTER}#{access.token}"
    sys.stderr.write(f"The map is at {link} (Ctrl-C stops it)\n")
    if access.token is not None:
        sys.stderr.write(
            "Who has this link reads all articles; what is sent is not encrypted. In a network that you do not trust, "
            f"serve on localhost, and reach it by: ssh -L {port}:localhost:{port} HOST\n"
        )
    sys.stderr.flush()

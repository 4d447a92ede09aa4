"""A connection to an OpenSearch server: the address, the credentials, and what its refusals mean."""

import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from knowscape.errors import KnowscapeError, MissingExtraError, UsageError, first_line

__all__ = ["MINIMUM", "PATIENCE", "Server", "ServerError", "ServerOptions", "connect", "pause"]

_URL, _USER, _PASSWORD = "OPENSEARCH_URL", "OPENSEARCH_USER", "OPENSEARCH_PASSWORD"
# Before 2.12 a nested k-NN query finds k passages, not the best passages of k documents, and its filter cannot be on
# the document (opensearch-project/k-NN, pull requests 1182 and 1398, issue 1356).
MINIMUM = (2, 12)
# How often a request is sent again while a load runs; a search is sent again once.
PATIENCE = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 30.0
_PASSING = {429, 502, 503, 504}
_NEWLINES = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the server is.

    `url` "" is what OPENSEARCH_URL says.  User and password are those in the URL, or OPENSEARCH_USER and
    OPENSEARCH_PASSWORD.  `verify` is whether its certificate is checked, `authority` a file with the certificates that
    are trusted, "" the usual ones; `timeout` the seconds that one answer may take.
    """

    url: str = ""
    verify: bool = True
    authority: str = ""
    timeout: float = 60.0


class ServerError(KnowscapeError):
    """The server refused a request; `status` is HTTP's status, 0 where it gave none, `kind` its name for the error."""

    def __init__(self, message: str, status: int = 0, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class Server:
    """A server that answers; `address` says where without the credentials, `version` is (major, minor)."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self.address = address
        self.version = self._check()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[str] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        patience: int = 1,
    ) -> Any:
        """Return the answer to a request; `body` is one JSON object, or the lines of several.

        Where the server is too busy, or the connection breaks, the same request is sent again, at most `patience`
        times.  Raises UsageError for credentials that do not suffice, ServerError for every other refusal.
        """
        from opensearchpy.exceptions import OpenSearchException

        lines = None if body is None or isinstance(body, Mapping) else "".join(f"{line}\n" for line in body)
        headers = _NEWLINES if lines is not None else None
        for attempt in itertools.count():
            try:
                return self._client.transport.perform_request(
                    method, path, headers=headers, params=dict(params or {}), body=body if lines is None else lines
                )
            except OpenSearchException as error:
                if attempt >= patience or not _passes(error):
                    raise self._refusal(error, f"{method} {path}") from error
            pause(attempt)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _check(self) -> tuple[int, int]:
        try:
            told = self.ask("GET", "/")["version"]
            named, number = told.get("distribution", ""), str(told["number"])
            major, minor = (int(part) for part in number.split(".")[:2])
        except (TypeError, LookupError, ValueError, AttributeError) as error:
            raise UsageError(f"{self.address} answers, but not as OpenSearch does. Is the address right?") from error
        if named != "opensearch":
            raise UsageError(
                f"{self.address} says that it is {named or 'Elasticsearch'} {number}. Needed: OpenSearch "
                f"{_dotted(MINIMUM)} or later, without compatibility.override_main_response_version."
            )
        if (major, minor) < MINIMUM:
            raise UsageError(f"{self.address} is OpenSearch {number}. Needed: {_dotted(MINIMUM)} or later.")
        return major, minor

    def _refusal(self, error: Any, asked: str) -> KnowscapeError:
        from opensearchpy import exceptions

        if isinstance(error, exceptions.SSLError):
            return UsageError(
                f"The certificate of {self.address} cannot be verified: {first_line(_cause(error))}. Name a file with "
                "the certificate of its authority; only for a test of your own switch the verification off."
            )
        if isinstance(error, exceptions.ConnectionTimeout):
            return ServerError(f"{self.address} did not answer {asked} in time. Run the same command again.")
        if isinstance(error, exceptions.ConnectionError):
            said = first_line(_cause(error)).rpartition(": ")[2]
            return ServerError(f"{self.address} cannot be reached: {said}. Is the server up, and {_URL} its address?")
        if not isinstance(error, exceptions.TransportError) or not isinstance(error.status_code, int):
            return ServerError(f"{self.address} gave no JSON for {asked}. Is it OpenSearch? {first_line(error)}")
        return self._status(error.status_code, _reason(error), asked)

    def _status(self, status: int, reason: tuple[str, str], asked: str) -> KnowscapeError:
        kind, said = reason
        if status == 401:
            return UsageError(f"{self.address} does not know this user and password. Set {_USER} and {_PASSWORD}.")
        if status == 403:
            return UsageError(f"{self.address} does not let this user {asked}: {said}. Ask its operator for the right.")
        hint = " The server lacks the k-NN plugin." if "knn" in said and "unknown setting" in said else ""
        return ServerError(f"{self.address} refused {asked}: {kind}: {said}.{hint}", status, kind)


def connect(options: ServerOptions = ServerOptions()) -> Server:
    """Return the server at an address; UsageError where it is none, is too old, or wants other credentials."""
    try:
        import opensearchpy
    except ImportError as error:
        raise MissingExtraError("OpenSearch", "opensearch") from error
    url = options.url or os.environ.get(_URL, "")
    if not url:
        raise UsageError(f"No OpenSearch server is named. Set {_URL}, for example to https://localhost:9200.")
    parts, address = _address(url)
    user = unquote(parts.username or "") or os.environ.get(_USER, "")
    password = unquote(parts.password or "") or os.environ.get(_PASSWORD, "")
    host = {
        "host": parts.hostname, "port": parts.port or (443 if parts.scheme == "https" else 9200),
        "url_prefix": parts.path.strip("/"), "use_ssl": parts.scheme == "https",
    }  # fmt: skip
    client = opensearchpy.OpenSearch(
        hosts=[host],
        http_auth=(user, password) if user else None,
        verify_certs=options.verify,
        ca_certs=options.authority or None,
        ssl_show_warn=False,
        timeout=options.timeout,
        max_retries=0,
    )
    return Server(client, address)


def pause(attempt: int) -> None:
    """Wait before a request is sent again: twice as long after each attempt, half a minute at most."""
    time.sleep(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT))


def _address(url: str) -> tuple[SplitResult, str]:
    """Return the parts of a URL, and how it is shown: without user and password."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
        shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"
    except ValueError:
        known = False
    if not known:
        raise UsageError(f"{url.rpartition('@')[2]!r} is no address. Accepted: http[s]://[USER:PASSWORD@]HOST[:PORT]")
    return parts, shown


def _passes(error: Any) -> bool:
    from opensearchpy import exceptions

    if isinstance(error, exceptions.SSLError):
        return False
    status = error.status_code if isinstance(error, exceptions.TransportError) else 0
    return status in _PASSING or isinstance(error, exceptions.ConnectionError)


def _cause(error: Any) -> Exception:
    return error.info if isinstance(error.info, Exception) else error


def _reason(error: Any) -> tuple[str, str]:
    """Return the kind and the reason that the server gives; the root cause says more than what wraps it."""
    told = error.info.get("error") if isinstance(error.info, Mapping) else None
    if not isinstance(told, Mapping):
        return str(error.error), first_line(KnowscapeError(told if isinstance(told, str) else json.dumps(error.info)))
    roots = told.get("root_cause") or [told]
    return str(roots[0].get("type")), str(roots[0].get("reason"))


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))

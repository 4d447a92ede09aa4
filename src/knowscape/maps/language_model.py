"""Names of regions from a language model behind an OpenAI-compatible address; nothing else ever needs it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit

from knowscape.characters import one_line
from knowscape.errors import UsageError, first_line

__all__ = ["Asked", "LanguageModel", "Namer", "NamingError"]

_LONGEST, _MOST_WORDS = 40, 5
_LARGEST_ANSWER = 1 << 20
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_INSTRUCTION = (
    "You name regions of a map of articles, as an atlas names places. You get the titles of articles in one region and "
    "the names of the regions around it. Answer with one name for what the articles have in common: one to three "
    "words, a noun in the plural where there is one, no quotation marks, no full stop, no explanation."
)


class NamingError(Exception):
    """A region got no name; the message says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is told of a region: the titles of some of its articles, the names it lies in, and the name it has."""

    titles: tuple[str, ...]
    within: tuple[str, ...]
    name: str


class Namer(Protocol):
    """Whatever gives a region a name."""

    def name(self, region: Asked) -> str:
        """Return a name of one line; NamingError where there is none."""


class LanguageModel:
    """Asks a chat model at `url`, to which `/chat/completions` is added; `key` goes into the Authorization header.

    UsageError where the address is not one, or where the key would cross the network unencrypted.
    """

    def __init__(self, url: str, model: str, *, key: str | None = None, timeout: float = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise UsageError(f"{url!r} is no address of a language model. Accepted: http://localhost:11434/v1")
        if key and parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise UsageError(f"{url!r} would get the key unencrypted. Name an address that begins with https://")
        self.model = model
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + "/chat/completions"
        self._key, self._timeout = key, timeout

    def name(self, region: Asked) -> str:
        """Return what the model calls a region."""
        within = f"\nIt lies in: {', '.join(region.within)}" if region.within else ""
        asked = "Titles:\n" + "\n".join(f"- {title}" for title in region.titles) + within
        messages = [{"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": asked}]
        answer = self._post({"model": self.model, "messages": messages, "temperature": 0, "max_tokens": 40})
        try:
            said = json.loads(answer)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise NamingError("the answer is not that of a chat model") from error
        return _usable(said)

    def _post(self, body: object) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        kind = HTTPSConnection if self._secure else HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("POST", self._path, json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            content = answer.read(_LARGEST_ANSWER)
        except (OSError, HTTPException) as error:
            raise NamingError(first_line(error)) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise NamingError(f"the address answers {answer.status} {answer.reason}")
        return content


def _usable(said: object) -> str:
    """Return a model's answer as a name; NamingError where it is empty, too long, or of several lines."""
    lines: Sequence[str] = said.strip().splitlines() if isinstance(said, str) else []
    if len(lines) != 1:
        raise NamingError("the answer is not one line")
    name = " ".join(one_line(lines[0]).strip(" \"'*`.\u201c\u201d").split())
    if not name or len(name) > _LONGEST or len(name.split()) > _MOST_WORDS:
        raise NamingError(f"the answer is no name: {name[:_LONGEST]!r}")
    return name

"""Searches behind the page: the index is made while the page is served already, and answers when it is ready.

It is made in a process of its own, which can be ended at any moment and takes no time from the server.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from threading import Lock, Thread
from typing import Any

from knowscape.atlas import Atlas
from knowscape.errors import KnowscapeError, UsageError, first_line
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.filters import Filter
from knowscape.search.index import SearchOptions

__all__ = ["SearchService"]

_LONGEST_QUERY, _MOST_HITS, _MOST_FILTERS = 2000, 100, 20
_INDEX = "from knowscape.cli import main; main()"
_PARAMETERS = ("q", "k", "mode", "filter")


class SearchService:
    """Answers queries about one atlas.  `state` is making, ready or failed; `reason` says why it failed."""

    def __init__(self, atlas: Atlas, say: Callable[[str], object] = lambda _: None) -> None:
        self._atlas, self._say = atlas, say
        self._index: EmbeddedIndex | None = None
        self._thread, self._lock = Thread(target=self.prepare, name="index"), Lock()
        self._child: subprocess.Popen[str] | None = None
        self._stopped = False
        self.state, self.reason = "making", ""

    def start(self) -> None:
        """Begin to make the index, or to bring it up to date, and to load the model."""
        self._thread.start()

    def stop(self) -> None:
        """End what was begun; an index that is half made is no loss, the next start goes on."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                self._child.terminate()
        if self._thread.is_alive():
            self._thread.join()

    def prepare(self) -> None:
        """Make the index, or bring it up to date, and answer one query, so that the first reader does not wait."""
        try:
            self._make()
            if not self._stopped:
                self._index = self._atlas.searcher()
                self._index.search("a")
                self.state = "ready"
        except KnowscapeError as error:
            self.state, self.reason = "failed", first_line(error)
            self._say(f"Searches are not answered: {error}")

    def _make(self) -> None:
        """Make the index in a process of its own; KnowscapeError with what it said where it cannot be made."""
        command = [sys.executable, "-c", _INDEX, "index", str(self._atlas.path), "--json"]
        with self._lock:
            if self._stopped:
                return
            self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, said = self._child.communicate()
        if self._child.returncode and not self._stopped:
            raise KnowscapeError(said.strip().rpartition("knowscape: ")[2] or "the process that made it was ended.")

    def answer(self, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return what a request's parameters ask for: q, and if wanted k, mode and filter, this one repeatedly.

        Raises UsageError for parameters that are not accepted.
        """
        unknown = set(asked) - set(_PARAMETERS)
        if unknown:
            raise UsageError(f"There is no parameter {min(unknown)!r:.60}. Accepted: {', '.join(_PARAMETERS)}.")
        query, filters = _one(asked, "q", ""), asked.get("filter", [])
        if len(query) > _LONGEST_QUERY or len(filters) > _MOST_FILTERS:
            raise UsageError(f"A query has at most {_LONGEST_QUERY} characters and {_MOST_FILTERS} filters.")
        k = _one(asked, "k", "10")
        if not (k.isascii() and k.isdigit() and 1 <= int(k) <= _MOST_HITS):
            raise UsageError(f"k is {k!r:.20}. Accepted: 1 to {_MOST_HITS}.")
        options = SearchOptions(int(k), _one(asked, "mode", "hybrid"), filters=tuple(map(Filter.parse, filters)))
        if self._index is None:
            raise KnowscapeError("The index is not ready.")
        hits = self._index.search(query, options)
        return {"query": query, "mode": options.mode, "hits": [hit.to_json() for hit in hits]}


def _one(asked: Mapping[str, list[str]], name: str, default: str) -> str:
    given = asked.get(name, [default])
    if len(given) > 1:
        raise UsageError(f"The parameter {name} is given {len(given)} times. Once is accepted.")
    return given[0]

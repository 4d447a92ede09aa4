"""Searches behind the page: the index is made while the page is served already, and answers when it is ready.

It is made in a process of its own, which can be ended at any moment and takes no time from the server.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from threading import Lock, Thread

from knowscape.atlas import Atlas
from knowscape.errors import KnowscapeError, first_line
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.index import Hit, SearchOptions

__all__ = ["SearchService"]

_INDEX = "from knowscape.cli import main; main()"


class SearchService:
    """Answers queries about one atlas.  `state` is making, ready or failed; `reason` says why it failed.

    `models` are where models are that the catalogue lacks; what goes wrong is said to `say`.
    """

    def __init__(
        self, atlas: Atlas, *, models: Sequence[str] = (), say: Callable[[str], object] = lambda _: None
    ) -> None:
        self._atlas, self._models, self._say = atlas, models, say
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
                self._index = self._atlas.searcher(self._models)
                self._index.search("a")
                self.state = "ready"
        except KnowscapeError as error:
            self.state, self.reason = "failed", first_line(error)
            self._say(f"Searches are not answered: {error}")

    def _make(self) -> None:
        """Make the index in a process of its own; KnowscapeError with what it said where it cannot be made."""
        places = [word for place in self._models for word in ("--model-at", place)]
        command = [sys.executable, "-c", _INDEX, "index", str(self._atlas.path), *places, "--json"]
        with self._lock:
            if self._stopped:
                return
            self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, said = self._child.communicate()
        if self._child.returncode and not self._stopped:
            raise KnowscapeError(said.strip().rpartition("knowscape: ")[2] or "the process that made it was ended.")

    def find(self, query: str, options: SearchOptions) -> list[Hit]:
        """Return the best hits; UsageError for a query that is not accepted."""
        if self._index is None or self.state != "ready":
            raise KnowscapeError(self.reason or "The index is being made.")
        return self._index.search(query, options)

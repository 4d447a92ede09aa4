"""What the server tells of one atlas, as JSON values: hits, places, neighbours, documents, by the rows of its page."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from knowscape.atlas import Atlas
from knowscape.errors import KnowscapeError, UsageError, first_line
from knowscape.page.search import SearchService
from knowscape.page.shown import Shown, finite
from knowscape.search.filters import Filter
from knowscape.search.index import MODES, Hit, SearchOptions

__all__ = ["BOUNDS", "Api", "NotFoundError"]

# What a request may ask for, in characters and in numbers; the OpenAPI document says the same.
BOUNDS = {"query": 2000, "hits": 100, "filters": 20, "filter": 300, "text": 20_000, "neighbours": 50, "id": 1000}
# Of a passage so many characters go over the wire: all, unless a text has hardly a space.
_PASSAGE, _BEFORE = 4000, 200


class NotFoundError(KnowscapeError):
    """There is no article of this id on the map."""


class Api:
    """The answers about one atlas; `models` are where models are that the catalogue lacks.

    Raises UsageError for what is not accepted, NotFoundError for an unknown id, and KnowscapeError for what this
    atlas cannot answer, or not yet.  Several threads may ask at a time.
    """

    def __init__(
        self, atlas: Atlas, *, models: Sequence[str] = (), say: Callable[[str], object] = lambda _: None
    ) -> None:
        self._atlas, self._models = atlas, models
        self._known: Shown | str | None = None
        self._looking = Lock()
        self.search = SearchService(atlas, models=models, say=say)

    def start(self) -> None:
        """Begin to prepare searches."""
        self.search.start()

    def stop(self) -> None:
        """End what was begun, processes included."""
        self.search.stop()

    def health(self) -> dict[str, Any]:
        """Return whether searches and placements are answered, and where searches are not, why."""
        known = self._look()
        return {
            "status": "ok",
            "search": self.search.state,
            "place": "failed" if isinstance(known, str) else "ready",
            "reason": self.search.reason or (known if isinstance(known, str) else None),
        }

    def find(self, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the best hits for q, and if wanted k, mode and filter, this one repeatedly."""
        _only(asked, ("q", "k", "mode", "filter"))
        query, filters = _one(asked, "q", BOUNDS["query"]), asked.get("filter", [])
        if len(filters) > BOUNDS["filters"] or any(len(words) > BOUNDS["filter"] for words in filters):
            raise UsageError(f"Accepted: {BOUNDS['filters']} filters of {BOUNDS['filter']} characters at most.")
        options = SearchOptions(
            _count(asked, "k", BOUNDS["hits"]),
            _one(asked, "mode", 20, MODES[0]),
            filters=tuple(map(Filter.parse, filters)),
        )
        known = self._look()
        rows = {} if isinstance(known, str) else known.rows
        hits = [_shortened(hit) for hit in self.search.find(query, options)]
        told = [{**hit.to_json(), "row": rows.get(hit.id), "metadata": finite(dict(hit.metadata))} for hit in hits]
        return {"query": query, "mode": options.mode, "hits": told}

    def document(self, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the whole document of an id."""
        _only(asked, ("id",))
        shown, row = self._row(asked)
        return shown.document(row)

    def neighbours(self, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the k articles nearest in meaning to that of an id, and how near they lie on the map."""
        _only(asked, ("id", "k"))
        k = _count(asked, "k", BOUNDS["neighbours"])
        shown, row = self._row(asked)
        return {**shown.place(row), "neighbours": shown.neighbours(row, k)}

    def place(self, body: bytes) -> dict[str, Any]:
        """Return where the text of a request's JSON belongs on the map; the first one waits for the model."""
        text = _text(body)
        shown = self._shown()
        found = self._atlas.place(text, model=shown.model, models=self._models).to_json()
        del found["z"]
        for near in found["neighbours"]:
            del near["z"]
            near["row"] = shown.rows[near["id"]]
        return found

    def _look(self) -> Shown | str:
        """Return what the page shows, or why it shows nothing of this atlas."""
        with self._looking:
            if self._known is None:
                try:
                    self._known = Shown(self._atlas)
                except KnowscapeError as error:
                    self._known = first_line(error)
            return self._known

    def _shown(self) -> Shown:
        known = self._look()
        if isinstance(known, str):
            raise KnowscapeError(known)
        return known

    def _row(self, asked: Mapping[str, list[str]]) -> tuple[Shown, int]:
        id, shown = _one(asked, "id", BOUNDS["id"]), self._shown()
        if id not in shown.rows:
            raise NotFoundError(f"There is no article {id!r:.60} on the map.")
        return shown, shown.rows[id]


def _only(asked: Collection[str], accepted: Collection[str]) -> None:
    unknown = set(asked) - set(accepted)
    if unknown:
        raise UsageError(f"There is no parameter {min(unknown)!r:.60}. Accepted: {', '.join(accepted)}.")


def _one(asked: Mapping[str, list[str]], name: str, longest: int, default: str = "") -> str:
    """Return a parameter that is given once at most, or its default, or where it has none a UsageError."""
    given = asked.get(name, [default] if default else [])
    if len(given) != 1:
        raise UsageError(f"The parameter {name} is given {len(given)} times. Once is accepted.")
    if len(given[0]) > longest:
        raise UsageError(f"The parameter {name} has {len(given[0])} characters. Accepted: {longest} at most.")
    return given[0]


def _count(asked: Mapping[str, list[str]], name: str, most: int) -> int:
    said = _one(asked, name, 9, "10")
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= most):
        raise UsageError(f"{name} is {said!r}. Accepted: 1 to {most}.")
    return int(said)


def _text(body: bytes) -> str:
    """Return the text in {"text": "..."}."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The request is no JSON: {error!s:.100}") from error
    if not isinstance(said, dict) or set(said) != {"text"} or not isinstance(said["text"], str):
        raise UsageError('Accepted: {"text": "what to place"} and nothing else.')
    text: str = said["text"]
    if len(text) > BOUNDS["text"]:
        raise UsageError(f"The text has {len(text)} characters. Accepted: {BOUNDS['text']} at most.")
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair is no UTF-8


def _shortened(hit: Hit) -> Hit:
    """Return a hit with no more of the passage than around its first highlight."""
    if len(hit.passage) <= _PASSAGE:
        return hit
    begin = max(0, min((start for start, _ in hit.highlights), default=0) - _BEFORE)
    passage, start = hit.passage[begin : begin + _PASSAGE], hit.span[0] + begin
    kept = [(a - begin, b - begin) for a, b in hit.highlights if a >= begin and b <= begin + len(passage)]
    return replace(hit, passage=passage, span=(start, start + len(passage)), highlights=tuple(kept))

"""The articles that a page shows, by the rows under which it knows them."""

from collections.abc import Sequence
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from knowscape.atlas import Atlas
from knowscape.corpus.document import Corpus
from knowscape.errors import UsageError
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.neighbours import NeighbourGraph
from knowscape.store.signed import read_signed, sha256_json

__all__ = ["Shown", "finite"]


class Shown:
    """The map that the page of an atlas shows, and its articles; `row` is that of the page's points.

    Raises UsageError where there is no page, or none of a map that the atlas holds.
    """

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self.model, self._map = _shown(atlas)
        self.ids: Sequence[str] = self._map.document_ids
        self.rows = {id: row for row, id in enumerate(self.ids)}

    @cached_property
    def _corpus(self) -> Corpus:
        """The articles in the order of the rows."""
        corpus = self._atlas.documents(self.model)
        if corpus.ids != self.ids:
            raise UsageError(f"The corpus is not that of the map. Make it anew with: knowscape map {self._atlas.path}")
        return corpus

    @cached_property
    def _graph(self) -> NeighbourGraph:
        return self._atlas.neighbours(self.model)

    def document(self, row: int) -> dict[str, Any]:
        """Return all that is known of an article, its regions from the widest to the narrowest."""
        levels = self._map.regions.levels
        regions = [levels[level][index].label for level, index in enumerate(self._map.membership[row])]
        fields = self._corpus[row]
        return {
            **self.place(row), "text": fields.text, "url": fields.url, "source": fields.source,
            "metadata": finite(dict(fields.metadata)), "regions": regions,
        }  # fmt: skip

    def place(self, row: int) -> dict[str, Any]:
        """Return id, title, row and place of an article."""
        x, y = map(float, self._map.coordinates[row])
        return {"id": self.ids[row], "row": row, "title": self._corpus.table["title"][row].as_py(), "x": x, "y": y}

    def neighbours(self, row: int, k: int) -> list[dict[str, Any]]:
        """Return the `k` articles nearest in meaning, nearest first: place, cosine, and `rank` on the map from 1."""
        near = self._graph.indices[row, :k]
        places = self._map.coordinates[: len(self.ids)]
        apart = np.square(places - places[row]).sum(axis=1)
        apart[row] = np.inf
        ranks = [int(np.count_nonzero(apart < apart[other])) + 1 for other in near]
        cosines = map(float, self._graph.similarities[row, :k])
        return [
            {**self.place(int(other)), "similarity": cosine, "rank": rank}
            for other, cosine, rank in zip(near, cosines, ranks, strict=True)
        ]


def _shown(atlas: Atlas) -> tuple[str, KnowledgeMap]:
    """Return the model whose map the page shows, and the map."""
    listed, remedy = atlas.folder.page() / "files.json", f"Make it with: knowscape page {atlas.path}"
    if not listed.is_file():
        raise UsageError(f"{atlas.path} has no page that says which map it shows. {remedy}")
    wanted = read_signed(listed)["map"]
    for name in atlas.folder.info().get("models", {}):
        made = atlas.map_if_any(name)
        if made is not None and sha256_json(made.about) == wanted:
            return name, made
    raise UsageError(f"The page shows a map that {atlas.path} does not hold any more. {remedy}")


def finite(value: Any) -> Any:
    """Return a JSON value without the numbers that JSON lacks; null stands for them."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value

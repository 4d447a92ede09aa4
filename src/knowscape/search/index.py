"""What every index of searches offers, and what it returns: the embedded one and OpenSearch's are used alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.search.filters import Filter
from knowscape.search.fusion import Fusion

__all__ = ["MODES", "Changed", "Hit", "Passages", "SearchIndex", "SearchOptions"]

MODES = ("hybrid", "dense", "lexical")


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found.

    `score` means something only within one search; `rank` counts from 1.  `passage` is the piece of the text that
    answers best, at the characters `span` of it; `highlights` are the characters of the passage where words of the
    query stand.  `ranks` has the document's rank under each retriever that found it.
    """

    id: str
    score: float
    rank: int
    title: str = ""
    url: str = ""
    passage: str = ""
    span: tuple[int, int] = (0, 0)
    highlights: tuple[tuple[int, int], ...] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "score": self.score, "rank": self.rank, "title": self.title, "url": self.url,
            "passage": self.passage, "span": self.span, "highlights": self.highlights, "ranks": dict(self.ranks),
            "metadata": dict(self.metadata),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How to search: `k` hits at most, out of `depth` candidates of each retriever; all `filters` must hold.

    `fusion` None is what the index has measured to suit its documents.
    """

    k: int = 10
    mode: str = "hybrid"
    depth: int = 100
    filters: tuple[Filter, ...] = ()
    fusion: Fusion | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"There is no mode of search {self.mode!r}. Accepted: {', '.join(MODES)}.")
        if self.k < 1 or self.depth < 1:
            raise UsageError(f"k is {self.k} and depth {self.depth}; both must be at least 1.")


@dataclass(frozen=True, slots=True)
class Passages:
    """What is embedded of a corpus: passage i is the characters `spans[i]` of the text of document `documents[i]`.

    `documents` int64[n] are rows of the corpus in ascending order, each of which has at least one passage unless it
    could not be embedded; `spans` int64[n, 2]; `vectors` float32[n, dimension].
    """

    documents: NDArray[np.int64]
    spans: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Changed:
    """How many documents an update added, replaced and removed."""

    added: int = 0
    replaced: int = 0
    removed: int = 0


class SearchIndex(Protocol):
    """Documents of one corpus, their vectors of one encoder, and what finds them."""

    @property
    def spec(self) -> EncoderSpec:
        """The encoder whose vectors are here; every query is embedded by it and no other."""

    def count(self) -> int:
        """Return how many documents can be found."""

    def update(self, corpus: Corpus, passages: Passages) -> Changed:
        """Make the index that of `corpus`: documents that are new or differ are put in, others that it lacks vanish."""

    def search(self, query: str, options: SearchOptions = SearchOptions()) -> list[Hit]:
        """Return the best hits, best first; an empty list for a query without a word where the mode is lexical.

        Raises UsageError for a query that is empty.
        """

    def close(self) -> None:
        """Let go of files and connections; the index cannot be used again."""

"""One generation of the embedded index, opened: what answers a query."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import UsageError
from knowscape.search.building import CODES, DEAD, FORMAT, GRAPH, LEXICAL, WEIGHT
from knowscape.search.compressed import Compressed
from knowscape.search.dense import DenseIndex, read_graph
from knowscape.search.fusion import Fusion, fuse
from knowscape.search.generations import Generation
from knowscape.search.index import Hit, SearchOptions
from knowscape.search.lexical import LexicalIndex, highlights
from knowscape.search.query import Query
from knowscape.search.segments import Documents, PassageTable, read_table

__all__ = ["Opened", "tables_of"]

# A document may have many passages, so more of them than documents are looked for, up to so many times as many.
_DEEPEST = 64

Ranking = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, its vector float32[dimension] unless only words count, and the stems of its words."""

    query: Query
    vector: NDArray[np.float32] | None
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Opened:
    """The files of a generation; `encoder` holds its encoder once a query has needed it."""

    generation: Generation
    spec: EncoderSpec
    documents: Documents
    passages: PassageTable
    lexical: LexicalIndex
    dense: DenseIndex
    encoder: list[Encoder] = field(default_factory=list)

    @classmethod
    def of(cls, generation: Generation) -> "Opened":
        """Open a generation; UsageError where it is of a later version, DamageError where a file is no table."""
        about, path = generation.about, generation.path
        if about.get("format", 0) > FORMAT:
            raise UsageError(f"{path} is of a later version. Make the index anew with: knowscape index ATLAS --rebuild")
        documents, passages = tables_of(generation)
        graph = read_graph(path / GRAPH) if GRAPH in generation.files else None
        codes = Compressed.load(path / CODES) if CODES in generation.files else None
        return cls(
            generation,
            EncoderSpec(**about["spec"]),
            documents,
            passages,
            LexicalIndex(path / LEXICAL, about["languages"]),
            DenseIndex(passages.blocks, graph, codes),
        )

    def search(self, query: Query, vector: NDArray[np.float32] | None, options: SearchOptions) -> list[Hit]:
        """Return the best hits; `vector` is the query's, float32[dimension], None where the mode is lexical."""
        asked = _Asked(query, vector, self.lexical.stems(query))
        found, rows = self._found(query, vector, options)
        ranks = {name: {slot: rank for rank, (slot, _) in enumerate(of, 1)} for name, of in found.items()}
        hits = []
        for rank, (slot, score) in enumerate(self._fused(found, options)[: options.k], start=1):
            theirs = {name: of[slot] for name, of in ranks.items() if slot in of}
            hits.append(self._hit(asked, (slot, rows.get(slot)), (rank, score), theirs))
        return hits

    def ranking(self, query: Query, vector: NDArray[np.float32] | None, options: SearchOptions) -> Ranking:
        """Return what `search` does as slots and scores."""
        return self._fused(self._found(query, vector, options)[0], options)

    def _found(
        self, query: Query, vector: NDArray[np.float32] | None, options: SearchOptions
    ) -> tuple[dict[str, Ranking], dict[int, int]]:
        """Return the ranking of each retriever, and the row of the best passage of some documents."""
        allowed = self.documents.allowed(options.filters)
        depth, found, rows = max(options.depth, options.k), dict[str, Ranking](), dict[int, int]()
        if vector is not None:
            found["dense"], rows = self._dense(vector, depth, allowed)
        if options.mode != "dense":
            slots, scores = self.lexical.search(query, depth, allowed)
            found["lexical"] = list(zip(slots.tolist(), scores.tolist(), strict=True))
        return found, rows

    def _fused(self, found: Mapping[str, Ranking], options: SearchOptions) -> Ranking:
        if len(found) == 1:
            return next(iter(found.values()))
        fusion = options.fusion or Fusion(dense=self.generation.about.get(WEIGHT, Fusion().dense))
        named = {retriever: [(f"{slot:020}", score) for slot, score in of] for retriever, of in found.items()}
        return [(int(slot), score) for slot, score in fuse(named, fusion)]

    def _dense(
        self, vector: NDArray[np.float32], depth: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[Ranking, dict[int, int]]:
        """Return the documents with the nearest passages, best first, and the row of the best passage of each."""
        rows_allowed = None if allowed is None else allowed[self.passages.slots]
        factor = 1 if self.passages.single else 2
        while True:
            rows, scores = self.dense.search(vector, factor * depth, rows_allowed)
            slots = self.passages.slots[rows]
            first = np.sort(np.unique(slots, return_index=True)[1])
            if len(first) >= depth or len(rows) < factor * depth or factor >= _DEEPEST:
                break
            factor *= 2
        best = slots[first].tolist()
        ranking = list(zip(best, scores[first].tolist(), strict=True))[:depth]
        return ranking, dict(zip(best, rows[first].tolist(), strict=True))

    def _hit(
        self, asked: _Asked, where: tuple[int, int | None], place: tuple[int, float], ranks: Mapping[str, int]
    ) -> Hit:
        """Return the hit of a slot, whose best passage may be known by its row, at a rank with a score."""
        (slot, row), (rank, score) = where, place
        fields = self.documents.row(slot)
        start, end = self._best_span(asked, slot, row, fields["text"])
        passage = fields["text"][start:end]
        found = highlights(passage, asked.stems, self.lexical.languages)
        own = (fields["id"], score, rank, fields["title"], fields["url"], passage)
        return Hit(*own, (start, end), found, dict(ranks), fields["metadata"])

    def _best_span(self, asked: _Asked, slot: int, row: int | None, text: str) -> tuple[int, int]:
        """Return the characters of the passage nearest to the query, or, without a vector, with most of its words."""
        rows = self.passages.of(slot) if row is None else np.array([row])
        if not len(rows):  # it could not be embedded
            return 0, len(text)
        best = 0
        if len(rows) > 1 and asked.vector is not None:
            best = int(self.dense.scores(asked.vector, rows).argmax())
        elif len(rows) > 1:
            best = int(np.argmax([self._words(text[start:end], asked) for start, end in self.passages.spans[rows]]))
        start, end = self.passages.spans[rows[best]].tolist()
        return start, end

    def _words(self, passage: str, asked: _Asked) -> int:
        """Return how many different words of a passage the query asks for."""
        spans = highlights(passage, asked.stems, self.lexical.languages)
        return len({passage[start:end].lower() for start, end in spans})


def tables_of(generation: Generation) -> tuple[Documents, PassageTable]:
    """Return the documents and passages of a generation, which stay on the disk until they are looked at."""
    path, segments = generation.path, range(generation.about["segments"])
    passages = PassageTable([read_table(path / f"passages-{number}.arrow") for number in segments])
    dead = read_table(path / DEAD)["slot"].to_numpy()
    return Documents([read_table(path / f"documents-{number}.arrow") for number in segments], dead), passages

"""The index on this machine's disk: words in tantivy, vectors beside a faiss graph, both of the same documents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import DamageError, UsageError
from knowscape.search.building import DEAD, FORMAT, GRAPH, LEXICAL, build_generation, unit
from knowscape.search.dense import DenseIndex, read_graph
from knowscape.search.fusion import fuse
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import Changed, Hit, Passages, SearchOptions
from knowscape.search.lexical import LexicalIndex, highlights
from knowscape.search.query import Query, parse_query
from knowscape.search.segments import Documents, PassageTable, read_table
from knowscape.store.parts import damage

__all__ = ["EmbeddedIndex"]

# A document may have many passages, so more of them than documents are looked for, up to so many times as many.
_DEEPEST = 64
_OPENINGS = 3

LoadEncoder = Callable[[EncoderSpec], Encoder]


class EmbeddedIndex:
    """The index in a folder; another generation that becomes the current one answers from the next query on.

    `load` returns the encoder of a spec; it is asked when a query first needs it.  A query is answered by one
    generation and embedded by its encoder, whatever happens meanwhile.  Several threads may search at a time.
    """

    def __init__(self, generations: Generations, load: LoadEncoder) -> None:
        self._generations, self._load = generations, load
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._state = self._open()

    def _open(self) -> "_State":
        """Open the current generation; another one may have come, and this one gone, in between."""
        for attempt in range(_OPENINGS):
            stamp, generation = self._generations.stamp(), self._generations.current()
            if generation is None:
                raise UsageError(f"There is no index in {self._generations.folder}. Make it with: knowscape index ATLAS")
            try:
                state = _State.of(generation)
            except FileNotFoundError as error:
                if attempt == _OPENINGS - 1:
                    raise DamageError(damage(generation.path, f"is not complete: {error}", "missing")) from error
            else:
                self._stamp = stamp
                break
        return state

    def _fresh(self) -> "_State":
        """Return what answers now."""
        if self._generations.stamp() != self._stamp:
            with self._lock:
                if self._generations.stamp() != self._stamp:
                    before, state = self._state, self._open()
                    if before.spec.fingerprint == state.spec.fingerprint:
                        state.encoder.extend(before.encoder)
                    self._state = state
        return self._state

    @property
    def spec(self) -> EncoderSpec:
        return self._state.spec

    @property
    def generation(self) -> Generation:
        """What answers."""
        return self._fresh().generation

    def count(self) -> int:
        return int(self._fresh().documents.alive.sum())

    def update(self, corpus: Corpus, passages: Passages) -> Changed:
        """Make the index that of `corpus`, as the protocol says; until it is, the old one answers."""
        with self._generations.writing():
            base = self._generations.current()
            made, changed = build_generation(self._generations, self.spec, corpus, passages, base=base)
            self._generations.switch(made, keep=self._generations.previous())
        return changed

    def search(self, query: str, options: SearchOptions = SearchOptions()) -> list[Hit]:
        """Return the best hits, as the protocol says."""
        state = self._fresh()
        return state.search(parse_query(query), options, lambda text: self._embed(state, text))

    def _embed(self, state: "_State", text: str) -> NDArray[np.float32]:
        with self._lock:
            if not state.encoder:
                encoder = self._load(state.spec)
                if encoder.spec.fingerprint != state.spec.fingerprint:
                    raise UsageError(
                        f"The index has vectors of {state.spec.name} ({state.spec.fingerprint:.8}); a query embedded by "
                        f"{encoder.spec.name} ({encoder.spec.fingerprint:.8}) cannot be compared with them."
                    )
                state.encoder.append(encoder)
        return unit(state.encoder[0].encode_queries([text]), state.spec)[0]

    def close(self) -> None:
        for encoder in self._state.encoder:
            encoder.close()


@dataclass(frozen=True, slots=True)
class _State:
    """What answers: the files of one generation, opened."""

    generation: Generation
    spec: EncoderSpec
    documents: Documents
    passages: PassageTable
    lexical: LexicalIndex
    dense: DenseIndex
    # None, or one, once a query has needed it.
    encoder: list[Encoder] = field(default_factory=list)

    @classmethod
    def of(cls, generation: Generation) -> "_State":
        about, path = generation.about, generation.path
        if about.get("format", 0) > FORMAT:
            raise UsageError(f"{path} is of a later version. Make the index anew with: knowscape index ATLAS --rebuild")
        segments = range(about["segments"])
        passages = PassageTable([read_table(path / f"passages-{n}.arrow") for n in segments])
        graph = read_graph(path / GRAPH) if GRAPH in generation.files else None
        dead = read_table(path / DEAD)["slot"].to_numpy()
        return cls(
            generation,
            EncoderSpec(**about["spec"]),
            Documents([read_table(path / f"documents-{n}.arrow") for n in segments], dead),
            passages,
            LexicalIndex(path / LEXICAL, about["languages"]),
            DenseIndex(passages.blocks, graph),
        )

    def search(
        self, query: Query, options: SearchOptions, embed: Callable[[str], NDArray[np.float32]]
    ) -> list[Hit]:
        allowed = self._allowed(query, options)
        depth, found = max(options.depth, options.k), dict[str, list[tuple[int, float]]]()
        vector = embed(query.text) if options.mode != "lexical" else None
        best: dict[int, int] = {}
        if vector is not None:
            found["dense"], best = self._dense(vector, depth, allowed)
        if options.mode != "dense":
            slots, scores = self.lexical.search(query, depth, allowed)
            found["lexical"] = list(zip(slots.tolist(), scores.tolist(), strict=True))
        if len(found) == 1:
            ranking = next(iter(found.values()))
        else:
            ranking = _fused(found, options)
        ranks = {name: {slot: rank for rank, (slot, _) in enumerate(of, start=1)} for name, of in found.items()}
        stems = self.lexical.stems(query)
        return [
            self._hit(slot, score, rank, stems, best.get(slot), vector, {r: of[slot] for r, of in ranks.items() if slot in of})
            for rank, (slot, score) in enumerate(ranking[: options.k], start=1)
        ]

    def _allowed(self, query: Query, options: SearchOptions) -> NDArray[np.bool_] | None:
        """Return which slots may be found, bool[n]; None for all."""
        allowed = self.documents.allowed(options.filters)
        if query.clauses and options.mode != "lexical":  # there they are part of the query
            required = np.zeros(len(self.documents), bool)
            required[self.lexical.matching(query.clauses)] = True
            allowed = required if allowed is None else allowed & required
        return allowed

    def _dense(
        self, vector: NDArray[np.float32], depth: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[list[tuple[int, float]], dict[int, int]]:
        """Return slots and scores of the documents with the nearest passages, and the row of each one's best passage."""
        rows_allowed = None if allowed is None else allowed[self.passages.slots]
        factor = 1 if self.passages.single else 2
        while True:
            rows, scores = self.dense.search(vector, factor * depth, rows_allowed)
            best: dict[int, tuple[int, float]] = {}
            for row, slot, score in zip(
                rows.tolist(), self.passages.slots[rows].tolist(), scores.tolist(), strict=True
            ):
                best.setdefault(slot, (row, score))
            if len(best) >= depth or len(rows) < factor * depth or factor >= _DEEPEST:
                break
            factor *= 2
        ranking = [(slot, score) for slot, (_, score) in best.items()][:depth]
        return ranking, {slot: row for slot, (row, _) in best.items()}

    def _hit(
        self,
        slot: int,
        score: float,
        rank: int,
        stems: frozenset[str],
        row: int | None,
        vector: NDArray[np.float32] | None,
        ranks: Mapping[str, int],
    ) -> Hit:
        fields = self.documents.row(slot)
        text = fields["text"]
        start, end = self._best_span(slot, text, stems, row, vector)
        passage = text[start:end]
        return Hit(
            fields["id"], score, rank, fields["title"], fields["url"], passage, (start, end),
            highlights(passage, stems, self.lexical.languages), dict(ranks), fields["metadata"],
        )  # fmt: skip

    def _best_span(
        self, slot: int, text: str, stems: frozenset[str], row: int | None, vector: NDArray[np.float32] | None
    ) -> tuple[int, int]:
        """Return the characters of the passage nearest to the query, or, without a vector, with most of its words."""
        rows = self.passages.of(slot) if row is None else np.array([row])
        if not len(rows):  # it could not be embedded
            return 0, len(text)
        if len(rows) > 1 and vector is not None:
            rows = rows[[int(self.dense.scores(vector, rows).argmax())]]
        spans = self.passages.spans[rows].tolist()
        if len(spans) == 1:
            start, end = spans[0]
            return start, end
        of = self.lexical.languages
        words = [{text[a + s : a + e].lower() for s, e in highlights(text[a:b], stems, of)} for a, b in spans]
        start, end = spans[max(range(len(spans)), key=lambda n: len(words[n]))]
        return start, end


def _fused(found: Mapping[str, list[tuple[int, float]]], options: SearchOptions) -> list[tuple[int, float]]:
    named = {retriever: [(f"{slot:020}", score) for slot, score in of] for retriever, of in found.items()}
    return [(int(slot), score) for slot, score in fuse(named, options.fusion)]

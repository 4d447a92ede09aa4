"""The index on this machine's disk: words in tantivy, vectors beside a faiss graph, both of the same documents."""

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.errors import DamageError, UsageError
from knowscape.search.building import build_generation
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import Changed, Hit, Passages, SearchOptions
from knowscape.search.opened import Opened
from knowscape.search.query import parse_query
from knowscape.store.parts import damage

__all__ = ["EmbeddedIndex", "LoadEncoder"]

LoadEncoder = Callable[[EncoderSpec], Encoder]


class EmbeddedIndex:
    """The index in a folder; another generation that becomes the current one answers from the next query on.

    `load` returns the encoder of a spec, which others may use, too; it is asked when a query first needs it.  A query
    is answered by one generation and embedded by its encoder, whatever happens meanwhile.  Several threads may search
    at a time.
    """

    def __init__(self, generations: Generations, load: LoadEncoder) -> None:
        self._generations, self._load = generations, load
        self._lock, self._opening = Lock(), Lock()
        self._stamp, self._opened = self._open()

    def _open(self) -> tuple[tuple[int, int], Opened]:
        """Open the current generation; where another one comes, and this one goes, in between, open that."""
        while True:
            stamp = self._generations.stamp()
            if stamp is None:
                where = self._generations.folder
                raise UsageError(f"There is no index in {where}. Make it with: knowscape index ATLAS")
            try:
                generation = self._generations.current()
                if generation is not None:
                    known = self._opened if hasattr(self, "_opened") else None
                    same = known is not None and known.generation.name == generation.name
                    return stamp, known if known is not None and same else Opened.of(generation)
            except (FileNotFoundError, DamageError) as error:
                if self._generations.stamp() != stamp:
                    continue
                if isinstance(error, DamageError):
                    raise
                raise DamageError(damage(self._generations.folder, f"is not complete: {error}", "missing")) from error

    def _fresh(self) -> Opened:
        """Return what answers now; while one thread opens another generation, the others go on with this one."""
        if self._generations.stamp() != self._stamp and self._opening.acquire(blocking=False):
            try:
                stamp, opened = self._open()
                if opened.spec == self._opened.spec:
                    opened.encoder.extend(self._opened.encoder)
                elif self._opened.encoder:
                    opened.encoder.append(self._encoder(opened.spec))
                self._stamp, self._opened = stamp, opened
            finally:
                self._opening.release()
        return self._opened

    @property
    def spec(self) -> EncoderSpec:
        return self._fresh().spec

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
        opened, parsed = self._fresh(), parse_query(query)
        return opened.search(parsed, None if options.mode == "lexical" else self._embed(opened, parsed.text), options)

    def _embed(self, opened: Opened, text: str) -> NDArray[np.float32]:
        """Return float32[dimension] by the encoder of the generation that is going to answer."""
        with self._lock:
            if not opened.encoder:
                opened.encoder.append(self._encoder(opened.spec))
        found: NDArray[np.float32] = comparable(opened.encoder[0].encode_queries([text]), opened.spec.similarity)[0]
        return found

    def _encoder(self, spec: EncoderSpec) -> Encoder:
        encoder = self._load(spec)
        if encoder.spec.fingerprint != spec.fingerprint:
            raise UsageError(
                f"The index has vectors of {spec.name} ({spec.fingerprint:.8}); a query embedded by "
                f"{encoder.spec.name} ({encoder.spec.fingerprint:.8}) cannot be compared with them."
            )
        return encoder

    def close(self) -> None:
        self._opened.encoder.clear()

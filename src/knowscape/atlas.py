"""An atlas opened by its path: the corpus, the vectors, the map, and whether they are whole."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.check import check_atlas
from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import Fault, UsageError
from knowscape.files import sha256_text
from knowscape.indexing import IndexOptions, encoder_of, indexed_model, open_index, update_index
from knowscape.maps.knowledge_map import KnowledgeMap, axes
from knowscape.maps.neighbours import NeighbourGraph
from knowscape.placement import Placement, Placer
from knowscape.progress import SILENT, Progress
from knowscape.quiz.questions import Question, part_texts, stored_questions
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.index import Changed, Hit, SearchOptions
from knowscape.store.atlas import AtlasFolder

__all__ = ["Atlas", "open_atlas"]

# A table has these at least; where a map has fewer levels, the finest stands in all that are left.
_REGION_COLUMNS = 3


def open_atlas(path: str | Path) -> "Atlas":
    """Return the atlas in the folder `path`; UsageError where there is none."""
    return Atlas(AtlasFolder.open(Path(path)))


class Atlas:
    """What one atlas folder holds; nothing is read before it is asked for."""

    def __init__(self, folder: AtlasFolder) -> None:
        self.folder = folder
        self._placers: dict[str, Placer] = {}
        self._searcher: EmbeddedIndex | None = None
        self._encoders = WeakValueDictionary[str, Encoder]()  # by fingerprint
        self._loading = RLock()

    def __repr__(self) -> str:
        return f"Atlas({str(self.folder.path)!r})"

    @property
    def path(self) -> Path:
        return self.folder.path

    @cached_property
    def corpus(self) -> Corpus:
        """The documents; UsageError where none were put in."""
        table = self.folder.corpus.read()
        if table is None:
            raise UsageError(f"{self.path} holds no corpus. Make it with: knowscape build CORPUS -o {self.path}")
        return Corpus(table)

    @cached_property
    def questions(self) -> list[Question]:
        """The quiz questions, an empty list where there are none."""
        return stored_questions(self.folder.questions())

    def model(self, name: str | None = None) -> tuple[str, str]:
        """Return name and fingerprint of a model that the corpus was embedded with, the last one by default."""
        info = self.folder.info()
        models: dict[str, str] = info.get("models", {})
        chosen = name or info.get("model")
        if chosen is None or chosen not in models:
            raise UsageError(
                f"{self.path} has no vectors of {chosen or 'any model'}. There are: {', '.join(models) or 'none'}. "
                "Make them with: knowscape embed"
            )
        return chosen, models[chosen]

    def documents(self, model: str | None = None) -> Corpus:
        """Return the documents that a map of this model shows: all but those in quarantine, that it cannot embed."""
        quarantine = self.folder.vectors(*self.model(model)).quarantine()
        return self.corpus.without(quarantine) if quarantine else self.corpus

    def vectors(self, model: str | None = None) -> NDArray[np.float32]:
        """Return float32[n, dimension], a row for each of `documents(model)`."""
        return self.folder.vectors(*self.model(model)).read(self.documents(model).text_digests)

    def spec(self, model: str | None = None) -> EncoderSpec:
        """Return the identity of the encoder that made the vectors of a model."""
        return EncoderSpec(**self.folder.vectors(*self.model(model)).parts.about()["spec"])

    def how_embedded(self, model: str | None = None) -> dict[str, Any]:
        """Return what made the vectors of a model, and how: the spec's fields, texts, seconds, device, batches."""
        name, fingerprint = self.model(model)
        spec = self.spec(name)
        run = self.folder.info().get("runs", {}).get(name, {})
        texts = {"num_texts": len(self.documents(name)), "failed": len(self.corpus) - len(self.documents(name))}
        return {
            "model_name": name, "embedding_dim": spec.dimension, **texts, **run,
            "fingerprint": fingerprint, "spec": asdict(spec),
        }  # fmt: skip

    def question_vectors(self, model: str | None = None) -> NDArray[np.float32]:
        """Return float32[questions, dimension]; KnowscapeError where there are no questions."""
        digests = [sha256_text(question.embedding_text) for question in self.questions]
        return self.folder.question_vectors(*self.model(model)).read(digests)

    def part_vectors(self, model: str | None = None) -> NDArray[np.float32] | None:
        """Return float32[n, dimension], a row for each of `part_texts`; None where there are none, or not yet."""
        digests = [sha256_text(text) for text in part_texts(self.questions)]
        store = self.folder.question_vectors(*self.model(model))
        return store.read(digests) if digests and store.done().issuperset(digests) else None

    def map(self, model: str | None = None) -> KnowledgeMap:
        """Return the knowledge map; UsageError where none was made."""
        name, _ = self.model(model)
        found = self.map_if_any(name)
        if found is None:
            raise UsageError(f"{self.path} has no map of {name}. Make it with: knowscape map {self.path}")
        return found

    def map_if_any(self, name: str) -> KnowledgeMap | None:
        folder = self.folder.map(name)
        return KnowledgeMap.load(folder) if (folder / "map.json").is_file() else None

    def place(self, text: str, *, model: str | None = None, models: Sequence[str] = ()) -> Placement:
        """Return where a text belongs on the map, embedded as an article would be.

        `models` are the folders of models that the catalogue lacks.  Raises UsageError for an empty text, and where the
        map is missing or of other articles than the atlas holds.
        """
        name, _ = self.model(model)
        with self._loading:
            if name not in self._placers:
                self._placers[name] = self._placer(name, models)
        return self._placers[name].place(text)

    def _placer(self, name: str, models: Sequence[str]) -> Placer:
        made, corpus, graph = self.map(name), self.documents(name), self.neighbours(name)
        if made.document_ids != corpus.ids:
            raise UsageError(
                f"The map of {name} shows other articles than {self.path} holds. "
                f"Make it anew with: knowscape map {self.path} --model {name}"
            )
        encoder = self._encoder(self.spec(name), models)
        return Placer(encoder, corpus, self.vectors(name), coordinates=made.coordinates, graph=graph)

    def _encoder(self, spec: EncoderSpec, models: Sequence[str]) -> Encoder:
        """Return the encoder of a spec, the one that placing or searches have loaded already where they have."""
        with self._loading:
            found = self._encoders.get(spec.fingerprint)
            if found is None:
                found = self._encoders[spec.fingerprint] = encoder_of(spec, models)
            return found

    def neighbours(self, model: str | None = None) -> NeighbourGraph:
        """Return the neighbours that the map was made from; UsageError where they are not there or too old."""
        name, fingerprint = self.model(model)
        parts = self.folder.neighbours(name, fingerprint)
        table = parts.read() if parts.about().get("corpus") == self.documents(name).digest else None
        if table is None:
            raise UsageError(f"{self.path} has no neighbours of {name}. Make them with: knowscape map {self.path}")
        return NeighbourGraph.from_table(table)

    def index(
        self,
        model: str | None = None,
        *,
        options: IndexOptions = IndexOptions(),
        rebuild: bool = False,
        progress: Progress = SILENT,
    ) -> Changed:
        """Make the index of searches, or bring it up to date; nothing happens where it is.

        `model` is by default that of the index that is there, or else the atlas's usual one.  Raises UsageError where
        the index that is there is of another model.
        """
        chosen = self.model(model if model or rebuild else indexed_model(self.folder))
        return update_index(
            self.folder, lambda: self.corpus, chosen, options=options, rebuild=rebuild, progress=progress
        )

    def searcher(self, models: Sequence[str] = ()) -> EmbeddedIndex:
        """Return the index; UsageError where there is none.  `models`: where models are that the catalogue lacks."""
        return open_index(self.folder, partial(self._encoder, models=models))

    def search(self, query: str, k: int = 10, *, options: SearchOptions = SearchOptions()) -> list[Hit]:
        """Return the `k` best hits of the articles, best first; the index is made, or brought up to date, first."""
        self.index()
        if self._searcher is None:
            self._searcher = self.searcher()
        return self._searcher.search(query, replace(options, k=k))

    def show(self, *, model: str | None = None, height: int = 640) -> Any:
        """Return a widget that shows the map in a notebook; `widget.selected` are the ids of the articles chosen."""
        from knowscape.sharing import show  # it stands above: an atlas is what people have in hand

        return show(self, model=model, height=height)

    def check(self, *, full: bool = False) -> list[Fault]:
        """Return what is wrong, an empty list where all is well; `full` reads every byte."""
        return check_atlas(self.folder, full=full)

    def to_table(self, model: str | None = None) -> pa.Table:
        """Return one row per document and question: place, regions, quality and vector."""
        name, _ = self.model(model)
        made, corpus, questions = self.map(name), self.documents(name), self.questions
        vectors = self.vectors(name)
        if questions:
            vectors = np.concatenate([vectors, self.question_vectors(name)])
        columns: dict[str, Any] = {
            "id": corpus.ids + [question.id for question in questions],
            "kind": ["document"] * len(corpus) + ["question"] * len(questions),
            "title": corpus.titles + [question.topic for question in questions],
            "text": corpus.texts + [question.question for question in questions],
            **axes(made.coordinates),
            **axes(made.raw, "_raw"),
        }
        levels = made.regions.levels
        for number in range(max(_REGION_COLUMNS, len(levels))):
            level = min(number, len(levels) - 1)
            columns[f"region_{number + 1}"] = [levels[level][index].label for index in made.membership[:, level]]
        columns["neighbour_recall_10"] = made.recall_10
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        return pa.table(columns)

"""Grow an atlas: more articles and questions, while nothing that is on its maps moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import PAGE_DIMS, embed_corpus, make_neighbours, make_page, put_questions, refresh_index
from knowscape.corpus.document import Corpus, ReadReport
from knowscape.corpus.readers import read_corpus
from knowscape.embedding import EmbedOptions
from knowscape.encoders.load import find_again
from knowscape.errors import UsageError
from knowscape.maps.alignment import rows_of
from knowscape.maps.growing import extend_graph, grow_map
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.neighbours import NeighbourGraph
from knowscape.progress import SILENT, Progress
from knowscape.quiz.questions import Question, digest_of, read_questions
from knowscape.store.atlas import AtlasFolder

__all__ = ["Added", "add"]


@dataclass(frozen=True, slots=True)
class Added:
    """How many articles and questions came in, which rules left others out how often, and the maps by model."""

    documents: int
    questions: int
    left_out: dict[str, int]
    maps: dict[str, KnowledgeMap]

    def to_json(self) -> dict[str, Any]:
        """Return plain values: of each map its quality and the drift since it was laid out."""
        maps = {name: {**made.quality.to_json(), "drift": made.about.get("drift")} for name, made in self.maps.items()}
        return {"documents": self.documents, "questions": self.questions, "left_out": self.left_out, "maps": maps}


def add(
    atlas: Atlas | str | Path,
    more: Corpus | str | Path,
    questions: str | Path | Sequence[Question] | None = None,
    *,
    models: Sequence[str] = (),
    embedding: EmbedOptions = EmbedOptions(),
    progress: Progress = SILENT,
) -> Added:
    """Add articles, and questions, to an atlas that has a map; run again, it continues where it stopped.

    Only what is new is embedded, by every model of the atlas, and placed on every map; the page is made anew.  An
    article whose id is there already is left out and counted, as one that a reader meets twice.  `models` names where
    models are found that are not in the catalogue.  Raises UsageError, before anything is written, where there is no
    map, or one of other articles.
    """
    if not isinstance(atlas, Atlas):
        atlas = open_atlas(atlas)
    folder, grown = atlas.folder, _maps_to_grow(atlas)
    if not isinstance(more, Corpus):
        more = read_corpus(more, progress=progress)
    if isinstance(questions, str | Path):
        questions = read_questions(questions)
    report = ReadReport()
    documents = _add_documents(folder, more, report)
    asked = _add_questions(folder, atlas.questions, questions or (), report)
    for line in report.lines():
        progress.note(line)
    _embed(Atlas(folder), models, embedding, progress)
    maps = {name: _grow(Atlas(folder), name, made, progress) for name, made in grown.items()}
    if Atlas(folder).map().dims == PAGE_DIMS:
        make_page(Atlas(folder), progress=progress)
    refresh_index(Atlas(folder), models, embedding, progress=progress)
    return Added(documents, asked, dict(report.counts), maps)


def _maps_to_grow(atlas: Atlas) -> dict[str, KnowledgeMap]:
    """Return the maps by model; UsageError where there is none, or one that is not of articles of this atlas."""
    found = {}
    for name, fingerprint in atlas.folder.info().get("models", {}).items():
        made = atlas.map_if_any(name)
        if made is None:
            continue
        corpus, asked = atlas.documents(name), {question.id: question for question in atlas.questions}
        rows = rows_of(made.document_ids, corpus.ids)
        old = [asked[one] for one in made.question_ids if one in asked]
        said = (made.about.get("corpus"), made.about.get("fingerprint"), made.about.get("questions"))
        if (rows < 0).any() or said != (Corpus(corpus.table.take(rows)).digest, fingerprint, digest_of(old)):
            raise UsageError(
                f"The map of {name} shows other articles or questions than {atlas.path} holds, so it cannot grow. "
                f"Make it anew with: knowscape map {atlas.path} --model {name}"
            )
        found[name] = made
    if not found:
        raise UsageError(f"{atlas.path} has no map to add to. Make one with: knowscape map {atlas.path}")
    return found


def _add_documents(folder: AtlasFolder, more: Corpus, report: ReadReport) -> int:
    """Append the articles whose ids are new to the corpus, in one commit, and return how many these are."""
    with folder.corpus.writing() as writer:
        known = Atlas(folder).corpus
        texts = dict(zip(known.ids, known.text_digests, strict=True))
        for name, digest in zip(more.ids, more.text_digests, strict=True):
            if name in texts:
                same = texts[name] == digest
                report.count("repeat of an id, dropped" if same else "other text under a known id, dropped", name)
        fresh = more.table.filter(pa.array([name not in texts for name in more.ids], pa.bool_()))
        whole = Corpus(pa.concat_tables([known.table, fresh.cast(known.table.schema)]))
        if len(fresh):
            writer.append(fresh, {"kind": "corpus", "digest": whole.digest})
    if folder.info().get("corpus") != whole.digest:  # it was not told of, where the process before was killed here
        folder.update({"corpus": whole.digest, "documents": len(whole)})
    return len(fresh)


def _add_questions(folder: AtlasFolder, known: Sequence[Question], more: Sequence[Question], report: ReadReport) -> int:
    """Store the questions whose ids are new behind the others, and return how many these are."""
    ids = {question.id for question in known}
    fresh = [question for question in more if question.id not in ids]
    for question in more:
        if question.id in ids:
            report.count("question that is there already, dropped", question.id)
    if fresh:
        put_questions(folder, [*known, *fresh])
    return len(fresh)


def _embed(atlas: Atlas, models: Sequence[str], options: EmbedOptions, progress: Progress) -> None:
    """Embed what is new by every model of the atlas, by its usual one last, so that it stays that."""
    info = atlas.folder.info()
    for name, fingerprint in sorted(info["models"].items(), key=lambda model: model[0] == info["model"]):
        found = find_again(name, fingerprint, models, progress=progress)
        embed_corpus(atlas, found.place, options, progress=progress)


def _grow(atlas: Atlas, name: str, before: KnowledgeMap, progress: Progress) -> KnowledgeMap:
    """Return the map with all that the atlas holds, stored; as it is where nothing is new."""
    corpus, questions = atlas.documents(name), atlas.questions
    about = {**before.about, "corpus": corpus.digest, "questions": digest_of(questions)}
    if about == before.about:
        return before
    vectors = atlas.vectors(name)
    graph = _graph(atlas, name, vectors, before, progress=progress)
    with progress.stage("Placing"):
        made = grow_map(
            before,
            vectors=vectors,
            graph=graph,
            question_vectors=atlas.question_vectors(name) if questions else None,
            ids=(corpus.ids, [question.id for question in questions]),
            padding=about["options"]["padding"],
            about=about,
        )
    made.save(atlas.folder.map(name))
    return made


def _graph(
    atlas: Atlas, name: str, vectors: NDArray[np.float32], before: KnowledgeMap, *, progress: Progress
) -> NeighbourGraph:
    """Return the neighbours of all articles, those of the map before extended where they are stored."""
    parts = atlas.folder.neighbours(*atlas.model(name))
    table = parts.read() if parts.about().get("corpus") == before.about["corpus"] else None
    corpus = atlas.documents(name)
    if table is None or corpus.digest == before.about["corpus"]:
        return make_neighbours(atlas, name, vectors, progress=progress)
    with progress.stage("Neighbours"):
        known = rows_of(before.document_ids, corpus.ids)
        graph = extend_graph(NeighbourGraph.from_table(table), vectors, known)
    with parts.writing() as writer:
        writer.replace(graph.to_table(), {"kind": "neighbours", "corpus": corpus.digest})
    return graph

"""The whole pipeline: corpus -> vectors -> neighbours -> map -> page.  Each step continues what is there."""

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.atlas import Atlas
from knowscape.corpus.document import Corpus
from knowscape.corpus.readers import read_corpus
from knowscape.embed.plan import slice_rows
from knowscape.embed.run import Embedded, Texts, embed
from knowscape.embedding import EmbedOptions, executor_for, reported
from knowscape.encoders.catalogue import DEFAULT_MODEL
from knowscape.encoders.configuration import weights_bytes
from knowscape.encoders.devices import has_nvidia
from knowscape.encoders.load import find_model
from knowscape.encoders.weights import cache_folder
from knowscape.errors import DamageError, UsageError, WorseMapError
from knowscape.files import sha256_text
from knowscape.indexing import IndexOptions, indexed_model
from knowscape.maps.knowledge_map import KnowledgeMap, make_map
from knowscape.maps.layout import LayoutOptions
from knowscape.maps.neighbours import NeighbourGraph, neighbour_graph
from knowscape.maps.quality import clearly_worse
from knowscape.page.build import build_page
from knowscape.page.fields import choose_fields
from knowscape.page.payload import PayloadDocuments
from knowscape.progress import SILENT, Progress
from knowscape.quiz.estimate import Prior
from knowscape.quiz.items import text_items
from knowscape.quiz.questions import Question, digest_of, part_texts, read_questions, store_questions
from knowscape.quiz.topics import HEIGHTS, Places, Topics
from knowscape.store.atlas import AtlasFolder
from knowscape.store.cache import VectorCache
from knowscape.store.parts import write_part
from knowscape.store.signed import sha256_json

__all__ = [
    "PAGE_DIMS",
    "MapOptions",
    "build",
    "embed_corpus",
    "make_neighbours",
    "make_page",
    "map_atlas",
    "put_corpus",
    "put_questions",
    "refresh_index",
]


PAGE_DIMS = 2
# So many of an article's nearest in meaning the page shows.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How a map is made: the layout's options and the padding of the question region, a share of its size."""

    layout: LayoutOptions = field(default_factory=LayoutOptions)
    padding: float = 0.5


def build(
    corpus: Corpus | str | Path,
    questions: str | Path | Sequence[Question] | None = None,
    *,
    out: str | Path,
    model: str | Sequence[str] = DEFAULT_MODEL,
    embedding: EmbedOptions = EmbedOptions(),
    options: MapOptions = MapOptions(),
    progress: Progress = SILENT,
) -> Atlas:
    """Make the atlas `out` from a corpus and return it; run again, it continues where it stopped.

    Of several models each embeds the corpus; the map and the page are those of the first.  A map that is there is kept
    where the new one would be clearly worse.
    """
    if not isinstance(corpus, Corpus):
        corpus = read_corpus(corpus, progress=progress)
    folder = AtlasFolder.create(Path(out))
    put_corpus(folder, corpus)
    if questions is not None:
        put_questions(folder, questions if not isinstance(questions, str | Path) else read_questions(questions))
    atlas, models = Atlas(folder), [model] if isinstance(model, str) else list(model)
    for name in reversed(models):  # the first one last, since the last one is the atlas's usual one
        embed_corpus(atlas, name, embedding, progress=progress)
    try:
        map_atlas(atlas, options, progress=progress)
    except WorseMapError as kept:  # the map that is there is as new, and better
        progress.note(str(kept))
    make_page(atlas, progress=progress)
    refresh_index(atlas, models, embedding, progress=progress)
    return atlas


def refresh_index(
    atlas: Atlas, models: Sequence[str] = (), embedding: EmbedOptions = EmbedOptions(), *, progress: Progress = SILENT
) -> None:
    """Bring the index of searches up to date, where there is one.

    `models` names where models are found that are not in the catalogue.
    """
    if indexed_model(atlas.folder) in atlas.folder.info().get("models", {}):
        atlas.index(options=IndexOptions(embedding=embedding, models=tuple(models)), progress=progress)


def put_corpus(folder: AtlasFolder, corpus: Corpus) -> None:
    """Store the corpus as the atlas's own, unless it is there already and whole.

    From an object store it is not fetched for that: whoever reads it compares its digest.
    """
    parts, about = folder.corpus, {"kind": "corpus", "digest": corpus.digest}
    if faults := parts.check(full=not parts.shared):
        with parts.writing() as writer:
            part = write_part(parts.folder, corpus.table)
            writer.restate([part], about)
            for fault in faults:
                if fault.path.name != part.file:
                    fault.path.unlink(missing_ok=True)
    elif parts.about().get("digest") == corpus.digest:
        parts.settle()
    else:
        with parts.writing() as writer:
            writer.replace(corpus.table, about)
    if folder.info().get("corpus") != corpus.digest:  # it was not told of, where the process before was killed here
        folder.update({"corpus": corpus.digest, "documents": len(corpus)})


def put_questions(folder: AtlasFolder, questions: Sequence[Question]) -> None:
    """Store the quiz questions in their canonical form."""
    store_questions(folder.questions(), questions)


def embed_corpus(
    atlas: Atlas, model: str, options: EmbedOptions = EmbedOptions(), *, usual: bool = True, progress: Progress = SILENT
) -> Embedded:
    """Embed every document and question that has no vector under this model yet; what befell the documents.

    The model becomes the atlas's usual one, unless `usual` is False and it has one.
    """
    progress = reported(options, progress)
    spec, files = find_model(model, trust_remote_code=options.engine.trust_remote_code, progress=progress)
    folder, corpus, questions = atlas.folder, atlas.corpus, atlas.questions
    start = time.perf_counter()
    store = folder.vectors(spec.name, spec.fingerprint)
    with closing(executor_for(spec, files, options, place=model, store=store, progress=progress)) as executor:
        rows = slice_rows(weights_bytes(files), fast=has_nvidia(options.engine.device))
        commits = replace(options.commits, slice_rows=rows)
        run = partial(embed, spec=spec, executor=executor, commits=commits, progress=progress)
        found = run(
            Texts(corpus.texts, corpus.ids, corpus.text_digests),
            store=store,
            cache=VectorCache.usual(cache_folder()) if options.cache else None,
        )
        if found.failed:
            name, why = next(iter(found.failed.items()))
            progress.note(f"{len(found.failed):,} documents could not be embedded and are left out: {name} ({why})")
        if questions:
            run(_as_texts(questions), store=folder.question_vectors(spec.name, spec.fingerprint))
    runs = {}
    if found.computed:
        runs[spec.name] = {
            "processing_time": round(time.perf_counter() - start, 3), "texts_computed": found.computed,
            "device": options.engine.device, "batch_tokens": options.engine.batch_tokens,
        }  # fmt: skip
    chosen = spec.name if usual else folder.info().get("model", spec.name)
    folder.update({"models": {spec.name: spec.fingerprint}, "model": chosen, "runs": runs})
    return found


def _as_texts(questions: Sequence[Question]) -> Texts:
    """The questions as they lie on the map, then the parts of them that tell how hard they are."""
    texts, parts = [question.embedding_text for question in questions], part_texts(questions)
    ids = [question.id for question in questions] + [f"part {number}" for number in range(len(parts))]
    return Texts([*texts, *parts], ids, [sha256_text(text) for text in (*texts, *parts)], queries=True)


def map_atlas(
    atlas: Atlas, options: MapOptions, *, model: str | None = None, force: bool = False, progress: Progress = SILENT
) -> KnowledgeMap:
    """Lay the documents and questions out, name the regions and measure how far the map can be trusted.

    A map that was made from the same vectors and questions with the same options is kept, unless it has grown since.
    One of another corpus, or that has grown, is where the new one starts, so that its articles are found again.
    WorseMapError where one of the same vectors and questions is there that is clearly better; `force` replaces it.
    The page shows maps of two dimensions, so it is removed where the new one has three.
    """
    name, fingerprint = atlas.model(model)
    corpus, questions = atlas.documents(name), atlas.questions
    about = {
        "model": name,
        "fingerprint": fingerprint,
        "corpus": corpus.digest,
        "questions": digest_of(questions),
        "options": asdict(options),
    }
    kept = _readable_map(atlas, name)
    if kept is not None and "drift" not in kept.about and all(kept.about.get(key) == about[key] for key in about):
        make_neighbours(atlas, name, progress=progress)  # they may have been removed
        return kept
    vectors = atlas.vectors(name)
    made = make_map(
        vectors=vectors,
        graph=make_neighbours(atlas, name, vectors, progress=progress),
        question_vectors=atlas.question_vectors(name) if questions else None,
        document_ids=corpus.ids,
        question_ids=[question.id for question in questions],
        titles=corpus.titles,
        texts=corpus.texts,
        options=options.layout,
        padding=options.padding,
        about=about,
        before=kept if kept is not None and _is_like(kept, options.layout) else None,
        progress=progress,
    )
    if kept is not None and not force and _same_but_better(kept, made):
        raise WorseMapError(_share_kept(made), _share_kept(kept), atlas.path)
    made.save(atlas.folder.map(name))
    if made.dims != PAGE_DIMS and atlas.folder.page().exists():
        shutil.rmtree(atlas.folder.page())
        progress.note(f"The page, which showed another map, is removed: {_no_page(made)}")
    return made


def _is_like(made: KnowledgeMap, options: LayoutOptions) -> bool:
    """Return whether a map was laid out as it would be now; with another seed or perplexity another one is wanted."""
    said, now = made.about.get("options", {}).get("layout", {}), asdict(options)
    same = all(said.get(name, now[name]) == now[name] for name in ("seed", "perplexity", "method"))
    return same and made.dims == options.dims


def _same_but_better(kept: KnowledgeMap, made: KnowledgeMap) -> bool:
    """Return whether a map shows the same as another, in as many dimensions, and is clearly better."""
    same = all(kept.about.get(key) == made.about[key] for key in ("corpus", "fingerprint", "questions"))
    alike = same and kept.coordinates.shape == made.coordinates.shape
    return alike and clearly_worse(made.quality, kept.quality)


def _share_kept(made: KnowledgeMap) -> str:
    ten = made.quality.recall[10]
    return f"{ten.mean:.3f} ({ten.low:.3f} to {ten.high:.3f})"


def _readable_map(atlas: Atlas, name: str) -> KnowledgeMap | None:
    """Return the map that is there; None where there is none or a damaged one, which is made anew."""
    try:
        return atlas.map_if_any(name)
    except DamageError:
        return None


def make_neighbours(
    atlas: Atlas, name: str, vectors: NDArray[np.float32] | None = None, *, progress: Progress = SILENT
) -> NeighbourGraph:
    """Return the neighbours of a model's vectors, computed and stored unless they are there already.

    `vectors` float32[n, d] are read where they are needed and not given.
    """
    store, digest = atlas.folder.neighbours(*atlas.model(name)), atlas.documents(name).digest
    table = store.read() if store.about().get("corpus") == digest else None
    if table is not None:
        return NeighbourGraph.from_table(table)
    with progress.stage("Neighbours"):
        graph = neighbour_graph(atlas.vectors(name) if vectors is None else vectors)
    with store.writing() as writer:
        writer.replace(graph.to_table(), {"kind": "neighbours", "corpus": digest})
    return graph


def make_page(atlas: Atlas, *, model: str | None = None, out: Path | None = None, progress: Progress = SILENT) -> Path:
    """Write the page of the atlas's map and return its folder; UsageError where that has three dimensions.

    `out` is the folder, by default the atlas's own.
    """
    name, _ = atlas.model(model)
    made, corpus, folder = atlas.map(name), atlas.documents(name), out or atlas.folder.page()
    count = len(corpus)
    if made.dims != PAGE_DIMS:
        raise UsageError(f"{_no_page(made)} Make one of two with: knowscape map {atlas.path} --model {name}")
    if made.about.get("corpus") != corpus.digest:
        raise UsageError(f"The map is older than the corpus. Make it anew with: knowscape map {atlas.path}")
    near = make_neighbours(atlas, name, progress=progress)
    with progress.stage("Page"):
        questions, places, knowledge = _page_quiz(atlas, made, name)
        sources: list[str] = corpus.table["source"].to_pylist()
        build_page(
            folder,
            made_from=sha256_json(made.about),
            head={
                "title": _title(atlas.path.name),
                "model": name,
                "quality": made.quality.to_json(),
                "question_region": made.question_region,
                "knowledge": knowledge,
            },
            documents=PayloadDocuments(
                corpus.ids,
                corpus.titles,
                corpus.texts,
                corpus.urls,
                sources,
                near.indices[:, :_SHOWN],
                choose_fields(corpus.table["metadata"].to_pylist(), sources),
            ),
            coordinates=made.coordinates[:count],
            recall=made.recall_10[:count],
            finest_region=made.membership[:count, -1],
            levels=made.regions.levels,
            questions=questions,
            places=places,
        )
    return folder


def _no_page(made: KnowledgeMap) -> str:
    return f"the page shows maps of {PAGE_DIMS} dimensions, and this one has {made.dims}."


def _title(name: str) -> str:
    """Return a folder's name as a person would write it."""
    words = name.removesuffix(".atlas").replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] or name


def _page_quiz(
    atlas: Atlas, made: KnowledgeMap, model: str
) -> tuple[list[dict[str, object]], Places | None, dict[str, Any] | None]:
    """Return the questions, where the articles hang among them, and what knowledge is estimated with, if any."""
    from knowscape.maps.neighbours import nearest

    questions, corpus = atlas.questions, atlas.documents(model)
    if not questions:
        return [], None, None
    place = {title: row for row, title in reversed(list(enumerate(corpus.titles)))}
    asked, vectors = atlas.question_vectors(model), atlas.vectors(model)
    near, _ = nearest(vectors, asked, 5)
    topics, items = Topics.of(asked), text_items(questions, atlas.part_vectors(model))
    tree = {"parents": [parent.tolist() for parent in topics.parents], "heights": HEIGHTS}
    shown: list[dict[str, object]] = [
        {
            "id": question.id,
            "question": question.question,
            "options": list(question.options),
            "correctIndex": question.correct_index,
            "topic": question.topic,
            "explanation": question.explanation,
            "item": asdict(item),
            "x": float(xy[0]),
            "y": float(xy[1]),
            "source": place.get(question.source_article),
            "near": [int(row) for row in rows],
        }
        for question, item, xy, rows in zip(questions, items, made.coordinates[len(corpus) :], near, strict=True)
    ]
    return shown, topics.attach(asked, vectors), {"tree": tree, "prior": asdict(Prior())}

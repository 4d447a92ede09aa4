"""A plan of compression for an atlas or a data set: which vectors, which queries, and who judges what is found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowscape.atlas import Atlas, open_atlas
from knowscape.corpus.document import Corpus
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.load import find_again, load_encoder, start_encoder
from knowscape.encoders.spec import Encoder
from knowscape.encoders.vectors import comparable, encode_all
from knowscape.errors import UsageError
from knowscape.evaluate.metrics import Measure, measure_rankings
from knowscape.evaluate.retrieval import RetrievalSet, read_judgements, read_queries, read_retrieval
from knowscape.progress import SILENT, Progress
from knowscape.search.compression import Compression, usual_choices
from knowscape.search.compression_plan import DEPTH, Asked, Judge, Plan, measure

__all__ = ["PlanOptions", "plan_for", "plan_for_atlas", "plan_for_retrieval"]

_OWN = f"own@{DEPTH}"
_NDCG = f"ndcg@{DEPTH}"
# Queries below this number leave an interval that says too little, which the plan's words then tell.
_FEW = 50


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is measured, and on what.

    `choices`: compressions as words, none for the usual ones.  `queries`: a .jsonl of BEIR's form, or a text with a
    query on each line; without it as many titles as `titles` are asked.  `judgements`: a qrels.tsv of BEIR's form on
    those queries.  `tolerance`: how much of the deciding measure may be lost, None for the measure's own.
    """

    choices: tuple[str, ...] = ()
    queries: Path | None = None
    judgements: Path | None = None
    tolerance: float | None = None
    titles: int = 500

    def __post_init__(self) -> None:
        if self.judgements is not None and (self.queries is None or self.queries.suffix != ".jsonl"):
            raise UsageError(f"{self.judgements} judges queries by their ids. Name them with: --queries queries.jsonl")
        if self.tolerance is not None and not 0 <= self.tolerance <= 1:
            raise UsageError(f"The tolerance is {self.tolerance}; accepted is 0 to 1.")

    def compressions(self, dimension: int) -> list[Compression]:
        """Return the choices for vectors of so many dimensions; UsageError for a word that is none."""
        found = [Compression.parse(word) for word in self.choices] or usual_choices(dimension)
        for each in found:
            each.width(dimension)
        return found


def plan_for(
    place: Path,
    options: PlanOptions = PlanOptions(),
    *,
    model: str | None = None,
    where: str | None = None,
    progress: Progress = SILENT,
) -> Plan:
    """Return the plan for what is at `place`: an atlas, or a folder of BEIR's layout, which is embedded first."""
    if not (place / "corpus.jsonl").is_file():
        return plan_for_atlas(open_atlas(place), options, model=model, where=where, progress=progress)
    encoder = load_encoder(where or model or DEFAULT_MODEL, progress=progress)
    try:
        return plan_for_retrieval(read_retrieval(place), encoder, options, progress=progress)
    finally:
        encoder.close()


def plan_for_atlas(
    atlas: Atlas,
    options: PlanOptions = PlanOptions(),
    *,
    model: str | None = None,
    where: str | None = None,
    progress: Progress = SILENT,
) -> Plan:
    """Return what compressing the vectors of an atlas would cost and save.

    `model` is one of the atlas, the last by default; `where` is its folder where the catalogue lacks it.  Without
    queries of the user's the documents' titles are asked, each of which should find its own document.  That is easier
    than what people ask, so it is a stand-in: it tells choices apart, and not how good the search is.
    """
    name, corpus = atlas.model(model)[0], atlas.documents(model)
    vectors = atlas.vectors(name)
    if not len(corpus):
        raise UsageError(
            f"{atlas.path} has no vectors of {name}. Make them with: knowscape embed CORPUS -o {atlas.path}"
        )
    choices = options.compressions(vectors.shape[1])
    found = find_again(*atlas.model(name), [where] if where else [], progress=progress)
    encoder = start_encoder(found.spec, found.folder)
    try:
        asked = _asked(options, corpus, atlas.corpus.ids, encoder=encoder, progress=progress)
    finally:
        encoder.close()
    return measure(
        comparable(vectors, found.spec.similarity),
        _warned(asked, choices, name),
        choices,
        normalised=found.spec.similarity == "cosine",
        tolerance=options.tolerance,
        progress=progress,
    )


def plan_for_retrieval(
    data: RetrievalSet, encoder: Encoder, options: PlanOptions = PlanOptions(), *, progress: Progress = SILENT
) -> Plan:
    """Return the same for judged data; its queries are asked.  UsageError where the options name others."""
    if options.queries is not None:
        raise UsageError(f"{options.queries} is not read: this data has judged queries of its own. Leave it away.")
    choices = options.compressions(encoder.spec.dimension)
    # Equal similarities rank by falling id, as in trec_eval.
    ids = sorted(data.documents, reverse=True)
    texts, kind = [data.documents[name] for name in ids], encoder.spec.similarity
    vectors = encode_all(encoder.encode_documents, texts, name="Documents", progress=progress)
    asked = _judged(ids, data.queries, data.grades, encoder=encoder, progress=progress)
    return measure(
        comparable(vectors, kind),
        _warned(asked, choices, encoder.spec.name),
        choices,
        normalised=kind == "cosine",
        tolerance=options.tolerance,
        progress=progress,
    )


def _asked(
    options: PlanOptions, corpus: Corpus, every: Sequence[str], *, encoder: Encoder, progress: Progress
) -> Asked:
    """Return the user's queries, judged or not, or else titles; `every` are the ids of all documents of the atlas."""
    if options.queries is None:
        return _titles(corpus, options.titles, encoder, progress)
    queries = read_queries(options.queries)
    if options.judgements is None:
        about = f"{len(queries):,} queries of {options.queries}, judged by the exact search"
        return Asked(_encoded(list(queries.values()), encoder, progress), about + _doubt(len(queries)))
    named = str(options.queries), "the atlas"
    grades = read_judgements(options.judgements, queries, set(every), named)
    return _judged(corpus.ids, {name: queries[name] for name in grades}, grades, encoder=encoder, progress=progress)


def _judged(
    ids: Sequence[str],
    queries: dict[str, str],
    grades: dict[str, dict[str, int]],
    *,
    encoder: Encoder,
    progress: Progress,
) -> Asked:
    judged = [grades[name] for name in queries]

    def judge(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        rankings = [[ids[row] for row in best] for best in rows]
        return measure_rankings(rankings, judged, [Measure.parse(_NDCG)])[:, 0]

    about = f"{len(queries):,} queries with people's judgements" + _doubt(len(queries))
    return Asked(_encoded(list(queries.values()), encoder, progress), about, {_NDCG: judge}, _NDCG)


def _titles(corpus: Corpus, count: int, encoder: Encoder, progress: Progress) -> Asked:
    """Return titles that only one document has, drawn at random; UsageError where there are none."""
    rows = corpus.own_titles()
    if not len(rows):
        raise UsageError("No document has a title of its own to ask for. Name queries with: --queries FILE")
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:count])

    def own(found: NDArray[np.int64]) -> NDArray[np.float64]:
        hits = found == rows[:, None]
        return np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0.0)

    about = f"{len(rows):,} titles as a stand-in for queries: easier than what people ask" + _doubt(len(rows))
    judges: dict[str, Judge] = {_OWN: own}
    return Asked(_encoded([corpus.titles[row].strip() for row in rows], encoder, progress), about, judges)


def _warned(asked: Asked, choices: Sequence[Compression], model: str) -> Asked:
    """Return the same, saying where vectors are cut short that the model was not trained for."""
    if all(choice.reduction != "truncate" for choice in choices):
        return asked
    try:
        trained = "" if entry(model).matryoshka else f"{model} was not trained for vectors cut short (Matryoshka)"
    except UsageError:
        trained = f"whether {model} was trained for vectors cut short (Matryoshka) is not known"
    return replace(asked, about=f"{asked.about}; {trained}" if trained else asked.about)


def _doubt(count: int) -> str:
    return "; so few say little, whatever the intervals are" if count < _FEW else ""


def _encoded(texts: list[str], encoder: Encoder, progress: Progress) -> NDArray[np.float32]:
    vectors = encode_all(encoder.encode_queries, texts, name="Queries", progress=progress)
    return comparable(vectors, encoder.spec.similarity)

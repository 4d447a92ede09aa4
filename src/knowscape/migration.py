"""Change the model of an index while people search: build beside it, compare, switch in one step, keep the old one.

Every step leaves a state in which the one before answers, and the same call goes on from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.atlas import Atlas
from knowscape.build import embed_corpus
from knowscape.encoders.load import find_model
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import GateError, UsageError
from knowscape.evaluate.metrics import Measure, measure_rankings
from knowscape.evaluate.retrieval import read_judgements, read_queries
from knowscape.indexing import IndexOptions, make_passages
from knowscape.progress import SILENT, Progress
from knowscape.significance import Figure, mean_figures, paired_figures
from knowscape.sites import Search, Site

__all__ = ["Gate", "Migrated", "migrate", "roll_back"]

_DEPTH = 10
_SHADOWS = 200


@dataclass(frozen=True, slots=True)
class Gate:
    """What the new model has to show on shadow queries before it answers.

    `queries`: a .jsonl of BEIR's form, or a text with a query on each line; titles of the articles without it.
    `judgements`: a qrels.tsv on those queries.  The new index must find `overlap` of the old one's ten best on average,
    and must not be worse by more than `tolerance`, interval and all: in nDCG@10 where there are judgements, else in
    where a title finds its own article (the reciprocal rank among ten).  `force` switches all the same.
    """

    queries: Path | None = None
    judgements: Path | None = None
    overlap: float = 0.2
    tolerance: float = 0.02
    force: bool = False

    def __post_init__(self) -> None:
        if self.judgements is not None and (self.queries is None or self.queries.suffix != ".jsonl"):
            raise UsageError(f"{self.judgements} judges queries by their ids. Name them with: --queries queries.jsonl")


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of a change of models: `overlap` and `quality` of the shadow queries, `failed` why it stopped.

    `quality` has, by measure, the old index's figure, the new one's and the difference; each has its 95 % interval.
    """

    before: str
    after: str
    documents: int
    queries: int = 0
    overlap: Figure | None = None
    quality: Mapping[str, tuple[Figure, Figure, Figure]] = field(default_factory=dict)
    failed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        quality = {
            name: dict(zip(("before", "after", "difference"), map(asdict, figures), strict=True))
            for name, figures in self.quality.items()
        }
        return {
            "before": self.before, "after": self.after, "documents": self.documents, "queries": self.queries,
            "overlap": asdict(self.overlap) if self.overlap else None, "quality": quality, "failed": list(self.failed),
        }  # fmt: skip


def migrate(
    atlas: Atlas,
    to: str,
    site: Site,
    *,
    gate: Gate = Gate(),
    options: IndexOptions = IndexOptions(),
    progress: Progress = SILENT,
) -> Migrated:
    """Let the model `to` answer the searches at a site; called again after an interruption, it goes on.

    Articles that come in meanwhile are in the new index, too.  Raises GateError where it does not pass the gate: then
    the old one goes on answering, and the new one stays beside it.
    """
    spec, _ = find_model(to, progress=progress)
    before = site.spec()
    if before.fingerprint == spec.fingerprint:
        return Migrated(before.name, spec.name, len(atlas.corpus))
    prepared = _catch_up(atlas, to, spec, site, options=options, progress=progress)
    found = _shadow(atlas, site, gate, (before.name, spec.name), progress=progress)
    if found.failed and not gate.force:
        raise GateError(spec.name, before.name, found.failed)
    if atlas.folder.info().get("corpus") != prepared:  # something came in while the shadow queries ran
        _catch_up(atlas, to, spec, site, options=options, progress=progress)
    site.switch()
    return found


def roll_back(
    atlas: Atlas, site: Site, *, options: IndexOptions = IndexOptions(), progress: Progress = SILENT
) -> Migrated:
    """Undo a change of models: what was prepared is removed or, after the switch, what answered before answers again.

    It is brought up to date first, and what is gone back from stays beside it, so that a change to it is quick; called
    once more this removes that.  Raises UsageError where there is nothing to undo.
    """
    now = site.spec()
    before, staged = site.previous(), site.staged()
    if staged is not None and (before is None or staged != before):
        site.abandon()
        return Migrated(staged.name, now.name, len(atlas.corpus))
    if before is None:
        raise UsageError(f"{now.name} has answered from the start: there is nothing to go back to.")
    _catch_up(atlas, before.name, before, site, options=options, progress=progress, back=True)
    site.switch(back=True)
    return Migrated(now.name, before.name, len(atlas.corpus))


def _catch_up(
    atlas: Atlas,
    to: str,
    spec: EncoderSpec,
    site: Site,
    *,
    options: IndexOptions,
    progress: Progress,
    back: bool = False,
) -> str:
    """Prepare the index of what the atlas holds until it holds no more than that; returns the digest of its corpus."""
    while True:
        now = Atlas(atlas.folder)
        place = next((where for where in (*options.models, to) if find_model(where)[0] == spec), to)
        embed_corpus(now, place, options.embedding, usual=False, progress=progress)
        model = (spec.name, spec.fingerprint)
        passages, _ = make_passages(atlas.folder, now.corpus, model, options=_at(options, place), progress=progress)
        with progress.stage("Index"):
            site.prepare(spec, now.corpus, passages, back=back)
        if atlas.folder.info().get("corpus") == now.corpus.digest:
            return now.corpus.digest


def _at(options: IndexOptions, place: str) -> IndexOptions:
    return IndexOptions(options.chunks, options.compression, options.embedding, (*options.models, place))


def _shadow(atlas: Atlas, site: Site, gate: Gate, names: tuple[str, str], *, progress: Progress) -> Migrated:
    """Ask both indices the same queries; `names` are those of the models."""
    queries, judge = _asked(atlas, gate)
    old, new = (_answers(site.search(staged=staged), queries, progress) for staged in (False, True))
    shared = [len(set(one) & set(other)) / max(1, min(_DEPTH, len(one))) for one, other in zip(old, new, strict=True)]
    (overlap,) = mean_figures(np.array(shared)[:, None])
    failed = []
    if overlap.value < gate.overlap:
        failed.append(f"it finds {overlap.value:.2f} of the ten best, {gate.overlap} are wanted")
    quality = {}
    for name, measure in judge.items():
        one, other = measure(old), measure(new)
        (paired,) = paired_figures(other, one)
        quality[name] = (mean_figures(one)[0], mean_figures(other)[0], paired.difference)
        if paired.difference.high < -gate.tolerance:
            failed.append(f"its {name} is {paired.difference.value:+.3f}, with the interval at most {-gate.tolerance}")
    return Migrated(*names, len(atlas.corpus), len(queries), overlap, quality, tuple(failed))


Judge = Callable[[list[list[str]]], NDArray[np.float64]]


def _asked(atlas: Atlas, gate: Gate) -> tuple[list[str], dict[str, Judge]]:
    """Return the shadow queries, and by measure what makes float64[queries, 1] of what was found for them."""
    if gate.queries is None:
        return _titles(atlas)
    queries = read_queries(gate.queries)
    if gate.judgements is None:
        return list(queries.values()), {}
    grades = read_judgements(gate.judgements, queries, set(atlas.corpus.ids), (str(gate.queries), "the atlas"))
    ndcg = Measure.parse(f"ndcg@{_DEPTH}")
    return [queries[name] for name in grades], {
        str(ndcg): lambda rankings: measure_rankings(rankings, list(grades.values()), [ndcg])
    }


def _titles(atlas: Atlas) -> tuple[list[str], dict[str, Judge]]:
    """Return titles that only one article has, drawn at random, each of which should find its own."""
    titles, ids, own = atlas.corpus.titles, atlas.corpus.ids, atlas.corpus.own_titles()
    rows = np.sort(np.random.default_rng(0).permutation(own)[:_SHADOWS])
    if not len(rows):
        raise UsageError("No article has a title of its own to ask for. Name queries with: --queries FILE")
    grades = [{ids[row]: 1} for row in rows]
    mrr = Measure.parse(f"mrr@{_DEPTH}")
    return [titles[row] for row in rows], {f"own article {mrr}": lambda found: measure_rankings(found, grades, [mrr])}


def _answers(search: Search, queries: list[str], progress: Progress) -> list[list[str]]:
    found = []
    with progress.stage("Shadow queries", total=len(queries)) as stage:
        for query in queries:
            found.append([hit.id for hit in search(query, _DEPTH)])
            stage.advance()
    return found

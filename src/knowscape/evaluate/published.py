"""Scores that others have published, to tell whether an encoder is the model it says it is.

All are from the MTEB results store.  The tolerances are what another order of summation and bf16 may change: 0.0005
for a correlation over 1,379 pairs, 0.003 where one query of a few hundred can turn, 0.005 for the coarser measures.
"""

from dataclasses import dataclass

from knowscape.encoders.catalogue import CATALOGUE, Entry

__all__ = ["PUBLISHED", "Published", "published_for"]

_SPEARMAN, _NDCG, _MRR, _RECALL = "spearman", "ndcg@10", "mrr@10", "recall@100"
_TOLERANCE = {_SPEARMAN: 0.0005, _NDCG: 0.003, _MRR: 0.005, _RECALL: 0.005}


@dataclass(frozen=True, slots=True)
class Published:
    """A score, 0 to 1, and how far from it a right encoder may be."""

    model: str
    task: str
    metric: str
    value: float
    tolerance: float


def _scores(model: str, *scores: tuple[str, str, float]) -> tuple[Published, ...]:
    return tuple(Published(model, task, metric, value, _TOLERANCE[metric]) for task, metric, value in scores)


def _of_catalogue(entry: Entry) -> tuple[Published, ...]:
    known = ("STS-B en", _SPEARMAN, entry.sts), ("SciFact", _NDCG, entry.scifact)
    return _scores(entry.spec.name, *((task, metric, value) for task, metric, value in known if value is not None))


# What the catalogue does not say: other languages and measures, and what lexical search reaches.
PUBLISHED = (
    *(score for entry in CATALOGUE.values() for score in _of_catalogue(entry)),
    *_scores(
        "all-MiniLM-L6-v2",
        ("STS-B de", _SPEARMAN, 0.62397),
        ("SciFact", _MRR, 0.60472),
        ("SciFact", _RECALL, 0.925),
        ("XQuAD-R en", _NDCG, 0.94357),
        ("XQuAD-R de", _NDCG, 0.70324),
    ),
    *_scores("paraphrase-multilingual-MiniLM-L12-v2", ("STS-B de", _SPEARMAN, 0.78874)),
    *_scores("bm25s", ("SciFact", _NDCG, 0.68736), ("XQuAD-R en", _NDCG, 0.96494), ("XQuAD-R de", _NDCG, 0.92521)),
)


def published_for(model: str) -> dict[tuple[str, str], Published]:
    """Return what is published for a model by task and metric; nothing for a model that is not in the table."""
    return {(score.task, score.metric): score for score in PUBLISHED if score.model == model}

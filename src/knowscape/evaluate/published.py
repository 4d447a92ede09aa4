"""Scores that others have published, to tell whether an encoder is the model it says it is.

All are from the MTEB results store.  The tolerances are what another order of summation and bf16 may change: 0.0005
for a correlation over 1,379 pairs, 0.003 where one query of a few hundred can turn, 0.005 for the coarser measures.
"""

from dataclasses import dataclass

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


def _english(model: str, sts: float, scifact: float) -> tuple[Published, ...]:
    return _scores(model, ("STS-B en", _SPEARMAN, sts), ("SciFact", _NDCG, scifact))


PUBLISHED = (
    *_english("all-MiniLM-L6-v2", 0.82032, 0.64508),
    *_scores(
        "all-MiniLM-L6-v2",
        ("STS-B de", _SPEARMAN, 0.62397),
        ("SciFact", _MRR, 0.60472),
        ("SciFact", _RECALL, 0.925),
        ("XQuAD-R en", _NDCG, 0.94357),
        ("XQuAD-R de", _NDCG, 0.70324),
    ),
    *_english("all-mpnet-base-v2", 0.83422, 0.65570),
    *_english("bge-small-en-v1.5", 0.85863, 0.71273),
    *_english("bge-base-en-v1.5", 0.86418, 0.74345),
    *_english("e5-small-v2", 0.84916, 0.68854),
    *_english("e5-base-v2", 0.85480, 0.71944),
    *_english("paraphrase-multilingual-MiniLM-L12-v2", 0.84417, 0.48487),
    *_scores("paraphrase-multilingual-MiniLM-L12-v2", ("STS-B de", _SPEARMAN, 0.78874)),
    *_english("multilingual-e5-small", 0.83589, 0.67585),
    *_english("Qwen3-Embedding-0.6B", 0.91130, 0.69718),
    *_scores("embeddinggemma-300m", ("STS-B en", _SPEARMAN, 0.88165)),
    *_english("bge-m3", 0.84869, 0.64366),
    *_english("wordllama", 0.75878, 0.51095),
    *_scores("bm25s", ("SciFact", _NDCG, 0.68736), ("XQuAD-R en", _NDCG, 0.96494), ("XQuAD-R de", _NDCG, 0.92521)),
)


def published_for(model: str) -> dict[tuple[str, str], Published]:
    """Return what is published for a model by task and metric; nothing for a model that is not in the table."""
    return {(score.task, score.metric): score for score in PUBLISHED if score.model == model}

"""Retrieval: are the documents that people judged relevant to a query near it?

Data comes in the layout of BEIR (Thakur et al. 2021): corpus.jsonl, queries.jsonl, qrels.tsv.  The search is exact.
"""

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.errors import UsageError
from knowscape.evaluate.metrics import ndcg, recall, reciprocal_rank
from knowscape.evaluate.vectors import comparable, encode_all
from knowscape.progress import SILENT, Progress

__all__ = ["RetrievalSet", "rank_exactly", "read_judgements", "read_queries", "read_retrieval", "retrieval_scores"]

_DEPTH = 100
# Similarities held at a time: 64 MB of float32.
_BLOCK = 1 << 24
_CORPUS_LINE = 'Each line is: {"_id": "...", "title": "...", "text": "..."}, the title being optional'
_QUERY_LINE = 'Each line is: {"_id": "...", "text": "..."}'
_QRELS_LINE = "Each line is, with tabs between: query-id, corpus-id, score; the score a whole number from 0"
_QRELS_HEADER = ["query-id", "corpus-id", "score"]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Texts by id, and `grades`: for each judged query the grades of documents; only judged queries are kept."""

    documents: dict[str, str]
    queries: dict[str, str]
    grades: dict[str, dict[str, int]]


def read_retrieval(folder: Path) -> RetrievalSet:
    """Return the data in a folder of BEIR's layout; title and text are joined by a space.

    Raises UsageError, with file and line, for a missing or empty file, a line that is not as it should be, an id that
    comes twice, and a judgement about a query or a document that is not there.
    """
    documents = _texts(folder / "corpus.jsonl", _CORPUS_LINE)
    queries = read_queries(folder / "queries.jsonl")
    named = str(folder / "queries.jsonl"), str(folder / "corpus.jsonl")
    grades = read_judgements(folder / "qrels.tsv", queries, documents, named)
    return RetrievalSet(documents, {name: queries[name] for name in grades}, grades)


def read_queries(path: Path) -> dict[str, str]:
    """Return the queries of a queries.jsonl by id; the errors are those of `read_retrieval`."""
    return _texts(path, _QUERY_LINE)


def read_judgements(
    path: Path, queries: Container[str], documents: Container[str], named: tuple[str, str]
) -> dict[str, dict[str, int]]:
    """Return the grades of documents by query in a qrels.tsv; the errors are those of `read_retrieval`.

    `named` says where queries and documents are, for messages.
    """
    grades: dict[str, dict[str, int]] = {}
    for where, line in _lines(path, _QRELS_LINE):
        columns = line.split("\t")
        if columns == _QRELS_HEADER:
            continue
        if len(columns) != 3:
            raise UsageError(f"{where} has {len(columns)} columns, not three. {_QRELS_LINE}.")
        query, document, grade = columns
        if not grade.isdecimal():
            raise UsageError(f"{where}: the score {grade!r} is not accepted. {_QRELS_LINE}.")
        if query not in queries:
            raise UsageError(f"{where}: there is no query {query!r} in {named[0]}.")
        if document not in documents:
            raise UsageError(f"{where}: there is no document {document!r} in {named[1]}.")
        grades.setdefault(query, {})[document] = int(grade)
    if not grades:
        raise UsageError(f"{path} holds no judgement. {_QRELS_LINE}.")
    return grades


def _texts(path: Path, accepted: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for where, line in _lines(path, accepted):
        try:
            found: Any = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{where} is not JSON: {error}. {accepted}.") from error
        fields = found if isinstance(found, dict) else {}
        name, title, text = fields.get("_id"), fields.get("title") or "", fields.get("text")
        if not (isinstance(name, str) and isinstance(title, str) and isinstance(text, str)):
            raise UsageError(f"{where} lacks _id or text, or one is not a string. {accepted}.")
        if name in texts:
            raise UsageError(f"{where}: the _id {name!r} came before. Each may come once.")
        texts[name] = f"{title} {text}".strip()
    return texts


def _lines(path: Path, accepted: str) -> Iterator[tuple[str, str]]:
    """Yield the place, for messages, and the text of each line that is not empty."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}. {accepted}.")
    empty = True
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    empty = False
                    yield f"{path}, line {number}", line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not in UTF-8: {error}. {accepted}.") from error
    if empty:
        raise UsageError(f"{path} is empty. {accepted}.")


def retrieval_scores(
    encoder: Encoder, data: RetrievalSet, *, name: str = "Retrieval", progress: Progress = SILENT
) -> dict[str, float]:
    """Return ndcg@10, mrr@10 and recall@100, each 0 to 1, the mean over the judged queries.

    A document is ranked for a query even where both have the same id.
    """
    # Equal similarities rank by falling id, as in trec_eval: then the order of the corpus does not matter.
    ids = sorted(data.documents, reverse=True)
    texts = [data.documents[document] for document in ids]
    documents = encode_all(encoder.encode_documents, texts, name=f"{name}, documents", progress=progress)
    queries = encode_all(
        encoder.encode_queries, list(data.queries.values()), name=f"{name}, queries", progress=progress
    )
    kind = encoder.spec.similarity
    rows = rank_exactly(comparable(queries, kind), comparable(documents, kind), _DEPTH)
    rankings = [
        ([ids[row] for row in best], data.grades[query]) for query, best in zip(data.queries, rows, strict=True)
    ]
    return {
        "ndcg@10": float(np.mean([ndcg(ranking, grades, 10) for ranking, grades in rankings])),
        "mrr@10": float(np.mean([reciprocal_rank(ranking, grades, 10) for ranking, grades in rankings])),
        "recall@100": float(np.mean([recall(ranking, grades, _DEPTH) for ranking, grades in rankings])),
    }


def rank_exactly(queries: NDArray[np.float32], documents: NDArray[np.float32], k: int) -> list[NDArray[np.int64]]:
    """Return for each query the rows of the `k` documents with the largest dot product, best first.

    Among equal ones the lower row comes first.  Memory: one block of at most 2^24 similarities, or one query's.
    """
    k = min(k, len(documents))
    ranked = []
    step = max(1, _BLOCK // len(documents))
    for start in range(0, len(queries), step):
        for similarities in queries[start : start + step] @ documents.T:
            least = np.partition(similarities, -k)[-k]
            candidates = np.flatnonzero(similarities >= least)
            ranked.append(candidates[np.argsort(-similarities[candidates], kind="stable")][:k])
    return ranked

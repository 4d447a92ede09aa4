"""Runs: what a search found for each query, in memory and in the files that trec_eval and its kin read."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from knowscape.corpus.lines import numbered_lines
from knowscape.errors import UsageError
from knowscape.files import write_atomic
from knowscape.progress import SILENT, Progress

__all__ = ["DEPTH", "Run", "Search", "check_ids", "ranked", "read_run", "search_run", "write_run"]

# Documents and scores by query.
Run = Mapping[str, Sequence[tuple[str, float]]]
# Returns the ids and scores of at most so many documents that answer a query.
Search = Callable[[str, int], Sequence[tuple[str, float]]]
# How many documents a run has for each query; BEIR's and MTEB's measures look no further.
DEPTH = 100
_LINE = "Each line is: query-id Q0 document-id rank score tag, with spaces between"


def ranked(found: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return documents best first; equal scores rank by falling id, as in trec_eval, whatever order they came in."""
    return sorted(found, key=lambda one: (one[1], one[0]), reverse=True)


def search_run(search: Search, queries: Mapping[str, str], k: int = DEPTH, progress: Progress = SILENT) -> Run:
    """Return what `search` finds for each query, by the queries' ids: at most `k` documents each."""
    run = {}
    with progress.stage("Searches", total=len(queries)) as stage:
        for name, text in queries.items():
            run[name] = ranked(search(text, k)[:k])
            stage.advance()
    return run


def read_run(path: Path) -> Run:
    """Return the run in a file of TREC's form.  As in trec_eval the scores rank, and the rank in the file is not read.

    Raises UsageError, with file and line, for a missing or empty file, a line that is not as it should be, a score
    that is not a number, and a document that a query has twice.
    """
    found: dict[str, dict[str, float]] = {}
    for where, line in numbered_lines(path, _LINE):
        columns = line.split()
        if len(columns) != 6:
            raise UsageError(f"{where} has {len(columns)} columns, not six. {_LINE}.")
        query, _, document, rank, said, _ = columns
        if not re.fullmatch(r"\d+", rank):
            raise UsageError(f"{where}: the rank {rank!r} is not a whole number. {_LINE}.")
        score = _number(said)
        if not math.isfinite(score):
            raise UsageError(f"{where}: the score {said!r} is not a number. {_LINE}.")
        documents = found.setdefault(query, {})
        if document in documents:
            raise UsageError(f"{where}: query {query!r} has document {document!r} before. Each may come once.")
        documents[document] = score
    return {query: ranked(documents.items()) for query, documents in found.items()}


def _number(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        return math.nan


def check_ids(names: Iterable[str]) -> None:
    """Raise UsageError for an id that a file of TREC's form cannot hold: an empty one, or one with a space."""
    for name in names:
        if name.split() != [name] or not _is_text(name):
            raise UsageError(
                f"The id {name!r} cannot stand in a run: it is empty, has a space, or is no UTF-8. {_LINE}."
            )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_run(path: Path, run: Run, tag: str) -> None:
    """Replace `path` by the run in TREC's form, atomically; spaces in `tag` become underscores.

    Scores are written in full, so that a run that is read again is the same.  UsageError as `check_ids` has it.
    """
    label = "_".join(tag.split()) or "run"
    lines = []
    check_ids(run)
    for query, documents in run.items():
        check_ids(document for document, _ in documents)
        for rank, (document, score) in enumerate(ranked(documents), start=1):
            lines.append(f"{query} Q0 {document} {rank} {float(score)!r} {label}\n")
    content = "".join(lines).encode()
    write_atomic(path, lambda file: file.write(content))

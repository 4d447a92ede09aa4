"""Collections with judgements: which documents did people call relevant to a query?

Data comes in the layout of BEIR (Thakur et al. 2021): corpus.jsonl, queries.jsonl, and qrels.tsv or qrels/test.tsv.
"""

import re
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from knowscape.corpus.lines import numbered_lines, read_fields
from knowscape.errors import UsageError

__all__ = ["RetrievalSet", "read_judgements", "read_queries", "read_retrieval"]

_CORPUS_LINE = 'Each line is: {"_id": "...", "title": "...", "text": "..."}, the title being optional'
_QUERY_LINE = 'Each line is: {"_id": "...", "text": "..."}'
_QRELS_LINE = (
    "Each line is, with tabs between: query-id, corpus-id, score; the score a whole number of at most four digits, "
    "above 0 for what is relevant"
)
_QRELS_HEADER = ["query-id", "corpus-id", "score"]
# trec_eval counts the documents of each grade in a table as long as the highest one.
_GRADE = re.compile(r"-?[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Texts by id, and `grades`: for each judged query the grades of documents; only judged queries are kept.

    A document's text begins with its title, where `titles` has one.
    """

    documents: dict[str, str]
    queries: dict[str, str]
    grades: dict[str, dict[str, int]]
    titles: dict[str, str] = field(default_factory=dict)


def read_retrieval(folder: Path, asked: Path | None = None) -> RetrievalSet:
    """Return the data in a folder of BEIR's layout; title and text are joined by a space.

    `asked` has other queries under the same ids, in another language, say.

    Raises UsageError, with file and line, for a missing or empty file, a line that is not as it should be, an id that
    comes twice, and a judgement about a query or a document that is not there.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. It should hold corpus.jsonl, queries.jsonl and qrels.tsv.")
    documents, titles = _texts(folder / "corpus.jsonl", _CORPUS_LINE)
    asked = asked or folder / "queries.jsonl"
    queries = read_queries(asked)
    named = str(asked), str(folder / "corpus.jsonl")
    grades = read_judgements(_qrels(folder), queries, documents, named)
    return RetrievalSet(documents, {name: queries[name] for name in grades}, grades, titles)


def read_queries(path: Path) -> dict[str, str]:
    """Return the queries of a .jsonl of BEIR's form by id, or the lines of another file by their number.

    The errors are those of `read_retrieval`.
    """
    if path.suffix == ".jsonl":
        return _texts(path, _QUERY_LINE)[0]
    lines = (line.strip() for _, line in numbered_lines(path, "Each line is a query, or the file is a .jsonl"))
    return {f"{number}": line for number, line in enumerate(lines, start=1)}


def read_judgements(
    path: Path, queries: Container[str], documents: Container[str], named: tuple[str, str]
) -> dict[str, dict[str, int]]:
    """Return the grades of documents by query in a qrels.tsv; the errors are those of `read_retrieval`.

    `named` says where queries and documents are, for messages.
    """
    grades: dict[str, dict[str, int]] = {}
    for where, line in numbered_lines(path, _QRELS_LINE):
        columns = line.split("\t")
        if columns == _QRELS_HEADER:
            continue
        if len(columns) != 3:
            raise UsageError(f"{where} has {len(columns)} columns, not three. {_QRELS_LINE}.")
        query, document, grade = columns
        if not _GRADE.fullmatch(grade):
            raise UsageError(f"{where}: the score {grade!r} is not accepted. {_QRELS_LINE}.")
        if query not in queries:
            raise UsageError(f"{where}: there is no query {query!r} in {named[0]}.")
        if document not in documents:
            raise UsageError(f"{where}: there is no document {document!r} in {named[1]}.")
        grades.setdefault(query, {})[document] = int(grade)
    if not grades:
        raise UsageError(f"{path} holds no judgement. {_QRELS_LINE}.")
    return grades


def _qrels(folder: Path) -> Path:
    """Return where the judgements are: one file, or among BEIR's the part that is for testing."""
    plain, parted = folder / "qrels.tsv", folder / "qrels" / "test.tsv"
    found = next((path for path in (plain, parted) if path.is_file()), None)
    if found is None:
        raise UsageError(f"There is no file {plain}, nor {parted}. {_QRELS_LINE}.")
    return found


def _texts(path: Path, accepted: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return texts, their titles before them, and the titles, by id."""
    texts: dict[str, str] = {}
    titles: dict[str, str] = {}
    for where, line in numbered_lines(path, accepted):
        fields = read_fields(where, line, accepted)
        name, title, text = fields.get("_id"), fields.get("title") or "", fields.get("text")
        if not (isinstance(name, str) and isinstance(title, str) and isinstance(text, str)):
            raise UsageError(f"{where} lacks _id or text, or one is not a string. {accepted}.")
        if name in texts:
            raise UsageError(f"{where}: the _id {name!r} came before. Each may come once.")
        texts[name] = f"{title} {text}".strip()
        if title.strip():
            titles[name] = title.strip()
    return texts, titles

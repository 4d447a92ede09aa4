"""From a path to a corpus; what cannot be used is counted by rule and reported."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from knowscape.corpus.cleaning import LONGEST_ID, LONGEST_TEXT, clean
from knowscape.corpus.columns import Columns, find_columns
from knowscape.corpus.document import Corpus, Document, ReadReport
from knowscape.corpus.hub import PREFIX, read_hub
from knowscape.corpus.json_files import read_json_array, read_jsonl
from knowscape.corpus.mediawiki import read_mediawiki
from knowscape.corpus.raw import PACKED, Record, decode
from knowscape.corpus.safe_pickle import unpickled_lines
from knowscape.corpus.tables import read_csv, read_parquet, read_tsv
from knowscape.errors import UsageError
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress

__all__ = ["READERS", "Columns", "read_corpus"]

# So many records are looked at before it is decided which column is which.
_FIRST = 100


def read_corpus(
    path: str | Path,
    *,
    reader: str | None = None,
    columns: Columns | None = None,
    limit: int | None = None,
    progress: Progress = SILENT,
) -> Corpus:
    """Return the documents in `path`: a file, a folder of texts, or `hf:OWNER/NAME[:CONFIG]`.

    The reader is found by the extension (.gz, .bz2 and .xz are unpacked) or named by `reader`.  Of documents with
    the same id the first is kept; empty texts are skipped; control characters are removed, from titles and addresses
    also those that change the direction of writing; addresses lead to the web or are removed; invalid UTF-8 is
    replaced; texts are cut at 10 million characters.  Each is counted in the report.  Without an id column a
    document's id is the digest of its title and text.  Raises UsageError for a path, format or column that is not
    there, and where nothing could be kept.
    """
    report = ReadReport()
    find = partial(find_columns, wanted=columns or Columns(), where=str(path))
    with progress.stage("Reading") as stage:
        records = _records(path, reader, report)
        corpus = Corpus.from_documents(_documents(records, find, report, limit, stage.advance), report)
    if not len(corpus):
        why = "; ".join(report.lines()) or "it is empty"
        raise UsageError(f"{path} holds no document that can be used: {why}.")
    report.kept = len(corpus)
    return corpus


def _records(path: str | Path, reader: str | None, report: ReadReport) -> Iterator[Record]:
    if str(path).startswith(PREFIX):
        return read_hub(str(path), report)
    path = Path(path)
    if not path.exists():
        raise UsageError(
            f"There is no {path}. Name a file ({', '.join(_EXTENSIONS)}), a folder of texts, or {PREFIX}OWNER/NAME."
        )
    if not path.is_file() and not path.is_dir():
        raise UsageError(f"{path} is neither a file nor a folder. Write what it gives into a file, and name that.")
    name = reader or _reader_for(path)
    if name not in READERS:
        raise UsageError(f"There is no reader {name!r}. Accepted by --reader: {', '.join(READERS)}.")
    if path.is_dir() != (name == "folder"):
        raise UsageError(f"{path} is {'a folder' if path.is_dir() else 'no folder'}; it cannot be read as {name}.")
    return READERS[name](path, report)


def _reader_for(path: Path) -> str:
    if path.is_dir():
        return "folder"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    found = _EXTENSIONS.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise UsageError(f"{path} has no known extension. Say what it is: --reader {'|'.join(READERS)}")
    return found


def _documents(  # noqa: PLR0917 - one private step of `read_corpus`
    records: Iterator[Record],
    find: Callable[[list[Record]], dict[str, str]],
    report: ReadReport,
    limit: int | None,
    advance: Callable[[int], None],
) -> Iterator[Document]:
    first = list(islice(records, _FIRST))
    if not first:
        return
    places = find(first)
    seen: dict[str, str] = {}
    for record in chain(first, records):
        if limit is not None and len(seen) >= limit:
            return
        report.read += 1
        advance(1)
        document = _document(record, places, report)
        if document is None:
            continue
        digest = document.text_digest
        if document.id in seen:
            same = seen[document.id] == digest
            report.count("repeat of an id, dropped" if same else "other text under a known id, dropped", document.id)
            continue
        seen[document.id] = digest
        yield document


def _document(record: Record, places: Mapping[str, str], report: ReadReport) -> Document | None:
    try:
        fields = {name: _string(record.get(key)) for name, key in places.items()}
    except (RecursionError, ValueError):  # a number of thousands of digits is a ValueError
        report.count("text that is no text, skipped", f"record {report.read}")
        return None
    fields = {name: clean(name, value, report) if value else "" for name, value in fields.items()}
    text, title = fields["text"], fields.get("title", "")
    if not text or text.isspace():
        report.count("empty text skipped", f"record {report.read}")
        return None
    used = places.values()
    metadata = {str(key): value for key, value in record.items() if key not in used}
    name = fields.get("id") or _derived_id(record, title, text)
    return Document(name, text, title, fields.get("url", ""), fields.get("source", ""), metadata)


def _derived_id(record: Record, title: str, text: str) -> str:
    """Return an id that does not depend on the place in the file."""
    paper = record.get("paper_id")
    if isinstance(paper, str | int):
        return f"{paper}:{record.get('paragraph_index', 0)!s:.40}"[:LONGEST_ID]
    return sha256_text(f"{title}\n{text}")[:16]


def _string(value: Any) -> str:
    """Return a cell as text: numbers as written, lists of paragraphs joined, other values as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "\n\n".join(value)
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)


def _read_folder(path: Path, report: ReadReport) -> Iterator[Record]:
    """Yield one record a .txt or .md file: its path within the folder as the id, its first heading as the title."""
    root = path.resolve()
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() not in {".txt", ".md"} or not file.is_file():
            continue
        name = file.relative_to(path).as_posix()
        if not file.resolve().is_relative_to(root):
            report.count("link out of the folder skipped", name)
            continue
        try:
            with file.open("rb") as opened:
                data = opened.read(4 * LONGEST_TEXT + 1)
        except OSError as error:
            report.count("unreadable file skipped", f"{name}: {error.strerror}")
            continue
        text = decode(data.removeprefix(b"\xef\xbb\xbf"), report, name)
        heading = next((line.strip("# ") for line in text.splitlines() if line.startswith("# ")), "")
        yield {"id": name, "title": heading or file.stem, "text": text}


def _read_pickle(path: Path, report: ReadReport) -> Iterator[Record]:
    """Yield the records of a pickle, read in a child process without running anything."""
    try:
        for line in unpickled_lines(path):
            yield json.loads(line)
    except ValueError as error:
        raise UsageError(
            f"{path} was not read: {error}. Accepted in pickles: plain values and numpy arrays."
        ) from error


_EXTENSIONS = {
    ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv",
    ".xml": "mediawiki", ".pkl": "pickle", ".pickle": "pickle",
}  # fmt: skip
READERS: dict[str, Callable[[Path, ReadReport], Iterator[Record]]] = {
    "parquet": read_parquet, "jsonl": read_jsonl, "csv": read_csv, "tsv": read_tsv, "json": read_json_array,
    "folder": _read_folder, "mediawiki": read_mediawiki, "pickle": _read_pickle,
}  # fmt: skip

"""Readers of every input format; what cannot be used is counted by rule and reported."""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from knowscape.corpus.document import Corpus, Document, ReadReport
from knowscape.errors import UsageError
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress

__all__ = ["READERS", "Columns", "read_corpus"]

Record = dict[str, Any]
_LONGEST_TEXT = 10_000_000
_LONGEST_LINE = 64 << 20
_NAMES = {
    "text": ("text", "content", "body", "abstract", "passage", "article", "paragraph", "description"),
    "title": ("title", "name", "headline"),
    "id": ("id", "_id", "doc_id", "docid", "pageid", "page_id", "uuid"),
    "url": ("url", "link", "source_url"),
    "source": ("source",),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; None means: found by its usual name."""

    text: str | None = None
    title: str | None = None
    id: str | None = None
    url: str | None = None


def read_corpus(
    path: str | Path,
    *,
    reader: str | None = None,
    columns: Columns | None = None,
    limit: int | None = None,
    progress: Progress = SILENT,
) -> Corpus:
    """Return the documents in `path`, a file or a folder of texts, read by its extension or by `reader`.

    Of documents with the same id the first is kept; empty texts are skipped; NUL bytes are removed; invalid UTF-8 is
    replaced; texts are cut at 10 million characters.  Each is counted in the report.  Raises UsageError for a path,
    format or column that is not there, and where nothing could be kept.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"There is no {path}. Name a file ({', '.join(sorted(_EXTENSIONS))}) or a folder of texts.")
    name = reader or _reader_for(path)
    if name not in READERS:
        raise UsageError(f"There is no reader {name!r}. Accepted by --reader: {', '.join(READERS)}.")
    report = ReadReport()
    with progress.stage("Reading") as stage:
        records = READERS[name](path, report)
        corpus = Corpus.from_documents(_documents(records, columns or Columns(), report, limit, stage.advance), report)
    if not len(corpus):
        why = "; ".join(report.lines()) or "it is empty"
        raise UsageError(f"{path} holds no document that can be used: {why}.")
    report.kept = len(corpus)
    return corpus


def _reader_for(path: Path) -> str:
    if path.is_dir():
        return "folder"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    found = _EXTENSIONS.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise UsageError(f"{path} has no known extension. Say what it is: --reader {'|'.join(READERS)}")
    return found


def _documents(  # noqa: PLR0917 - one private step of `read_corpus`
    records: Iterator[Record],
    columns: Columns,
    report: ReadReport,
    limit: int | None,
    advance: Callable[[int], None],
) -> Iterator[Document]:
    seen: dict[str, str] = {}
    places: dict[str, str] | None = None
    for record in records:
        if limit is not None and len(seen) >= limit:
            return
        report.read += 1
        advance(1)
        if places is None or (places["text"] not in record):
            places = _find(record, columns, report.read)
        document = _document(record, places, report)
        if document is None:
            continue
        if document.id in seen:
            same = seen[document.id] == document.text_digest
            report.count("repeat of an id, dropped" if same else "other text under a known id, dropped", document.id)
            continue
        seen[document.id] = document.text_digest
        yield document


def _find(record: Record, columns: Columns, number: int) -> dict[str, str]:
    """Return which key of `record` holds text, title, id, url and source."""
    there = {str(key).lower(): key for key in record}
    places = {}
    for field, usual in _NAMES.items():
        wanted = getattr(columns, field, None)
        if wanted is not None and wanted not in record:
            raise UsageError(f"There is no column {wanted!r} for --{field}. There are: {', '.join(map(str, record))}.")
        found = wanted or next((there[name] for name in usual if name in there), None)
        if found is not None:
            places[field] = found
    if "text" not in places:
        raise UsageError(f"Record {number} has no text column. Name one with --text; there are: {', '.join(record)}.")
    return places


def _document(record: Record, places: dict[str, str], report: ReadReport) -> Document | None:
    where = f"record {report.read}"
    fields = {name: _string(record.get(key)) for name, key in places.items()}
    text = fields["text"]
    if "\0" in text:
        report.count("NUL bytes removed", where)
        text = text.replace("\0", "")
    if "\ufffd" in text or any("\ud800" <= c <= "\udfff" for c in text):
        report.count("invalid UTF-8 replaced", where)
        text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) > _LONGEST_TEXT:
        report.count("cut at 10 million characters", where)
        text = text[:_LONGEST_TEXT]
    if not text.strip():
        report.count("empty text skipped", where)
        return None
    title = fields.get("title", "")
    used = set(places.values())
    metadata = {str(key): value for key, value in record.items() if key not in used}
    paper = record.get("paper_id")
    derived = (
        f"{paper}:{record.get('paragraph_index', '')}" if paper is not None else sha256_text(title + "\n" + text)[:16]
    )
    return Document(fields.get("id") or derived, text, title, fields.get("url", ""), fields.get("source", ""), metadata)


def _string(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _lines(path: Path, report: ReadReport) -> Iterator[tuple[int, str]]:
    """Yield numbered lines in bounded memory; a truncated archive ends the reading and is reported."""
    with _open(path) as file:
        number = 0
        while True:
            try:
                line = file.readline(_LONGEST_LINE)
            except (EOFError, OSError) as error:
                report.count("TRUNCATED: the rest could not be read", f"after line {number}: {error}")
                return
            if not line:
                return
            number += 1
            if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                report.count("line over 64 MB skipped", f"line {number}")
                while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                continue
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8", "replace")


def _jsonl(path: Path, report: ReadReport) -> Iterator[Record]:
    for number, line in _lines(path, report):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            report.count("malformed line skipped", f"line {number}")
            continue
        yield from _as_record(value, report, f"line {number}")


def _as_record(value: Any, report: ReadReport, where: str) -> Iterator[Record]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, str):
        yield {"text": value}
    else:
        report.count("neither object nor string, skipped", where)


def _json(path: Path, report: ReadReport) -> Iterator[Record]:
    with _open(path) as file:
        try:
            value = json.loads(file.read().decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError, EOFError, OSError) as error:
            raise UsageError(
                f"{path} is not whole JSON: {error}. One object a line can be read with --reader jsonl."
            ) from error
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else [value]
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield from _as_record(item, report, f"item {number}")


def _csv(path: Path, report: ReadReport) -> Iterator[Record]:
    csv.field_size_limit(_LONGEST_LINE)
    delimiter = "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ","
    rows = csv.reader((line.replace("\0", "") for _, line in _lines(path, report)), delimiter=delimiter)
    try:
        header = next(rows, [])
        for row in rows:
            if len(row) != len(header):
                if row:
                    report.count("row of another length skipped", f"line {rows.line_num}")
                continue
            yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        report.count("TRUNCATED: the rest could not be read", f"line {rows.line_num}: {error}")


def _parquet(path: Path, report: ReadReport) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} is no readable Parquet file (is it truncated?): {error}") from error
    try:
        for batch in file.iter_batches(4096):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        report.count("TRUNCATED: the rest could not be read", f"after record {report.read}: {error}")


def _folder(path: Path, report: ReadReport) -> Iterator[Record]:
    root = path.resolve()
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() not in {".txt", ".md"} or not file.is_file():
            continue
        name = str(file.relative_to(path))
        if not file.resolve().is_relative_to(root):
            report.count("link out of the folder skipped", name)
            continue
        text = file.read_bytes().decode("utf-8-sig", "replace")
        heading = next((line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")), "")
        yield {"id": name, "title": heading or file.stem, "text": text}


_EXTENSIONS = {
    ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
READERS: dict[str, Callable[[Path, ReadReport], Iterator[Record]]] = {
    "parquet": _parquet, "jsonl": _jsonl, "csv": _csv, "json": _json, "folder": _folder,
}  # fmt: skip

"""Readers of tables: Parquet, CSV and TSV."""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from knowscape.corpus import parquet_child
from knowscape.corpus.confined import RefusedError, confined
from knowscape.corpus.document import ReadReport
from knowscape.corpus.parquet_child import MOST_COLUMNS
from knowscape.corpus.raw import LONGEST_LINE, Record, decode, read_lines
from knowscape.errors import UsageError

__all__ = ["read_csv", "read_parquet", "read_tsv"]

_DELIMITERS = ",;\t|"


def read_csv(path: Path, report: ReadReport, *, delimiter: str | None = None) -> Iterator[Record]:
    """Yield one record a row under the names of the first; the delimiter is the one that the first line has most."""
    csv.field_size_limit(LONGEST_LINE)
    lines = (line for _, line in read_lines(path, report))
    first = next(lines, "")
    delimiter = delimiter or max(_DELIMITERS, key=first.count)
    if first.count(delimiter) >= MOST_COLUMNS:
        raise UsageError(f"The first line names {first.count(delimiter) + 1:,} columns; accepted: {MOST_COLUMNS:,}.")
    rows = csv.reader(_chain(first, lines), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            report.count("malformed row skipped", f"line {rows.line_num}: {error}")
            continue
        if header is None:
            header = row
        elif len(row) == len(header):
            yield dict(zip(header, row, strict=True))
        elif row:
            report.count("row of another length skipped", f"line {rows.line_num}")


read_tsv = partial(read_csv, delimiter="\t")


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def read_parquet(path: Path, report: ReadReport) -> Iterator[Record]:
    """Yield one record a row, in batches; a part that cannot be read ends the reading and is counted.

    A child process with limits decodes it (see `confined`): a page of a few bytes may claim any number of values, in
    the footer and against it, and Arrow allocates what it claims.
    """
    with confined(parquet_child.__name__, path) as output:
        try:
            for batch in pa.ipc.open_stream(output):
                yield from _rows(batch, report)
            output.read()  # the stream is closed properly where its writer failed: the end of the output says so
        except (pa.ArrowException, OSError, RefusedError) as error:
            if not report.read:
                raise UsageError(f"{path} is no readable Parquet file (is it cut off?): {error}") from error
            report.count("TRUNCATED: the rest could not be read", f"after record {report.read}: {error}")


def _rows(batch: pa.RecordBatch, report: ReadReport) -> list[Record]:
    try:
        rows: list[Record] = batch.to_pylist()
    except UnicodeDecodeError:
        columns = {name: _values(batch.column(name), report) for name in batch.schema.names}
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return rows


def _values(column: pa.Array, report: ReadReport) -> list[object]:
    """Return a column's values where some of its strings are not UTF-8."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return list(column.to_pylist())
    raw = column.cast(pa.large_binary()).to_pylist()
    return [
        None if value is None else decode(value, report, f"record {report.read + row}")
        for row, value in enumerate(raw, 1)
    ]

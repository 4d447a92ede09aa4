"""An atlas as one file for other programs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from knowscape.atlas import Atlas
from knowscape.errors import UsageError
from knowscape.files import write_atomic

__all__ = ["FORMATS", "export_atlas"]

FORMATS = ("parquet", "npy", "jsonl")


def export_atlas(atlas: Atlas, form: str, out: Path) -> int:
    """Write `out` and return its rows: documents, then questions; npy holds the documents' vectors alone.

    Raises UsageError for an unknown format.
    """
    if form not in FORMATS:
        raise UsageError(f"There is no format {form!r}. Accepted: {', '.join(FORMATS)}.")
    if form == "npy":
        vectors = atlas.vectors()
        write_atomic(out, lambda file: np.save(file, vectors, allow_pickle=False))
        return len(vectors)
    table = atlas.to_table()
    if form == "parquet":
        write_atomic(out, lambda file: pq.write_table(table, file, compression="zstd", write_page_checksum=True))
    else:
        write_atomic(out, lambda file: _write_lines(file, table))
    return int(table.num_rows)


def _write_lines(file: IO[bytes], table: pa.Table) -> None:
    for row in _rows(table):
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _rows(table: pa.Table) -> Iterator[dict[str, object]]:
    for batch in table.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()

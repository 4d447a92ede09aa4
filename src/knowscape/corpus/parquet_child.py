"""The body of the child process that decodes Parquet (see `confined`) and writes it as an Arrow stream."""

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from knowscape.corpus.confined import RefusedError, child

__all__ = ["MOST_COLUMNS", "main"]

MOST_COLUMNS = 10_000
_MOST_ROWS = 4096
_BATCH_BYTES = 32 << 20
_MOST_VALUES = 16_000_000
_DEEPEST = 32


def _write_batches(_: int, source: IO[bytes], out: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)
    about, schema = file.metadata, file.schema_arrow
    if about.num_columns > MOST_COLUMNS:
        raise RefusedError(f"it has {about.num_columns:,} columns; accepted: {MOST_COLUMNS:,}")
    for column in schema:
        _check_depth(column.type, 0)
    with pa.ipc.new_stream(out, schema) as stream:
        for batch in file.iter_batches(_batch_rows(about), use_threads=False):
            if sum(map(_values, batch.columns)) > _MOST_VALUES:
                raise RefusedError(f"its lists hold over {_MOST_VALUES:,} values in {batch.num_rows:,} rows")
            stream.write_batch(batch)


def _batch_rows(about: Any) -> int:
    """Return how many rows to decode at once, by what the footer says of their size; the memory limit holds anyway."""
    said = sum(max(about.row_group(group).total_byte_size, 0) for group in range(about.num_row_groups))
    return int(max(1, min(_MOST_ROWS, _BATCH_BYTES * max(about.num_rows, 1) // max(said, 1))))


def _inner_types(kind: pa.DataType) -> Iterator[pa.DataType]:
    return (kind.field(index).type for index in range(kind.num_fields))


def _check_depth(kind: pa.DataType, depth: int) -> None:
    if depth > _DEEPEST:
        raise RefusedError(f"its columns nest deeper than {_DEEPEST}")
    for inner in _inner_types(kind):
        _check_depth(inner, depth + 1)


def _values(array: pa.Array) -> int:
    """Return how many values an array holds: a list of nothing takes no memory here, and plenty as Python's."""
    kind, count = array.type, len(array)
    if pa.types.is_struct(kind):
        return count + sum(map(_values, array.flatten()))
    if pa.types.is_map(kind):
        return count + _values(array.keys) + _values(array.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return count + _values(array.flatten())
    return count


def main() -> int:
    """Decode the Parquet file on standard input."""
    return child(_write_batches)

"""Matrices as a column: each row the bytes of its numbers, which Parquet gives back as fast as memory is copied.

A list of fixed size, which Parquet stores with two levels for each number, takes twenty times as long to read.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from knowscape.errors import DamageError

__all__ = ["matrix_from", "matrix_width", "to_column"]

_BYTES = 4  # of one number


def to_column(values: NDArray[Any]) -> pa.Array:
    """Return [n, width] numbers of 32 bits as a column of n rows, little-endian."""
    rows, width = values.shape
    if not width:  # Parquet knows no bytes of fixed size 0
        return pa.array([b""] * rows, pa.binary())
    data = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_BYTES * width), rows, [None, pa.py_buffer(data)])


def matrix_width(kind: pa.DataType) -> int | None:
    """Return how many numbers a row of a column of this type has; None where it is no column of a matrix."""
    if pa.types.is_fixed_size_binary(kind):
        return int(kind.byte_width) // _BYTES
    return int(kind.list_size) if pa.types.is_fixed_size_list(kind) else None


def matrix_from(column: pa.ChunkedArray | pa.Array, dtype: type[np.generic]) -> NDArray[Any]:
    """Return a column as `dtype`[n, width]; DamageError where it is something else.

    Lists of numbers, all of one length, are read too: format 1 has them.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind, rows = column.type, len(column)
    if column.null_count:
        raise DamageError("A column of numbers has gaps.")
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width % _BYTES == 0:
        width, stored = kind.byte_width // _BYTES, np.dtype(dtype).newbyteorder("<")
        if not rows:
            return np.empty((0, width), dtype)
        values = np.frombuffer(column.buffers()[1], stored, rows * width, column.offset * kind.byte_width)
        return values.astype(dtype, copy=False).reshape(rows, width)
    if pa.types.is_binary(kind) and not pc.max(pc.binary_length(column)).as_py():
        return np.empty((rows, 0), dtype)
    return _from_lists(column, dtype)


def _from_lists(column: pa.Array, dtype: type[np.generic]) -> NDArray[Any]:
    kind = column.type
    lists = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    wanted = pa.types.is_floating if np.issubdtype(dtype, np.floating) else pa.types.is_integer
    if not any(of(kind) for of in lists) or not wanted(kind.value_type):
        raise DamageError(f"A column of numbers has the type {kind}.")
    lengths, flat = pc.unique(pc.list_value_length(column)).to_pylist(), column.flatten()
    if flat.null_count or len(lengths) > 1:
        raise DamageError("A column of numbers has gaps.")
    rows, width = len(column), lengths[0] if lengths else matrix_width(kind) or 0
    values: NDArray[Any] = flat.to_numpy(zero_copy_only=False).astype(dtype, copy=False)
    return values.reshape(rows, width)

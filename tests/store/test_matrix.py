"""Matrices come back from a column as they went in, and what is no matrix is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowscape.errors import DamageError
from knowscape.store.matrix import matrix_from, matrix_width, to_column
from knowscape.store.parts import read_part, write_part

NUMBERS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7


@pytest.mark.parametrize("values", [NUMBERS, NUMBERS[:0], NUMBERS[:, :0], NUMBERS[::2, ::-1], NUMBERS.astype(">f4")])
def test_a_matrix_comes_back_from_a_part(values: np.ndarray, tmp_path: Path) -> None:
    part = write_part(tmp_path, pa.table({"numbers": to_column(values)}))
    found = matrix_from(read_part(tmp_path / part.file, part)["numbers"], np.float32)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


def test_whole_numbers_and_slices(tmp_path: Path) -> None:
    values = np.arange(-6, 6, dtype=np.int32).reshape(4, 3)
    np.testing.assert_array_equal(matrix_from(to_column(values).slice(1, 2), np.int32), values[1:3])


@pytest.mark.parametrize(
    "column",
    [
        pa.FixedSizeListArray.from_arrays(pa.array(NUMBERS.ravel()), 3),
        pa.array(NUMBERS.tolist(), pa.list_(pa.float32())),
        pa.array(NUMBERS.tolist(), pa.large_list(pa.float64())),
    ],
)
def test_lists_as_format_1_has_them_are_read(column: pa.Array) -> None:
    np.testing.assert_allclose(matrix_from(column, np.float32), NUMBERS)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"12345"], pa.binary(5)),
        pa.array([b"1234", None], pa.binary(4)),
        pa.array([[1.0], [1.0, 2.0]], pa.list_(pa.float32())),
        pa.array([[1.0, None]], pa.list_(pa.float32(), 2)),
        pa.array([[1, 2]], pa.list_(pa.int32(), 2)),
        pa.array(["ab"]),
        pa.array([b"ab"], pa.binary()),
    ],
)
def test_what_is_no_matrix_is_refused(column: pa.Array) -> None:
    with pytest.raises(DamageError, match="column of numbers"):
        matrix_from(column, np.float32)


def test_the_numbers_of_a_part_are_not_packed(tmp_path: Path) -> None:
    part = write_part(tmp_path, pa.table({"id": ["a"] * 4, "numbers": to_column(NUMBERS)}))
    group = pq.ParquetFile(tmp_path / part.file).metadata.row_group(0)
    assert [group.column(n).compression for n in range(2)] == ["ZSTD", "UNCOMPRESSED"]
    assert matrix_width(pq.read_schema(tmp_path / part.file).field("numbers").type) == 3

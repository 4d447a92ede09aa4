"""The union of several folders of parts: which parts are taken as they are, and which rows of the others.

Rows are known by a key (a document by its id, a vector by the digest of its text), and of equal keys the first row
is kept.  Nothing here holds more of a part than its keys and one block of its vectors.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from knowscape.errors import DamageError, KnowscapeError
from knowscape.store.manifest import PartFolder
from knowscape.store.parts import Part, verify_part, write_tables
from knowscape.store.vectors import vectors_of

__all__ = ["Candidate", "Union", "candidates", "damage", "distinct", "read_blocks", "rewrite", "vectors_at"]

_BLOCK_ROWS = 2048
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part that may go into the union: its file, what its manifest says, and what messages call it.

    `start` is the row that messages give its first row.
    """

    path: Path
    part: Part
    name: str
    start: int = 0


def candidates(parts: PartFolder) -> list[Candidate]:
    """Return the committed parts of a folder, in order; DamageError where the manifest is damaged."""
    return [Candidate(parts.folder / part.file, part, str(parts.folder / part.file)) for part in parts.parts()]


def distinct(found: Iterable[Candidate]) -> list[Candidate]:
    """Return the first of each set of candidates with the same bytes."""
    unique: dict[str, Candidate] = {}
    for each in found:
        unique.setdefault(each.part.digest, each)
    return list(unique.values())


def damage(candidate: Candidate) -> str | None:
    """Return what is wrong with a part's bytes, None where they are those that its manifest names."""
    try:
        verify_part(candidate.path, candidate.part)
    except DamageError as error:
        return f"{candidate.path} {error.fault.says}" if error.fault else str(error)
    except KnowscapeError as error:
        return str(error)
    return None


def read_blocks(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield a part's rows, some thousands at a time."""
    with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        for batch in file.iter_batches(_BLOCK_ROWS, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch])


class Union:
    """The rows of several parts, numbered through; `origin` holds for each row the first one with its key."""

    def __init__(self, keys: Sequence[pa.Array]) -> None:
        self.starts = np.cumsum([0, *map(len, keys)])
        whole = pa.chunked_array([key.cast(pa.large_string()) for key in keys], pa.large_string()).combine_chunks()
        codes = whole.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        first = np.unique(codes, return_index=True)[1]
        self.origin: NDArray[np.int64] = first[codes]

    @property
    def repeats(self) -> NDArray[np.int64]:
        """The rows whose key came before."""
        return np.flatnonzero(self.origin != np.arange(len(self.origin)))

    def kept(self, number: int) -> NDArray[np.bool_]:
        """Return for each row of one part whether it is the first with its key."""
        rows = slice(self.starts[number], self.starts[number + 1])
        return np.asarray(self.origin[rows] == np.arange(rows.start, rows.stop))

    def places(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the part of each row, and its row within."""
        parts = np.searchsorted(self.starts, rows, side="right") - 1
        return parts, rows - self.starts[parts]


def vectors_at(union: Union, files: Sequence[Path], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return float32[n, dimension], the vectors of so many rows of the union; each part is read once, in blocks."""
    parts, places = union.places(rows)
    found: NDArray[np.float32] | None = None
    for number in np.unique(parts):
        wanted, start = np.flatnonzero(parts == number), 0
        for table in read_blocks(files[number], ["vector"]):
            here = wanted[(places[wanted] >= start) & (places[wanted] < start + table.num_rows)]
            if len(here):
                vectors = vectors_of(table)
                found = np.empty((len(rows), vectors.shape[1]), np.float32) if found is None else found
                found[here] = vectors[places[here] - start]
            start += table.num_rows
    return found if found is not None else np.empty((0, 0), np.float32)


def rewrite(candidate: Candidate, kept: NDArray[Any], folder: Path) -> Candidate:
    """Write the kept rows of a part into `folder`, as a part that takes its place."""

    def tables() -> Iterator[pa.Table]:
        start = 0
        for table in read_blocks(candidate.path):
            yield table.filter(pa.array(kept[start : start + table.num_rows]))
            start += table.num_rows

    part = write_tables(folder, pq.read_schema(candidate.path), tables())
    return Candidate(folder / part.file, part, candidate.name)

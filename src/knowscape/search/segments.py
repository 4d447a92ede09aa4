"""Documents and passages of an index in files that are read where they lie, a row at a time."""

import json
from collections.abc import Container, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.errors import DamageError
from knowscape.files import write_atomic
from knowscape.search.filters import OWN_FIELDS, Filter
from knowscape.store.matrix import matrix_from, to_column
from knowscape.store.parts import damage

__all__ = [
    "Documents",
    "PassageTable",
    "content_digests",
    "read_table",
    "write_documents",
    "write_passages",
    "write_table",
]

_GROUP = 1 << 14
_MASKS = 64
_STORED = ["id", "title", "url", "source", "text", "metadata"]


def content_digests(corpus: Corpus, embedded: Container[int]) -> list[bytes]:
    """Return for each document a digest of all that an index holds of it; `embedded` are the rows with vectors."""
    columns = [corpus.table[name].to_pylist() for name in ("id", "title", "url", "source", "text_digest", "metadata")]
    columns.append(["vectors" if row in embedded else "" for row in range(len(corpus))])
    return [blake3("\0".join(values).encode("utf-8", "replace")).digest(16) for values in zip(*columns, strict=True)]


def write_documents(path: Path, corpus: Corpus, languages: Sequence[str], digests: Sequence[bytes]) -> None:
    """Write documents with their languages and digests."""
    table = corpus.table.select(_STORED)
    table = table.append_column("language", pa.array(languages, pa.string()))
    write_table(path, table.append_column("digest", pa.array(digests, pa.binary(16))))


def write_passages(
    path: Path, slots: NDArray[np.int64], spans: NDArray[np.int64], vectors: NDArray[np.float32]
) -> None:
    """Write passages: whose they are, int64[n], from which character to which, int64[n, 2], float32[n, dimension]."""
    columns = {"slot": slots, "start": spans[:, 0], "end": spans[:, 1], "vector": to_column(vectors)}
    write_table(path, pa.table(columns))


def write_table(path: Path, table: pa.Table) -> None:
    def write(file: Any) -> None:
        with pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table, max_chunksize=_GROUP)

    write_atomic(path, write)


def read_table(path: Path) -> pa.Table:
    """Return a table whose columns lie in the file; DamageError where that is no table."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DamageError(damage(path, f"is damaged: {error}")) from error


class Documents:
    """The documents of several files, each known by its slot: its number in all of them, counted through."""

    def __init__(self, tables: Sequence[pa.Table], dead: NDArray[np.int64]) -> None:
        self._table = pa.concat_tables(tables)
        self.alive = np.ones(len(self._table), bool)
        self.alive[dead] = False
        self._mask = lru_cache(maxsize=_MASKS)(self._masked)

    def __len__(self) -> int:
        """Return the number of slots."""
        return int(self._table.num_rows)

    def row(self, slot: int) -> dict[str, Any]:
        """Return a document's fields, its metadata as they were written."""
        found: dict[str, Any] = self._table.slice(slot, 1).select(_STORED).to_pylist()[0]
        found["metadata"] = json.loads(found["metadata"])
        return found

    def known(self) -> dict[str, tuple[int, bytes]]:
        """Return slot and digest of each living document by its id."""
        ids, digests = self._table["id"].to_pylist(), self._table["digest"].to_pylist()
        return {ids[slot]: (slot, digests[slot]) for slot in np.flatnonzero(self.alive).tolist()}

    def allowed(self, filters: tuple[Filter, ...]) -> NDArray[np.bool_] | None:
        """Return which slots live and meet all filters, bool[n]; None where all do."""
        if not filters and self.alive.all():
            return None
        found = self.alive.copy()
        for one in filters:
            found &= self._mask(one)
        return found

    def _masked(self, one: Filter) -> NDArray[np.bool_]:
        """Return which slots meet a filter; each different value is looked at once."""
        values = self._table[one.field].to_pylist() if one.field in OWN_FIELDS else self._metadata(one.field)
        said: dict[Any, bool] = {}

        def meets(value: Any) -> bool:
            key = tuple(map(str, value)) if isinstance(value, list) else (type(value), str(value))
            if key not in said:
                said[key] = one.meets({one.field: value})
            return said[key]

        return np.fromiter(map(meets, values), bool, len(values))

    def _metadata(self, name: str) -> list[Any]:
        """Return a list of one field of every document's metadata, None where it is not there."""
        sought = json.dumps(name, ensure_ascii=False)[1:-1]
        has = pc.match_substring(self._table["metadata"], sought).to_pylist()
        texts = self._table["metadata"].to_pylist()
        return [json.loads(text).get(name) if there else None for there, text in zip(has, texts, strict=True)]


class PassageTable:
    """The passages of several files: whose they are, where in the text, and their vectors."""

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        whole = pa.concat_tables([table.select(["slot", "start", "end"]) for table in tables])
        self.slots: NDArray[np.int64] = whole["slot"].to_numpy()
        self.spans: NDArray[np.int64] = np.stack([whole["start"].to_numpy(), whole["end"].to_numpy()], axis=1)
        self.blocks = [
            matrix_from(chunk, np.float32) for table in tables for chunk in table["vector"].chunks if len(chunk)
        ]

    @cached_property
    def single(self) -> bool:
        """Whether no document has more than one passage."""
        return len(np.unique(self.slots)) == len(self.slots)

    def of(self, slot: int) -> NDArray[np.int64]:
        """Return the rows of a document's passages, int64[p]."""
        return self._order[np.searchsorted(self._sorted, slot) : np.searchsorted(self._sorted, slot, "right")]

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.slots, kind="stable")

    @cached_property
    def _sorted(self) -> NDArray[np.int64]:
        return self.slots[self._order]

"""Documents, and a corpus of them with stable ids and a fixed order."""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from knowscape.characters import printable
from knowscape.files import sha256_text

__all__ = ["Corpus", "Document", "ReadReport"]

COLUMNS = ("id", "title", "url", "source", "text", "text_digest", "metadata")
# The columns that the digest of a corpus is made of.
IDENTITY = ["id", "title", "url", "text_digest"]
_EXAMPLES, _LONGEST_EXAMPLE = 3, 200
_DEEPEST, _DIGESTED = 64, 1 << 16
_PLAIN = r"^[ !#-\[\]-~]*$"


@dataclass(frozen=True, slots=True)
class Document:
    """One text with a stable id; `metadata` holds JSON values."""

    id: str
    text: str
    title: str = ""
    url: str = ""
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text_digest(self) -> str:
        """The hexadecimal SHA-256 of the text."""
        return sha256_text(self.text)


class ReadReport:
    """How many records were read and kept, and what befell the others, by rule."""

    def __init__(self) -> None:
        self.read = self.kept = 0
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def count(self, rule: str, where: str) -> None:
        self.counts[rule] += 1
        examples = self.examples.setdefault(rule, [])
        if len(examples) < _EXAMPLES:
            examples.append(printable(where, _LONGEST_EXAMPLE))

    def to_json(self) -> dict[str, Any]:
        return {"read": self.read, "kept": self.kept, "rules": dict(self.counts), "examples": self.examples}

    def lines(self) -> list[str]:
        """Return one line for each rule that applied, for a person."""
        return [f"{n:,} x {rule} ({'; '.join(self.examples[rule])})" for rule, n in self.counts.items()]


class Corpus:
    """An immutable sequence of documents over an Arrow table with the columns COLUMNS, all strings."""

    def __init__(self, table: pa.Table, report: ReadReport | None = None) -> None:
        self.table = table
        self.report = report or ReadReport()

    @classmethod
    def from_documents(cls, documents: Iterable[Document], report: ReadReport | None = None) -> "Corpus":
        columns: dict[str, list[str]] = {name: [] for name in COLUMNS}
        report = report or ReadReport()
        for document in documents:
            for name in COLUMNS[:-1]:
                columns[name].append(getattr(document, name))
            columns["metadata"].append(_metadata(document, report))
        return cls(pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()}), report)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, row: int) -> Document:
        values = self.table.slice(row % len(self), 1).to_pylist()[0]
        values.pop("text_digest")
        return Document(**{**values, "metadata": json.loads(values["metadata"])})

    def __iter__(self) -> Iterator[Document]:
        return (self[row] for row in range(len(self)))

    def without(self, digests: Container[str]) -> "Corpus":
        """Return the corpus without the documents whose texts have these digests."""
        kept = pa.array([digest not in digests for digest in self.text_digests])
        return Corpus(self.table.filter(kept), self.report)

    def _column(self, name: str) -> list[str]:
        values: list[str] = self.table[name].to_pylist()
        return values

    def own_titles(self) -> NDArray[np.int64]:
        """Return int64[m], in order, the rows whose titles no other has and that hold a letter or digit."""
        names, first, times = np.unique(np.array(self.titles, object), return_index=True, return_counts=True)
        named = np.array([any(letter.isalnum() for letter in name) for name in names], bool)
        return np.sort(first[(times == 1) & named])

    @cached_property
    def ids(self) -> list[str]:
        return self._column("id")

    @cached_property
    def titles(self) -> list[str]:
        return self._column("title")

    @cached_property
    def urls(self) -> list[str]:
        return self._column("url")

    @cached_property
    def texts(self) -> list[str]:
        return self._column("text")

    @cached_property
    def text_digests(self) -> list[str]:
        return self._column("text_digest")

    @cached_property
    def digest(self) -> str:
        """The hexadecimal SHA-256 of ids, titles, urls and texts, in order."""
        whole, table = hashlib.sha256(), self.table.select(IDENTITY)
        for start in range(0, len(table), _DIGESTED):
            whole.update(_as_json(table.slice(start, _DIGESTED)))
        return whole.hexdigest()


def _as_json(table: pa.Table) -> pa.Buffer:
    """Return what json.dumps makes of each row of strings, one after the other, a column at a time."""
    begin, between, end, nothing = (pa.scalar(text, pa.large_string()) for text in ('["', '", "', '"]', ""))
    inner = pc.binary_join_element_wise(*(_escaped(column.combine_chunks()) for column in table.columns), between)
    rows = pc.binary_join_element_wise(begin, inner, end, nothing)
    first, last = np.frombuffer(rows.buffers()[1], np.int64)[[rows.offset, rows.offset + len(rows)]]
    return rows.buffers()[2][first:last]


def _escaped(column: pa.Array) -> pa.Array:
    """Return strings as they stand between the quotes in JSON; only those that need it are looked at one by one."""
    column = column.cast(pa.large_string())
    other = pc.invert(pc.match_substring_regex(column, _PLAIN))
    said = [json.dumps(value)[1:-1] for value in column.filter(other).to_pylist()]
    return pc.replace_with_mask(column, other, pa.array(said, column.type)) if said else column


def _metadata(document: Document, report: ReadReport) -> str:
    """Return the metadata as JSON; a value that is nested too deep for any reader is left out and counted."""
    kept = {key: value for key, value in document.metadata.items() if not _deeper(value, _DEEPEST)}
    if len(kept) < len(document.metadata):
        report.count(f"metadata nested deeper than {_DEEPEST} left out", document.id)
    # Half of a surrogate pair is no UTF-8.
    return json.dumps(kept, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()


def _deeper(value: Any, most: int) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return False
    return most == 0 or any(_deeper(inner, most - 1) for inner in value if isinstance(inner, list | tuple | Mapping))

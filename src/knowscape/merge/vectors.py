"""The union of the vectors of one encoder, and what speaks against it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from knowscape.errors import DamageError
from knowscape.merge.look import Look
from knowscape.merge.objections import Objection, some, spans
from knowscape.merge.sources import Group, threads
from knowscape.store.matrix import matrix_width
from knowscape.store.merge import Candidate, Union, damage, distinct, read_blocks, vectors_at
from knowscape.store.vectors import vector_schema

__all__ = ["Owner", "Vectors", "union_of_vectors"]

# Vectors of one text are the same where they are no further apart than this share of their length.  In fp32 the last
# bits depend on the batch that a text was embedded in; they make up some 1e-6.
_SAME = 1e-3
# So many pairs are compared at a time: 128 MB where vectors have 4,096 dimensions.
_PAIRS = 4096


@dataclass(frozen=True, slots=True)
class Owner:
    """To whom vectors belong, row by row: the documents, or the questions."""

    what: str
    ids: pa.Array
    digests: pa.Array


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of one encoder in a merged atlas: the parts, which rows of each, and the owner's rows without."""

    group: Group
    files: list[tuple[Candidate, NDArray[np.bool_]]]
    missing: NDArray[np.int64]
    quarantine: dict[str, str]


def union_of_vectors(
    group: Group, owner: Owner, faults: list[Objection], *, allow_gaps: bool, advance: Callable[[int], None]
) -> Vectors:
    """Return each text's vector once; every part is compared with its digest, and every vector is looked at."""
    found = distinct(group.candidates)
    with ThreadPoolExecutor(threads()) as pool:
        read = list(pool.map(partial(_read, group=group, advance=advance), found))
    faults += [each for each in read if isinstance(each, Objection)]
    whole = [(each, look) for each, look in zip(found, read, strict=True) if isinstance(look, Look)]
    bad = [fault for _, look in whole for fault in look.faults]
    faults += bad
    group.partial |= len(whole) < len(found)
    digests = [look.keys for _, look in whole]
    union, keys = Union(digests), pa.chunked_array(digests, pa.string())
    if not bad:
        faults += _overlaps(union, [each for each, _ in whole], keys.take(pa.array(union.repeats)), owner)
    known = set(keys.to_pylist()) if group.quarantine else set()
    quarantine = {digest: why for digest, why in group.quarantine.items() if digest not in known}
    missing = _without(owner, keys, quarantine)
    if len(missing) and not allow_gaps:
        faults.append(_gap(group, owner, missing))
    files = [(each, union.kept(number)) for number, (each, _) in enumerate(whole)]
    return Vectors(group, [(each, mask) for each, mask in files if mask.any()], missing, quarantine)


def _read(candidate: Candidate, group: Group, advance: Callable[[int], None]) -> Look | Objection:
    """Return what a part holds, or why it cannot be used."""
    if (seen := group.seen.get(candidate.path)) is not None:
        return seen
    if (why := damage(candidate)) is not None:
        return Objection("damaged", why)
    look = Look(candidate.name, candidate.start, normalised=group.about["normalised"])
    try:
        if (fault := _misfit(candidate, pq.read_schema(candidate.path), group)) is not None:
            return fault
        for table in read_blocks(candidate.path):
            advance(len(look.see(table)))
    except (pa.ArrowException, OSError, DamageError) as error:
        return Objection("damaged", f"{candidate.name} cannot be read: {error}")
    return look


def _schema_of_format_1(dimension: int) -> pa.Schema:
    schema = vector_schema(dimension)
    return schema.set(schema.get_field_index("vector"), pa.field("vector", pa.list_(pa.float32(), dimension)))


def _misfit(candidate: Candidate, schema: pa.Schema, group: Group) -> Objection | None:
    """Return what is wrong with a part's columns."""
    dimension: int = group.about["dimension"]
    if schema.remove_metadata() in (vector_schema(dimension), _schema_of_format_1(dimension)):
        return None
    size = matrix_width(schema.field("vector").type) if "vector" in schema.names else None
    if size not in (None, dimension):
        return Objection("dimension", f"{candidate.name} has {size:,} dimensions, {group.model} has {dimension:,}")
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    return Objection("damaged", f"{candidate.name} has the columns {columns}; accepted: id, text_digest, vector")


def _overlaps(union: Union, found: Sequence[Candidate], keys: pa.ChunkedArray, owner: Owner) -> list[Objection]:
    """Return a fault for each two parts that hold different vectors of the same texts; `keys` are those texts."""
    files, repeats, start = [each.path for each in found], union.repeats, 0
    pairs: dict[tuple[int, int], list[NDArray[np.int64]]] = {}
    examples: dict[tuple[int, int], str] = {}
    while start < len(repeats):
        rows = repeats[start : start + _PAIRS]
        ours, theirs = vectors_at(union, files, union.origin[rows]), vectors_at(union, files, rows)
        differ = np.flatnonzero(np.linalg.norm(ours - theirs, axis=1) > _SAME * np.linalg.norm(ours, axis=1))
        parts = np.stack([union.places(union.origin[rows])[0], union.places(rows)[0]], axis=1)[differ]
        for one, other in np.unique(parts, axis=0).tolist():
            here = differ[(parts == (one, other)).all(axis=1)]
            pairs.setdefault((one, other), []).append(here + start)
            examples.setdefault((one, other), _example(ours[here[0]], theirs[here[0]]))
        start += len(rows)
    faults = []
    for (one, other), places in pairs.items():
        where = f"{found[one].name} and {found[other].name} have" if one != other else f"{found[one].name} has"
        texts = _name(keys.take(pa.array(np.concatenate(places))), owner)
        faults.append(Objection("overlap", f"{where} different vectors of {texts}; {examples[one, other]}"))
    return faults


def _example(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> str:
    most = int(np.abs(ours - theirs).argmax())
    return f"of the first, component {most:,} is {ours[most]:.6g} and {theirs[most]:.6g}"


def _name(digests: pa.ChunkedArray, owner: Owner) -> str:
    """Return texts as rows and ids of their owner, or by digest where they have none."""
    texts = digests.cast(pa.large_string()).combine_chunks()
    rows = np.flatnonzero(pc.is_in(owner.digests, value_set=texts).to_numpy(zero_copy_only=False))
    if not len(rows):
        return f"{len(texts):,} texts of no {owner.what} ({texts[0].as_py()[:16]})"
    return f"{spans(rows)} of the {owner.what}s ({some(owner.ids.take(pa.array(rows)).to_pylist())})"


def _without(owner: Owner, keys: pa.ChunkedArray, quarantine: dict[str, str]) -> NDArray[np.int64]:
    known = pa.concat_arrays(
        [keys.cast(pa.large_string()).combine_chunks(), pa.array(list(quarantine), pa.large_string())]
    )
    return np.flatnonzero(~pc.is_in(owner.digests, value_set=known).to_numpy(zero_copy_only=False))


def _gap(group: Group, owner: Owner, missing: NDArray[np.int64]) -> Objection:
    part = "no part that can be read" if group.partial else "no part"
    if owner.what == "document":
        return Objection("gap", f"{spans(missing)} are in {part} ({group.model})")
    return Objection(
        "gap", f"questions {some(owner.ids.take(pa.array(missing)).to_pylist())} are in {part} ({group.model})"
    )

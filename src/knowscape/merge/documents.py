"""The union of the documents and of the questions."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.errors import KnowscapeError
from knowscape.merge.objections import Objection, some
from knowscape.merge.sources import threads
from knowscape.quiz.questions import Question, read_questions
from knowscape.store.atlas import AtlasFolder
from knowscape.store.merge import Candidate, Union, candidates, damage, distinct, read_blocks
from knowscape.store.parts import write_part

__all__ = ["Documents", "put_aside", "union_of_documents", "union_of_questions"]

_COLUMNS = ["id", "title", "url", "text_digest"]
_SHOWN = 3
_NAME_IT = "To merge into an atlas, name it among the sources too; else name another with -o."
# The digests of corpora, by the digests of their parts.
_Known = dict[tuple[str, ...], str | None]


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of a merged atlas: the parts, which rows of each, all ids and digests, the corpus digest.

    `before` is the digest of the corpus that the atlas had, None where it had none.
    """

    files: list[tuple[Candidate, NDArray[np.bool_]]]
    ids: pa.Array
    text_digests: pa.Array
    digest: str
    before: str | None = None


def put_aside(corpus: Corpus, staging: Path) -> Candidate:
    """Write a corpus as a part into `staging`."""
    part = write_part(staging, corpus.table)
    return Candidate(staging / part.file, part, "the corpus")


def union_of_documents(
    first: Sequence[Candidate], atlases: Sequence[AtlasFolder], there: AtlasFolder | None, faults: list[Objection]
) -> Documents:
    """Return the documents of `first` and of the atlases in order, each once.

    An atlas that is there already keeps its own order where it holds them all, and else must not hold others.
    """
    known: _Known = {}
    given = [*first, *(each for atlas in atlases for each in _parts(atlas, known, faults))]
    own = _parts(there, known, faults) if there is not None else []
    tables = _read_all(distinct([*given, *own]), faults)
    documents, clashes = _unite([*given, *own], tables, known)
    faults += clashes
    sources = {each.part.digest for each in given}
    others = [(each, mask) for each, mask in documents.files if each.part.digest not in sources]
    if others:
        documents, _ = _unite([*own, *given], tables, known)
        held = {each.part.digest for each in own}
        if not all(each.part.digest in held for each, _ in documents.files):
            faults.append(Objection("target", f"{others[0][0].name} holds documents that no source has. {_NAME_IT}"))
    return replace(documents, before=known.get(tuple(each.part.digest for each in own)) if own else None)


def _parts(atlas: AtlasFolder, known: _Known, faults: list[Objection]) -> list[Candidate]:
    """Return the parts of an atlas's corpus, and note its digest."""
    try:
        parts = candidates(atlas.corpus)
        known[tuple(each.part.digest for each in parts)] = atlas.corpus.about().get("digest")
    except KnowscapeError as error:
        faults.append(Objection("damaged", str(error)))
        return []
    return parts


def _read_all(found: list[Candidate], faults: list[Objection]) -> dict[str, pa.Table]:
    """Return the tables that can be read, by the digests of their parts."""
    with ThreadPoolExecutor(threads()) as pool:
        read = dict(zip(found, pool.map(_read, found), strict=True))
    faults += [table for table in read.values() if isinstance(table, Objection)]
    return {each.part.digest: table for each, table in read.items() if not isinstance(table, Objection)}


def _unite(found: list[Candidate], tables: dict[str, pa.Table], known: _Known) -> tuple[Documents, list[Objection]]:
    """Return the documents of some parts in order, and the ids that stand for two texts."""
    names = [each for each in distinct(found) if each.part.digest in tables]
    empty = pa.table({name: pa.array([], pa.large_string()) for name in _COLUMNS})
    whole = pa.concat_tables([empty, *(tables[each.part.digest] for each in names)]).combine_chunks()
    union = Union([tables[each.part.digest]["id"].combine_chunks() for each in names])
    kept = whole.filter(pa.array(union.origin == np.arange(len(union.origin))))
    files = [(each, union.kept(number)) for number, each in enumerate(names)]
    files = [(each, mask) for each, mask in files if mask.any()]
    taken = tuple(each.part.digest for each, mask in files if mask.all())
    digest = (known.get(taken) if len(taken) == len(files) else None) or Corpus(kept).digest
    ids, digests = (pa.chunked_array(kept[name]).combine_chunks() for name in ("id", "text_digest"))
    return Documents(files, ids, digests, digest), _clashes(union, names, whole)


def _read(candidate: Candidate) -> pa.Table | Objection:
    """Return what identifies a part's documents, once its bytes are those of the manifest."""
    if (why := damage(candidate)) is not None:
        return Objection("damaged", why)
    try:
        table = pa.concat_tables(read_blocks(candidate.path, _COLUMNS)).combine_chunks()
        return pa.table({name: table[name].cast(pa.large_string()) for name in _COLUMNS})
    except (pa.ArrowException, OSError, KeyError) as error:
        return Objection("damaged", f"{candidate.name} is not a part of a corpus: {error}")


def _clashes(union: Union, names: list[Candidate], whole: pa.Table) -> list[Objection]:
    """Return a fault for the ids that stand for two texts, with the first few of them."""
    rows, digests = union.repeats, whole["text_digest"].combine_chunks()
    others = union.origin[rows]
    differ = pc.not_equal(digests.take(pa.array(rows)), digests.take(pa.array(others))).to_numpy(zero_copy_only=False)
    if not differ.any():
        return []
    examples = []
    for row, other in zip(rows[differ][:_SHOWN], others[differ][:_SHOWN], strict=True):
        where = [names[union.places(np.array([place]))[0][0]].name for place in (other, row)]
        values = [digests[int(place)].as_py()[:16] for place in (other, row)]
        examples.append(f"{whole['id'][int(row)].as_py()!r} is {values[0]} in {where[0]} and {values[1]} in {where[1]}")
    more = f"; and {differ.sum() - _SHOWN:,} more ids" if differ.sum() > _SHOWN else ""
    says = f"one id stands for two texts (SHA-256): {'; '.join(examples)}{more}"
    return [Objection("duplicate id", says)]


def union_of_questions(atlases: Sequence[AtlasFolder], faults: list[Objection]) -> list[Question]:
    """Return the questions of the atlases in order, each id once."""
    found: dict[str, tuple[Question, Path]] = {}
    for path in (atlas.questions() for atlas in atlases):
        try:
            questions = read_questions(path) if path.is_file() else []
        except KnowscapeError as error:
            faults.append(Objection("damaged", str(error)))
            continue
        clashes = [each.id for each in questions if found.setdefault(each.id, (each, path))[0] != each]
        if clashes:
            other = found[clashes[0]][1]
            says = f"{some(clashes)} of {path} stands for another question in {other}"
            faults.append(Objection("duplicate question", says))
    return [question for question, _ in found.values()]

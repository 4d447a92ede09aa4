"""How a generation of the embedded index is made: out of the one before where little differs, or anew."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.search.compressed import Compressed, compress
from knowscape.search.compression import Compression
from knowscape.search.dense import EXACT_ROWS, build_graph, extend_graph, read_graph, write_graph
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import Changed, Passages
from knowscape.search.languages import language_of, languages_of
from knowscape.search.lexical import LexicalIndex, Words
from knowscape.search.segments import (
    Documents,
    PassageTable,
    content_digests,
    read_table,
    write_documents,
    write_passages,
    write_table,
)

__all__ = ["CODES", "DEAD", "FORMAT", "GRAPH", "LEXICAL", "WEIGHT", "build_generation"]

FORMAT = 1
# What a generation says of how much meaning counts beside words, once that is measured.
WEIGHT = "dense_weight"
LEXICAL, GRAPH, CODES, DEAD = "lexical", "graph.faiss", "codes.safetensors", "dead.arrow"
# Beyond so many updates, or so large a share of documents that are gone, all is written anew.
_MOST_SEGMENTS, _MOST_DEAD = 16, 0.25


def build_generation(
    generations: Generations,
    spec: EncoderSpec,
    corpus: Corpus,
    passages: Passages,
    *,
    base: Generation | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[Generation, Changed]:
    """Make the generation of a corpus, out of `base` where that is of the same model and little differs, or anew.

    The lock must be held; the generation is not the current one yet.  `about` is kept beside what it is made from, and
    one of other `about` is made anew; where it is None that of `base` is.
    """
    own = dict(about) if about is not None else _own(base)
    given = _Given(spec, corpus, passages, content_digests(corpus, set(passages.documents.tolist())), own)
    plan = _Plan.of(base, given)
    whole = {
        "own": own, "format": FORMAT, "spec": asdict(spec), "fingerprint": spec.fingerprint, "corpus": corpus.digest,
        "segments": plan.segments + 1, "languages": plan.languages,
    }  # fmt: skip
    if plan.base is not None and WEIGHT in plan.base.about:  # few documents differ
        whole[WEIGHT] = plan.base.about[WEIGHT]
    if plan.base is not None and not len(plan.rows) and not len(plan.removed):
        whole["segments"] = plan.segments
        generations.restate(plan.base, whole)
        return Generation(plan.base.path, whole, plan.base.files), plan.changed
    return generations.make(whole, lambda work: _fill(work, plan, given), plan.base), plan.changed


def _own(base: Generation | None) -> dict[str, Any]:
    return dict(base.about.get("own", {})) if base is not None else {}


@dataclass(frozen=True, slots=True)
class _Given:
    """What an index is made of; `own` is what it says about how."""

    spec: EncoderSpec
    corpus: Corpus
    passages: Passages
    digests: list[bytes]
    own: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be written: `rows` of the corpus, from the slot `first` on; `dead` are all slots that are gone."""

    base: Generation | None
    segments: int
    first: int
    rows: NDArray[np.int64]
    removed: NDArray[np.int64]
    dead: NDArray[np.int64]
    languages: list[str]
    changed: Changed

    @classmethod
    def of(cls, base: Generation | None, given: _Given) -> "_Plan":
        if base is not None and base.about.get("fingerprint") == given.spec.fingerprint and _own(base) == given.own:
            found = cls._of_changes(base, given)
            changed = found.changed
            if found.segments < _MOST_SEGMENTS and len(found.dead) <= _MOST_DEAD * (found.first + len(found.rows)):
                return found
        else:
            changed = Changed(added=len(given.corpus))
        none, count = np.empty(0, np.int64), len(given.corpus)
        return cls(
            None, 0, 0, np.arange(count), none, none, languages_of(given.corpus.texts), changed
        )  # fmt: skip

    @classmethod
    def _of_changes(cls, base: Generation, given: _Given) -> "_Plan":
        segments = int(base.about["segments"])
        dead = read_table(base.path / DEAD)["slot"].to_numpy()
        before = Documents([read_table(base.path / f"documents-{number}.arrow") for number in range(segments)], dead)
        known, ids = before.known(), given.corpus.ids
        rows = [row for row, name in enumerate(ids) if known.get(name, (0, b""))[1] != given.digests[row]]
        replaced = [known[ids[row]][0] for row in rows if ids[row] in known]
        gone = [known[name][0] for name in known.keys() - set(ids)]
        removed = np.array(sorted(replaced + gone), np.int64)
        changed = Changed(len(rows) - len(replaced), len(replaced), len(gone))
        whole, languages = np.concatenate([dead, removed]), list(base.about["languages"])
        return cls(base, segments, len(before), np.array(rows, np.int64), removed, whole, languages, changed)


def _fill(work: Path, plan: _Plan, given: _Given) -> None:
    """Write what the plan says into a folder that holds the files of its base."""
    corpus, passages = given.corpus, given.passages
    fresh = corpus if len(plan.rows) == len(corpus) else Corpus(corpus.table.take(pa.array(plan.rows)))
    slots = np.full(len(corpus), -1, np.int64)
    slots[plan.rows] = plan.first + np.arange(len(plan.rows))
    theirs = slots[passages.documents] >= 0
    if not theirs.all():
        passages = Passages(passages.documents[theirs], passages.spans[theirs], passages.vectors[theirs])
    languages = _languages(fresh.texts, plan.languages)
    with ThreadPoolExecutor(1) as pool:  # faiss computes while Python reads texts
        vectors = pool.submit(_write_vectors, work, plan, slots, passages=passages, given=given)
        digests = [given.digests[row] for row in plan.rows]
        write_documents(work / f"documents-{plan.segments}.arrow", fresh, languages, digests)
        words = (
            Words(plan.first + number, language, title, text)
            for number, (language, title, text) in enumerate(zip(languages, fresh.titles, fresh.texts, strict=True))
        )
        LexicalIndex(work / LEXICAL, plan.languages).write(words, plan.removed.tolist())
        write_table(work / DEAD, pa.table({"slot": plan.dead}))
        vectors.result()


def _languages(texts: list[str], among: list[str]) -> list[str]:
    """Return the language of each text; where a text shows none, the most frequent one."""
    if len(among) == 1:
        return among * len(texts)
    return [language_of(text, among) or among[0] for text in texts]


def _write_vectors(work: Path, plan: _Plan, slots: NDArray[np.int64], *, passages: Passages, given: _Given) -> None:
    """Write the passages; `slots` are those of the corpus's rows.  Of many, write the graph over all that there are."""
    vectors = comparable(passages.vectors, given.spec.similarity)
    write_passages(work / f"passages-{plan.segments}.arrow", slots[passages.documents], passages.spans, vectors)
    path = work / GRAPH
    if path.exists():
        graph = read_graph(path)
        extend_graph(graph, [vectors])
        write_graph(path, graph)
        return
    tables = [read_table(work / f"passages-{number}.arrow") for number in range(plan.segments)]
    blocks = [*(PassageTable(tables).blocks if tables else []), vectors]
    word = given.own.get("compression")
    if word is not None:
        _write_codes(work / CODES, blocks, Compression.parse(word), normalised=given.spec.similarity == "cosine")
    elif sum(map(len, blocks)) > EXACT_ROWS:
        write_graph(path, build_graph(blocks))


def _write_codes(
    path: Path, blocks: Sequence[NDArray[np.float32]], compression: Compression, *, normalised: bool
) -> None:
    """Write the codes of all vectors: those of the last block in the calibration that is there, or all anew."""
    known = Compressed.load(path) if path.exists() else None
    if known is None or len(known) > 2 * known.calibrated_on or len(known) != sum(map(len, blocks[:-1])):
        known = compress(np.concatenate(blocks), compression, normalised=normalised)
    else:
        known.add(blocks[-1])
    path.unlink(missing_ok=True)  # other generations may have the file under this name
    known.save(path)

"""Whether an atlas is whole: everything of record, and that what is derived from it is of the same age.

Two levels.  The quick one looks at manifests, lengths, counts and text digests; the full one reads every byte.
"""

import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from knowscape.corpus.document import IDENTITY, Corpus
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import DamageError, Fault, KnowscapeError, UsageError
from knowscape.files import RemotePath, digest_file, sha256_text
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.labels import untrue_labels
from knowscape.maps.neighbours import NeighbourGraph, unit_rows
from knowscape.quiz.questions import Question, digest_of, stored_questions
from knowscape.search.generations import Generations
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import PartFolder
from knowscape.store.parts import Part, damage, open_part
from knowscape.store.signed import read_signed, sha256_json
from knowscape.store.vectors import VectorStore, row_ranges

__all__ = ["check_atlas", "leftovers"]

_SAMPLE, _TEXTS, _GROUPS = 256, 4096, 8
# The search of many rows compares vectors of 8 bits, so its similarities are that far from the exact ones.
_SIMILARITY_OFF = 0.05
_MAP, _PAGE = "Make the map anew with: knowscape map ATLAS", "Make the page anew with: knowscape page ATLAS"
_INDEX = "Bring it up to date with: knowscape index ATLAS"
_BUILD = "Build again with the same CORPUS: knowscape build CORPUS -o ATLAS"
_NO_COPY = "Where no copy of it is left, build again with the same CORPUS: knowscape build CORPUS -o ATLAS"
_EMBED = "Embed what is missing with: knowscape check ATLAS --repair"
_QUIZ = "Put the questions in again with: knowscape map ATLAS -q questions.json"


def check_atlas(folder: AtlasFolder, *, full: bool = False) -> list[Fault]:
    """Return what is wrong with an atlas, an empty list where all is well; `full` reads every byte."""
    return _Check(folder, full).run()


def leftovers(folder: AtlasFolder) -> list[Fault]:
    """Return the files and folders that nothing names: a killed process leaves them, and they do no harm."""
    path = folder.path
    # An object store has no temporary names.
    depths = () if isinstance(path, RemotePath) else ("", "*/", "*/*/")
    found = [name for depth in depths for name in path.glob(f"{depth}.tmp-*")]
    for parts in _rooms(folder):
        found += parts.unnamed()
    found += Generations(folder.search()).unnamed()
    try:
        known = folder.info().get("models", {}).items()
    except KnowscapeError:
        known = {}
    graphs = {folder.neighbours(*model).folder for model in known}
    found += [graph.folder for graph in folder.graphs() if known and graph.folder not in graphs]
    maps = {folder.map(name) for name, _ in known}
    found += [made for made in folder.maps() if known and made not in maps]
    remedy = f"Nothing needs it. Remove it with: knowscape check {shlex.quote(str(path))} --repair"
    return [Fault("leftover", name, "is left over", remedy) for name in sorted(found)]


def _rooms(folder: AtlasFolder) -> list[PartFolder]:
    return [folder.corpus, *(store.parts for store in folder.vector_stores()), *folder.graphs()]


class _Check:
    """One check; each step adds what it finds, and a file is named once."""

    def __init__(self, folder: AtlasFolder, full: bool) -> None:
        self._folder, self._full, self._found = folder, full, list[Fault]()

    def run(self) -> list[Fault]:
        folder = self._folder
        info = self._try(self._info) or {}
        stores, graphs = folder.vector_stores(), folder.graphs()
        with ThreadPoolExecutor() as pool:  # the corpus, which is texts, keeps one core busy
            of_stores = pool.map(lambda store: store.check(full=self._full), stores)
            of_graphs = pool.map(lambda graph: graph.check(full=self._full), graphs)
            faults = folder.corpus.check(full=self._full, examine=self._examine_texts)
            self._add([replace(fault, remedy=f"{fault.remedy}. {_NO_COPY}") for fault in faults])
            corpus = self._try(partial(self._check_corpus, info)) if self._sound(folder.corpus) else None
        for store, faults in zip(stores, of_stores, strict=True):
            if self._add(faults):
                self._try(partial(self._check_spec, store, info.get("models", {})))
        for faults in of_graphs:
            self._add(faults)
        questions = self._try(self._check_questions)
        for name, fingerprint in info.get("models", {}).items():
            if not folder.corpus.exists() and corpus is None:
                self._add([Fault("missing", folder.corpus.folder, f"is missing: the corpus of {name}", _BUILD)])
            self._try(partial(self._check_model, (name, fingerprint), corpus, questions))
        self._check_page(info)
        self._try(partial(self._check_index, info))
        return [replace(fault, remedy=self._remedy(fault)) for fault in self._found]

    def _remedy(self, fault: Fault) -> str:
        return fault.remedy.replace("ATLAS", shlex.quote(str(self._folder.path)))

    def _add(self, faults: list[Fault]) -> bool:
        """Note faults, unless the same file is known to be damaged; return whether there were none."""
        known = {fault.path for fault in self._found if fault.kind in ("damaged", "missing")}
        self._found += [fault for fault in faults if fault.path not in known]
        return not faults

    def _try(self, step: Callable[[], Any]) -> Any:
        """Return what `step` returns; where it meets damage that is noted, and None returned."""
        try:
            return step()
        except DamageError as error:
            self._add([error.fault or Fault("damaged", self._folder.path, f"is damaged: {error}", _BUILD)])
        return None

    def _info(self) -> dict[str, Any]:
        path = self._folder.path / "atlas.json"
        if not path.exists():
            raise DamageError(damage(path, "is missing", "missing"))
        return self._folder.info()

    def _check_spec(self, store: VectorStore, models: dict[str, str]) -> None:
        """The fingerprint is that of the spec, of the folder's name and of atlas.json."""
        about, path = store.parts.about(), store.parts.folder
        if not store.parts.exists():
            return
        try:
            spec = EncoderSpec(**about["spec"])
        except (KeyError, TypeError):
            self._add([Fault("mismatch", path, "has a manifest that names no model", _BUILD)])
            return
        for what, other in (
            ("its manifest says", about.get("fingerprint")),
            ("its name says", path.name.rsplit("-", 1)[-1]),
            ("atlas.json says", models.get(spec.name, spec.fingerprint)),
        ):
            if not other or not spec.fingerprint.startswith(other):
                says = f"has vectors of {spec.name} with the fingerprint {spec.fingerprint[:16]}, {what} {other}"
                self._add([Fault("mismatch", path, says, _BUILD)])

    def _check_corpus(self, info: dict[str, Any]) -> Corpus | None:
        """The corpus is the one of its manifest and of atlas.json, its ids are unique, its digests true."""
        parts = self._folder.corpus
        if not parts.exists():
            return None
        said, path = parts.about().get("digest", ""), parts.folder
        if said != info.get("corpus", said):
            says = f"has the digest {said:.16}, atlas.json says {info['corpus']:.16}"
            self._add([damage(path, says, "mismatch")])
        table = parts.scan(IDENTITY)
        if table is None:
            return None
        corpus = Corpus(table)
        repeated = len(corpus) - pc.count_distinct(corpus.table["id"]).as_py()
        if repeated:
            self._add([Fault("duplicate", path, f"has {repeated:,} ids twice", _BUILD)])
        if self._full and corpus.digest != said:
            says = f"has the digest {corpus.digest:.16}, its manifest says {said:.16}"
            self._add([Fault("mismatch", path, says, _BUILD)])
        return corpus

    def _examine_texts(self, part: Part) -> list[Fault]:
        """Compare texts of a part of the corpus, spread evenly, with their digests; the part's own vouches for all."""
        path, wrong = self._folder.corpus.folder / part.file, list[int]()
        with open_part(path) as file:
            for start, texts, digests in _some_texts(file):
                pairs = enumerate(zip(texts, digests, strict=True), start)
                wrong += [row for row, (text, digest) in pairs if sha256_text(text) != digest]
        says = "has text digests of other texts"
        return [Fault("mismatch", path, says, _BUILD, row_ranges(np.array(wrong)))] if wrong else []

    def _check_questions(self) -> list[Question]:
        try:
            return stored_questions(self._folder.questions())
        except DamageError as error:
            says = error.fault.says if error.fault else str(error)
        except UsageError as error:
            says = f"is damaged: {error}"
        self._add([Fault("damaged", self._folder.questions(), says, _QUIZ)])
        return []

    def _check_model(self, model: tuple[str, str], corpus: Corpus | None, questions: list[Question]) -> None:
        """Every document and question has a vector; neighbours and map are of the same corpus and lie right."""
        folder, (name, _) = self._folder, model
        store, asked = folder.vectors(*model), folder.question_vectors(*model)
        shown = None
        if corpus is not None and self._sound(store.parts):
            quarantine = store.quarantine()
            shown = corpus.without(quarantine) if quarantine else corpus
            self._check_gaps(store, shown.table["text_digest"], f"documents have no vector of {name}")
        if questions and name == folder.info().get("model") and self._sound(asked.parts):
            digests = [sha256_text(question.embedding_text) for question in questions]
            self._check_gaps(asked, pa.chunked_array([digests], pa.string()), f"questions have no vector of {name}")
        graph = self._try(lambda: self._check_graph(model, shown)) if shown is not None else None
        self._try(lambda: self._check_map(model, shown, questions, graph))

    def _check_gaps(self, store: VectorStore, digests: pa.ChunkedArray, what: str) -> None:
        table, wanted = store.parts.scan(["text_digest"]), digests.cast(pa.string())
        done = table["text_digest"] if table is not None else pa.chunked_array([], pa.string())
        if done.equals(wanted):  # as after a build: the same rows in the same order
            return
        missing = ~pc.is_in(wanted, value_set=done.combine_chunks()).to_numpy()
        if missing.any():
            says = f"is not complete: {int(missing.sum()):,} {what}"
            self._add([Fault("gap", store.parts.folder, says, _EMBED, row_ranges(np.flatnonzero(missing)))])

    def _sound(self, parts: PartFolder) -> bool:
        """Return whether nothing that was found so far concerns a folder of parts."""
        return not any(parts.folder in (fault.path, fault.path.parent) for fault in self._found)

    def _check_map(
        self, model: tuple[str, str], corpus: Corpus | None, questions: list[Question], graph: NeighbourGraph | None
    ) -> None:
        name, fingerprint = model
        path = self._folder.map(name)
        if not (path / "map.json").exists():
            return
        made = KnowledgeMap.load(path)
        for what, said, now in (
            ("the corpus", made.about.get("corpus"), corpus.digest if corpus is not None else None),
            ("the vectors", made.about.get("fingerprint"), fingerprint),
            ("the questions", made.about.get("questions"), digest_of(questions)),
        ):
            if now is not None and said != now:
                self._add([Fault("stale", path, f"holds a map that is older than {what}", _MAP)])
                return
        if self._full:
            self._add([Fault("labels", path, says, _MAP) for says in _misplaced(made, corpus, graph)])

    def _check_graph(self, model: tuple[str, str], corpus: Corpus) -> NeighbourGraph | None:
        """Look at the neighbours and return them where they were read and are true."""
        parts = self._folder.neighbours(*model)
        if not parts.exists() or not self._sound(parts):
            return None
        if parts.about().get("corpus") != corpus.digest:
            self._add([Fault("stale", parts.folder, "holds neighbours that are older than the corpus", _MAP)])
            return None
        table = parts.scan(["indices", "similarities"]) if self._full else None
        store = self._folder.vectors(*model)
        if table is not None and self._sound(store.parts):
            rows = np.linspace(0, len(corpus) - 1, min(_SAMPLE, len(corpus))).astype(int)
            graph = NeighbourGraph.from_table(table)
            if graph.indices.size:
                rows = np.append(rows, graph.indices[rows, 0] % len(corpus))
            vectors = store.read([corpus.text_digests[row] for row in rows])
            says = _untrue(graph, rows[: len(rows) // 2], len(corpus), vectors)
            self._add([Fault("mismatch", parts.folder, says, _MAP)] if says else [])
            return graph if not says else None
        return None

    def _check_page(self, info: dict[str, Any]) -> None:
        """Every file of the page is there and, read in full, what was written; the page is that of a map."""
        page = self._folder.page()
        if not page.is_dir() or info.get("format", 2) == 1:
            return  # a page of format 1 does not list its files
        if not (page / "files.json").exists():
            self._add([Fault("missing", page / "files.json", "is missing: it lists the page's files", _PAGE)])
            return
        listed = self._try(lambda: read_signed(page / "files.json"))
        for name, digest in (listed or {}).get("files", {}).items():
            path = page / name
            if not path.resolve().is_relative_to(page.resolve()):
                self._add([Fault("mismatch", page / "files.json", f"names a file outside the page: {name}", _PAGE)])
            elif not path.is_file():
                self._add([Fault("missing", path, "is missing", _PAGE)])
            elif self._full and digest_file(path) != digest:
                self._add([Fault("damaged", path, "does not have the digest that files.json names", _PAGE)])
        maps = [self._about_of_map(name) for name in info.get("models", {})]
        if listed and maps and None not in maps and listed["map"] not in map(sha256_json, maps):
            self._add([Fault("stale", page, "holds a page that is older than its map", _PAGE)])

    def _check_index(self, info: dict[str, Any]) -> None:
        """The index of searches is what was written, and of the corpus and a model of the atlas."""
        generations = Generations(self._folder.search())
        faults = generations.check(full=self._full)
        self._add(faults)
        current = generations.current() if not faults else None
        if current is None:
            return
        of_corpus = current.about.get("corpus") == info.get("corpus")
        if not of_corpus or current.about.get("fingerprint") not in info.get("models", {}).values():
            what = "the vectors" if of_corpus else "the corpus"
            self._add([Fault("stale", current.path, f"holds an index that is older than {what}", _INDEX)])

    def _about_of_map(self, name: str) -> Any:
        path = self._folder.map(name) / "map.json"
        try:
            return read_signed(path).get("about") if path.exists() else {}
        except KnowscapeError:
            return None


def _some_texts(file: pq.ParquetFile) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield runs of texts and their digests with the number of the first row: all, or the first of some groups of rows.

    So texts that lie about are not all unpacked: that takes longer than all the rest of a check.
    """
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    everything = starts[-1] <= _TEXTS
    chosen = range(len(sizes)) if everything else np.unique(np.linspace(0, len(sizes) - 1, _GROUPS).astype(int))
    for group in chosen:
        table = file.read_row_group(int(group), ["text", "text_digest"])
        some = table if everything else table.slice(0, _TEXTS // _GROUPS)
        yield int(starts[group]), some["text"].to_pylist(), some["text_digest"].to_pylist()


def _misplaced(made: KnowledgeMap, corpus: Corpus | None, graph: NeighbourGraph | None) -> Iterator[str]:
    """Yield what is untrue in a map: points outside it, labels that claim what is not so."""
    if corpus is not None and made.document_ids != corpus.ids:
        yield "holds a map of other documents"
        return
    places = made.coordinates
    if not np.isfinite(places).all() or places.min() < 0 or places.max() > 1:
        yield "holds points outside the map"
    else:
        yield from untrue_labels(made, graph)


def _untrue(graph: NeighbourGraph, rows: NDArray[Any], count: int, vectors: NDArray[np.float32]) -> str | None:
    """Return what is untrue in a neighbour graph; `vectors` are those of `rows`, then of the nearest of each."""
    if len(graph.indices) != count:
        return f"holds neighbours of {len(graph.indices):,} documents, there are {count:,}"
    if not graph.indices.size:
        return None
    if graph.indices.min() < 0 or graph.indices.max() >= count:
        return f"holds neighbours in rows that are not there: {graph.indices.min():,} to {graph.indices.max():,}"
    both = unit_rows(vectors)
    off = np.abs((both[: len(rows)] * both[len(rows) :]).sum(axis=1) - graph.similarities[rows, 0])
    if off.max() > _SIMILARITY_OFF:
        return f"holds similarities that are not those of the vectors, by {off.max():.3f} in row {rows[off.argmax()]:,}"
    return None

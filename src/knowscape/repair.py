"""Mend an atlas: what can be read is kept, what was lost is computed again, what is derived is made anew."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from knowscape.atlas import Atlas
from knowscape.build import MapOptions, embed_corpus, make_neighbours, make_page, map_atlas
from knowscape.check import check_atlas, leftovers
from knowscape.corpus.document import Corpus
from knowscape.embedding import EmbedOptions
from knowscape.encoders.load import FoundModel, find_again
from knowscape.errors import DamageError, Fault, KnowscapeError, WorseMapError, first_line
from knowscape.indexing import IndexOptions, indexed_model
from knowscape.maps.layout import LayoutOptions
from knowscape.progress import SILENT, Progress
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import PartFolder
from knowscape.store.mend import mend_vectors
from knowscape.store.objects import atlas_path
from knowscape.store.parts import Part, describe
from knowscape.store.signed import read_signed
from knowscape.store.vectors import VectorStore

__all__ = ["Repaired", "repair"]


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done, a sentence each, and the faults that stay."""

    did: list[str]
    faults: list[Fault]


def repair(
    path: str | Path,
    *,
    models: Sequence[str] = (),
    embedding: EmbedOptions = EmbedOptions(),
    progress: Progress = SILENT,
) -> Repaired:
    """Mend the atlas at `path` and check it in full.

    Damaged or missing vectors are computed again, and no others; a vector that can be read keeps its bytes.  `models`
    names where the atlas's models are found that are not in the catalogue.  Raises KnowscapeError where another
    process writes to the atlas.
    """
    folder = AtlasFolder.open_damaged(atlas_path(path))
    work = _Repair(folder, models, embedding, progress)
    work.run()
    return Repaired(work.did, check_atlas(folder, full=True))


class _Repair:
    """One repair; each step notes what it did."""

    def __init__(self, folder: AtlasFolder, models: Sequence[str], embedding: EmbedOptions, progress: Progress) -> None:
        self._folder, self._models, self._embedding, self._progress = folder, models, embedding, progress
        self.did: list[str] = []

    def run(self) -> None:
        folder = self._folder
        info = self._info()
        self._mend_corpus(info.get("corpus"))
        for store in folder.vector_stores():
            self.did += mend_vectors(store.parts, self._about(store, info.get("models", {})))
            self._mend_quarantine(store)
        if not info:
            folder.renew(self._info_from_manifests())
            self.did.append(f"{folder.path / 'atlas.json'} is made anew from the manifests.")
        self._embed()
        self._derive()
        self._clean()

    def _info(self) -> dict[str, Any]:
        """Return what atlas.json says, nothing where it is damaged or missing."""
        try:
            return self._folder.info()
        except DamageError:
            return {}

    def _info_from_manifests(self) -> dict[str, Any]:
        folder = self._folder
        stores = [store.parts for store in folder.vector_stores() if store.parts.folder.parent.name == "vectors"]
        abouts = [about for about in (_about(parts) for parts in stores) if "spec" in about]
        models = {about["spec"]["name"]: about["fingerprint"] for about in abouts}
        drawn = [name for name in models if (folder.map(name) / "map.json").exists()]
        last = max(drawn, key=lambda name: (folder.map(name) / "map.json").stat().st_mtime, default=None)
        info: dict[str, Any] = {"models": models, "model": last or next(iter(models), None), "runs": {}}
        corpus = _about(folder.corpus)
        return {**info, "corpus": corpus["digest"], "documents": folder.corpus.rows()} if corpus else info

    def _mend_corpus(self, wanted: str | None) -> None:
        """Name again a whole copy of the corpus, where the newest manifest or its part is damaged."""
        parts = self._folder.corpus
        with parts.writing() as writer:
            faults = parts.check(full=True)
            chosen = self._whole_corpus(wanted) if faults else None
            if chosen is not None:
                same, digest = chosen
                writer.restate(same, {"kind": "corpus", "digest": digest})
                self.did.append(f"{parts.folder}: a manifest names the whole corpus {digest:.16} again.")
            for fault in faults if chosen is not None else []:
                fault.path.unlink(missing_ok=True)
                self.did.append(f"{fault.path} was damaged and is deleted: all that it held is there again.")
        now = _about(parts).get("digest")
        if not faults and wanted and now and wanted != now:
            self._folder.update({"corpus": now, "documents": parts.rows()})
            self.did.append(
                f"{self._folder.path / 'atlas.json'} names the corpus {now:.16} now, the one that is there."
            )

    def _whole_corpus(self, wanted: str | None) -> tuple[list[Part], str] | None:
        """Return whole parts that make the corpus `wanted`, or the newest one, and its digest."""
        parts = self._folder.corpus
        whole = {part.file: part for path in parts.folder.glob("part-*.parquet") if (part := describe(path))}
        sets = [own for _, own in parts.readable() if all(part.file in whole for part in own)]
        named = {part.file for _, own in parts.readable() for part in own}
        sets += [[part] for name, part in sorted(whole.items()) if name not in named]
        for own in sets:
            digest = Corpus(pa.concat_tables([parts.read_part(part) for part in own])).digest
            if digest == (wanted or digest):
                return own, digest
        return None

    def _about(self, store: VectorStore, models: dict[str, str]) -> dict[str, Any] | None:
        """Return what a store's manifests said, from the model itself; None where it is not the same any more."""
        if store.parts.readable():
            return None
        for name, fingerprint in models.items():
            model = (name, fingerprint)
            of_passages = self._folder.passage_vectors(*model)
            places = (self._folder.vectors(*model), self._folder.question_vectors(*model), of_passages)
            if store.parts.folder in [place.parts.folder for place in places]:
                try:
                    return self._find(name, fingerprint).spec.about()
                except KnowscapeError as error:
                    self.did.append(f"{store.parts.folder} is not mended: {first_line(error)}")
        return None

    def _find(self, name: str, fingerprint: str) -> FoundModel:
        return find_again(name, fingerprint, self._models, progress=self._progress)

    def _mend_quarantine(self, store: VectorStore) -> None:
        try:
            store.quarantine()
        except DamageError as error:
            if error.fault:
                error.fault.path.unlink(missing_ok=True)
                self.did.append(f"{error.fault.path} was damaged and is deleted: its texts are tried again.")

    def _embed(self) -> None:
        """Compute the vectors that are missing, under the very models that the others are of."""
        folder, info = self._folder, self._folder.info()
        gaps = {fault.path for fault in check_atlas(folder) if fault.kind == "gap"}
        for model in info.get("models", {}).items():
            name, fingerprint = model
            stores = folder.vectors(*model), folder.question_vectors(*model)
            if gaps.isdisjoint(store.parts.folder for store in stores):
                continue
            try:
                place = self._find(name, fingerprint).place
                found = embed_corpus(Atlas(folder), place, self._embedding, progress=self._progress)
            except KnowscapeError as error:
                self.did.append(f"What is missing of {name} is not computed: {first_line(error)}")
            else:
                again = f"{found.computed:,} documents were embedded again, {found.cached:,} taken from the cache."
                self.did.append(f"{name}: {again}")
                folder.update({"model": info["model"]})

    def _derive(self) -> None:
        """Make anew what is derived and is damaged, or older than what it is derived from."""
        folder = self._folder
        faults = check_atlas(folder, full=True)
        derived = [graph.folder for graph in folder.graphs()] + folder.maps() + [folder.page(), folder.search()]
        bad = {place for place in derived for fault in faults if fault.path.is_relative_to(place)}
        if not bad or any(not any(fault.path.is_relative_to(place) for place in derived) for fault in faults):
            return
        if folder.search() in bad:
            self._index()
            bad.remove(folder.search())
        if not bad:
            return
        drawn = {name: _map_options(folder.map(name)) for name in folder.info()["models"] if folder.map(name).exists()}
        page = folder.page().exists()
        for place in bad:
            shutil.rmtree(place)
            self.did.append(f"{place} was damaged or too old and is made anew.")
        for name, options in (drawn or {folder.info()["model"]: MapOptions()}).items():
            atlas = Atlas(folder)
            make_neighbours(atlas, name, atlas.vectors(name), progress=self._progress)
            with suppress(WorseMapError):  # the one that is there is sound
                map_atlas(atlas, options, model=name, progress=self._progress)
        if page:
            make_page(Atlas(folder), progress=self._progress)

    def _index(self) -> None:
        """Make the index of searches anew, of the model that it was of where that can be read."""
        folder = self._folder
        try:
            name = indexed_model(folder)
        except KnowscapeError:
            name = None
        known = folder.info()["models"]
        options = IndexOptions(embedding=self._embedding, models=tuple(self._models))
        Atlas(folder).index(name if name in known else None, options=options, rebuild=True, progress=self._progress)
        self.did.append(f"{folder.search()} was damaged or too old and is made anew.")

    def _clean(self) -> None:
        """Remove what nothing names."""
        for fault in leftovers(self._folder):
            if fault.path.is_dir():
                shutil.rmtree(fault.path)
            else:
                fault.path.unlink(missing_ok=True)
            self.did.append(f"{fault.path} was left over and is removed.")


def _about(parts: PartFolder) -> dict[str, Any]:
    found = parts.readable()
    return found[0][0] if found else {}


def _map_options(path: Path) -> MapOptions:
    """Return the options that a map was made with, the usual ones where they cannot be read."""
    try:
        said = read_signed(path / "map.json")["about"]["options"]
        return MapOptions(LayoutOptions(**said["layout"]), said["padding"])
    except (KnowscapeError, KeyError, TypeError):
        return MapOptions()

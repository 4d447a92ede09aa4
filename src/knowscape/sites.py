"""Where an index can be, and how its model is changed there: on this disk, or on an OpenSearch server."""

from collections.abc import Callable, Sequence
from typing import Protocol

from knowscape.atlas import Atlas
from knowscape.corpus.document import Corpus
from knowscape.encoders.load import find_again
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.errors import UsageError
from knowscape.indexing import IndexOptions, encoder_of, make_passages, own_of
from knowscape.progress import SILENT, Progress
from knowscape.search.building import build_generation
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import Changed, Hit, Passages, SearchIndex, SearchOptions
from knowscape.search.opened import Opened
from knowscape.search.opensearch import OpenSearchIndex, create, delete, indices, point, pointed, previous, stored
from knowscape.search.opensearch_server import Server, connect
from knowscape.search.query import parse_query
from knowscape.search.weighing import weighed
from knowscape.store.atlas import AtlasFolder

__all__ = ["EmbeddedSite", "OpenSearchSite", "Search", "Site", "load_server", "on_server", "site_of"]

Search = Callable[[str, int], list[Hit]]


class Site(Protocol):
    """Indices under one name: one that answers, maybe one that did before, maybe one that is to answer next."""

    def spec(self) -> EncoderSpec:
        """Return the encoder of what answers; UsageError where nothing does."""

    def previous(self) -> EncoderSpec | None:
        """Return the encoder of what answered before, None where that was not kept."""

    def staged(self) -> EncoderSpec | None:
        """Return the encoder of what is to answer next, None where there is nothing."""

    def prepare(self, spec: EncoderSpec, corpus: Corpus, passages: Passages, *, back: bool = False) -> None:
        """Bring what is to answer next up to date; begun anew, or, to go `back`, out of what answered before."""

    def search(self, *, staged: bool) -> Search:
        """Return what searches in what answers, or in what is to answer next."""

    def switch(self, *, back: bool = False) -> None:
        """Let what was prepared answer from now on, in one step; what answered until now is kept.

        It is kept as what answered before or, where it goes `back`, as what is to answer next.
        """

    def abandon(self) -> None:
        """Remove what is to answer next."""


class EmbeddedSite:
    """The index of an atlas; `models` names where models are that the catalogue lacks."""

    def __init__(self, folder: AtlasFolder, options: IndexOptions = IndexOptions()) -> None:
        self._generations, self._options = Generations(folder.search()), options
        self._where = folder.path

    def spec(self) -> EncoderSpec:
        return _spec(self._current())

    def previous(self) -> EncoderSpec | None:
        found = self._generations.previous()
        return None if found is None else _spec(found)

    def staged(self) -> EncoderSpec | None:
        found = self._generations.staged()
        return None if found is None else _spec(found)

    def _current(self) -> Generation:
        found = self._generations.current()
        if found is None:
            raise UsageError(f"{self._where} has no index. Make it with: knowscape index {self._where}")
        return found

    def prepare(self, spec: EncoderSpec, corpus: Corpus, passages: Passages, *, back: bool = False) -> None:
        with self._generations.writing():
            begun = self._generations.staged()
            base = begun if begun is not None and _spec(begun) == spec else None
            if base is None and back:
                base = self._generations.previous()
            about = own_of(self._options, self._current())
            made, _ = build_generation(self._generations, spec, corpus, passages, base=base, about=about)
            self._generations.stage(weighed(self._generations, made, _loading(self._options.models)))

    def search(self, *, staged: bool) -> Search:
        load = _loading(self._options.models)
        if not staged:
            index = EmbeddedIndex(self._generations, load)
            return lambda query, k: index.search(query, SearchOptions(k))
        found = self._generations.staged()
        if found is None:
            raise UsageError(f"{self._where} has no index that is to answer next.")
        opened, encoder = Opened.of(found), load(_spec(found))

        def search(query: str, k: int) -> list[Hit]:
            parsed = parse_query(query)
            vector = comparable(encoder.encode_queries([parsed.text]), opened.spec.similarity)[0]
            return opened.search(parsed, vector, SearchOptions(k))

        return search

    def switch(self, *, back: bool = False) -> None:
        with self._generations.writing():
            found = self._generations.staged()
            if found is None:
                raise UsageError(f"{self._where} has no index that is to answer next.")
            if back:
                self._generations.switch_back(found)
            else:
                self._generations.switch(found, keep=self._current())

    def abandon(self) -> None:
        with self._generations.writing():
            self._generations.stage(None)


class OpenSearchSite:
    """The indices of an alias on a server; the alias points at the one that answers."""

    def __init__(self, server: Server, alias: str, models: Sequence[str] = (), *, progress: Progress = SILENT) -> None:
        self._server, self._alias, self._progress = server, alias, progress
        self._load = _loading(models)

    def spec(self) -> EncoderSpec:
        return stored(self._server, self._current()).spec

    def _current(self) -> str:
        found = pointed(self._server, self._alias)
        if found is None:
            raise UsageError(
                f"{self._server.address} has no alias {self._alias!r}. "
                f"Load it with: knowscape export ATLAS --format opensearch -o {self._alias}"
            )
        return found

    def previous(self) -> EncoderSpec | None:
        found = previous(self._server, self._alias)
        return None if found is None else stored(self._server, found).spec

    def staged(self) -> EncoderSpec | None:
        found = self._staged()
        return None if found is None else stored(self._server, found).spec

    def _staged(self) -> str | None:
        """Return the newest index that neither answers nor answered before."""
        known = {pointed(self._server, self._alias), previous(self._server, self._alias)}
        return next((one.name for one in reversed(indices(self._server, self._alias)) if one.name not in known), None)

    def prepare(self, spec: EncoderSpec, corpus: Corpus, passages: Passages, *, back: bool = False) -> None:
        begun = self._staged()
        if begun is not None and stored(self._server, begun).spec != spec:
            delete(self._server, begun)
            begun = None
        name = previous(self._server, self._alias) if back else begun
        name = name or create(self._server, self._alias, spec)
        OpenSearchIndex(self._server, name, self._load(spec), progress=self._progress).update(corpus, passages)

    def search(self, *, staged: bool) -> Search:
        name = self._staged() if staged else self._current()
        if name is None:
            raise UsageError(f"{self._alias} has no index that is to answer next.")
        index: SearchIndex = OpenSearchIndex(self._server, name, self._load(stored(self._server, name).spec))
        return lambda query, k: index.search(query, SearchOptions(k))

    def switch(self, *, back: bool = False) -> None:
        oldest = previous(self._server, self._alias)
        found = oldest if back else self._staged()
        if found is None:
            raise UsageError(f"{self._alias} has no index that is to answer next.")
        point(self._server, self._alias, found, keep=not back)
        if oldest is not None and not back:
            delete(self._server, oldest)

    def abandon(self) -> None:
        found = self._staged()
        if found is not None:
            delete(self._server, found)


def site_of(
    folder: AtlasFolder, alias: str | None, options: IndexOptions = IndexOptions(), *, progress: Progress = SILENT
) -> Site:
    """Return the site of an atlas: its own index or, where an alias is named, that on the server of OPENSEARCH_URL."""
    if alias is None:
        return EmbeddedSite(folder, options)
    return OpenSearchSite(connect(), alias, options.models, progress=progress)


def on_server(alias: str, models: Sequence[str] = ()) -> OpenSearchIndex:
    """Return the index that an alias points at, on the server of OPENSEARCH_URL; its own encoder embeds the queries."""
    server = connect()
    return OpenSearchIndex(server, alias, encoder_of(stored(server, alias).spec, models))


def load_server(
    atlas: Atlas, alias: str, *, options: IndexOptions = IndexOptions(), progress: Progress = SILENT
) -> Changed:
    """Make the index of an alias on the server of OPENSEARCH_URL that of an atlas; begun again, it goes on.

    Where the alias points at an index of another model of the atlas, that one is brought up to date.
    """
    server = connect()
    name = pointed(server, alias)
    if name is None:
        found = [one for one in indices(server, alias) if one.spec.fingerprint == atlas.model()[1]]
        spec = find_again(*atlas.model(), options.models).spec
        name = found[-1].name if found else create(server, alias, spec)
    spec = stored(server, name).spec
    model = (spec.name, spec.fingerprint)
    passages, _ = make_passages(atlas.folder, atlas.corpus, model, options=options, progress=progress)
    index = OpenSearchIndex(server, name, encoder_of(spec, options.models), progress=progress)
    changed = index.update(atlas.corpus, passages)
    point(server, alias, name)
    index.close()
    return changed


def _spec(generation: Generation) -> EncoderSpec:
    return EncoderSpec(**generation.about["spec"])


def _loading(models: Sequence[str]) -> Callable[[EncoderSpec], Encoder]:
    return lambda spec: encoder_of(spec, models)

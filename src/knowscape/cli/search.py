"""The commands that make an index and search it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import AtlasPath, Device, Json, ModelPlaces, app
from knowscape.cli.output import show

__all__ = ["Alias", "index_options"]

_WIDTH, _BEFORE = 240, 60

QueryText = Annotated[str, typer.Argument(metavar="QUERY", help='Words, "a phrase", title:word.')]
Count = Annotated[int, typer.Option("-k", min=1, max=1000, help="So many hits at most.")]
Mode = Annotated[str, typer.Option(help="hybrid, dense (by meaning) or lexical (by words).")]
Filters = Annotated[list[str], typer.Option("--filter", help='On metadata: "year >= 2000"; as often as you like.')]
Whose = Annotated[str | None, typer.Option(help="Whose vectors; the last model's by default.")]
Alias = Annotated[
    str | None, typer.Option("--index", metavar="ALIAS", help="An index on the OpenSearch server of OPENSEARCH_URL.")
]
Rerank = Annotated[bool, typer.Option("--rerank", help="Put the best hundred in order by a cross-encoder.")]
Reranker = Annotated[str | None, typer.Option(help="Which one; knowscape models --rerank shows those known by name.")]
Seconds = Annotated[float | None, typer.Option("--rerank-seconds", min=0, help="Re-rank no longer than this.")]
Rebuild = Annotated[bool, typer.Option("--rebuild", help="Make it anew, whatever is there.")]


@app.command()
def index(
    atlas: AtlasPath,
    model: Whose = None,
    model_at: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    rebuild: Rebuild = False,
    json: Json = False,
) -> None:
    """Make the index that searches use, or bring it up to date."""
    from dataclasses import asdict

    opened, progress = _open(atlas)
    changed = opened.index(model, options=index_options(model_at, device), rebuild=rebuild, progress=progress)
    found = opened.searcher(model_at)
    about = {"atlas": str(atlas), "model": found.spec.name, "documents": found.count()}
    show({**about, **asdict(changed)}, as_json=json)


@app.command()
def search(
    atlas: AtlasPath,
    query: QueryText,
    k: Count = 10,
    mode: Mode = "hybrid",
    filter: Filters = [],  # noqa: B006 - typer reads it, nobody changes it
    rerank: Rerank = False,
    reranker: Reranker = None,
    rerank_seconds: Seconds = None,
    index: Alias = None,
    model_at: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Search the articles of an atlas by words and by meaning; the index is made, or brought up to date, first."""
    from dataclasses import replace

    from knowscape.encoders.cross import load_cross_encoder
    from knowscape.encoders.cross_catalogue import DEFAULT_CROSS_ENCODER
    from knowscape.search.filters import Filter
    from knowscape.search.index import SearchOptions
    from knowscape.search.rerank import RerankOptions
    from knowscape.search.rerank import rerank as reranked
    from knowscape.sites import on_server

    options = SearchOptions(k=k, mode=mode, filters=tuple(map(Filter.parse, filter)))
    opened, progress = _open(atlas)
    if index is None:
        opened.index(options=index_options(model_at, device), progress=progress)
        searched = opened.searcher(model_at)
    else:
        searched = on_server(index, model_at)
    if rerank or reranker:
        again = RerankOptions(seconds=rerank_seconds)
        found = searched.search(query, replace(options, k=max(k, again.depth)))
        hits = reranked(found, query, load_cross_encoder(reranker or DEFAULT_CROSS_ENCODER), k=k, options=again)
    else:
        hits = searched.search(query, options)
    if json:
        show({"query": query, "mode": mode, "hits": [hit.to_json() for hit in hits]}, as_json=True)
        return
    if not hits:
        sys.stdout.write("Nothing was found.\n")
    for hit in hits:
        sys.stdout.write(_lines(hit, styled=sys.stdout.isatty()))


def _open(atlas: Path) -> Any:
    from knowscape.atlas import open_atlas
    from knowscape.progress import progress_for

    return open_atlas(atlas), progress_for()


def index_options(models: list[str], device: str) -> Any:
    from knowscape.embedding import EmbedOptions
    from knowscape.encoders.load import EngineOptions
    from knowscape.indexing import IndexOptions

    return IndexOptions(embedding=EmbedOptions(EngineOptions(device)), models=tuple(models))


def _lines(hit: Any, *, styled: bool) -> str:
    """Return a hit as a person reads it: title, address, and the passage around the first word that was found."""
    from knowscape.characters import printable

    first = min((start for start, _ in hit.highlights), default=0)
    begin = max(0, first - _BEFORE) if len(hit.passage) > _WIDTH else 0
    end = min(len(hit.passage), begin + _WIDTH)
    pieces, at = ["… " if begin else ""], begin
    for start, stop in hit.highlights:
        if start >= begin and stop <= end:
            word = printable(hit.passage[start:stop])
            pieces += [printable(hit.passage[at:start]), f"\x1b[1m{word}\x1b[0m" if styled else word]
            at = stop
    pieces += [printable(hit.passage[at:end]), " …" if end < len(hit.passage) else ""]
    head = printable(hit.title or hit.id)
    where = f"  {printable(hit.url)}" if hit.url else ""
    how = ", ".join(f"{name} {rank}" for name, rank in hit.ranks.items())
    return f"{hit.rank:>3}  {head}{where}  ({how})\n     {' '.join(''.join(pieces).split())}\n"

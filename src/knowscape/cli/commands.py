"""The commands."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import (
    AtlasPath,
    BatchTokens,
    Cache,
    CheckpointEvery,
    Column,
    CorpusPath,
    Device,
    Host,
    Json,
    Limit,
    MaxQuestions,
    ModelPlaces,
    Models,
    On,
    Out,
    OutPlace,
    Padding,
    Port,
    Questions,
    Reader,
    RemoteCode,
    Seed,
    Serve,
    Workers,
    app,
)
from knowscape.cli.output import show

__all__ = ["embedding", "read"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_LEAST_TRUE = 3


@app.command()
def demo(out: Out = Path("sample.atlas"), port: Port = 8000, serve: Serve = True, json: Json = False) -> None:
    """Build the map of the sample corpus and open it."""
    from knowscape.corpus.sample import sample_articles_path, sample_questions_path

    _build(sample_articles_path(), sample_questions_path(), out, json=json)
    if serve:
        _serve(out, port)


@app.command()
def build(
    corpus: CorpusPath,
    out: Out,
    questions: Questions = None,
    max_questions: MaxQuestions = None,
    model: Models = [DEFAULT_MODEL],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    batch_tokens: BatchTokens = None,
    workers: Workers = None,
    on: On = None,
    checkpoint_every: CheckpointEvery = 30,
    cache: Cache = True,
    trust_remote_code: RemoteCode = False,
    limit: Limit = None,
    reader: Reader = None,
    text: Column = None,
    title: Column = None,
    id: Column = None,
    url: Column = None,
    padding: Padding = 0.5,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Embed CORPUS, lay it out and write its page; typed again, it continues."""
    _build(
        read(corpus, limit, reader, text=text, title=title, id=id, url=url),
        _questions(questions, max_questions),
        out,
        model=model,
        embedding=embedding(device, batch_tokens, workers, on, checkpoint_every, cache, trust_remote_code),
        options=_options(padding, seed=seed),
        json=json,
    )


@app.command()
def embed(
    corpus: CorpusPath,
    out: OutPlace,
    model: Models = [DEFAULT_MODEL],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    batch_tokens: BatchTokens = None,
    workers: Workers = None,
    on: On = None,
    checkpoint_every: CheckpointEvery = 30,
    cache: Cache = True,
    trust_remote_code: RemoteCode = False,
    limit: Limit = None,
    reader: Reader = None,
    text: Column = None,
    title: Column = None,
    id: Column = None,
    url: Column = None,
    json: Json = False,
) -> None:
    """Embed CORPUS into an atlas; the first stage of build."""
    from knowscape.atlas import Atlas
    from knowscape.build import embed_corpus, put_corpus
    from knowscape.store.atlas import AtlasFolder
    from knowscape.store.objects import atlas_path

    documents = read(corpus, limit, reader, text=text, title=title, id=id, url=url)
    options = embedding(device, batch_tokens, workers, on, checkpoint_every, cache, trust_remote_code)
    folder = AtlasFolder.create(atlas_path(out))
    put_corpus(folder, documents)
    found = {name: asdict(embed_corpus(Atlas(folder), name, options, progress=_progress())) for name in reversed(model)}
    models = {name: found[name] for name in model}
    show({"atlas": str(folder.path), "documents": len(documents), "models": models}, as_json=json)


@app.command("map")
def map_(
    atlas: AtlasPath,
    questions: Questions = None,
    max_questions: MaxQuestions = None,
    model: Annotated[str | None, typer.Option(help="Whose vectors to lay out; the last one's by default.")] = None,
    padding: Padding = 0.5,
    seed: Seed = 0,
    method: Annotated[str, typer.Option(help="tsne; or, for comparison, umap or pacmap.")] = "tsne",
    dims: Annotated[int, typer.Option(help="2, or 3 without a page.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace a map that is clearly better, too.")] = False,
    json: Json = False,
) -> None:
    """Lay out an embedded atlas, with the questions where they are given."""
    from knowscape.build import embed_corpus, map_atlas, put_questions

    opened = _open(atlas)
    name = opened.model(model)[0]
    chosen = _questions(questions, max_questions)
    if chosen is not None:
        put_questions(opened.folder, chosen)
        embed_corpus(opened, name, progress=_progress())
    options = _options(padding, seed=seed, method=method, dims=dims)
    made = map_atlas(opened, options, model=name, force=force, progress=_progress())
    show({"atlas": str(atlas), "model": name, **_quality(made, json)}, as_json=json)


@app.command()
def page(atlas: AtlasPath, json: Json = False) -> None:
    """Write the page of an atlas that has a map."""
    from knowscape.build import make_page

    written = make_page(_open(atlas), progress=_progress())
    show({"page": str(written)}, as_json=json)


@app.command()
def serve(
    atlas: AtlasPath,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    model_at: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
) -> None:
    """Serve an atlas's page, and searches of its articles and places on its map, on localhost."""
    _serve(atlas, port, host, model_at)


@app.command()
def inspect(
    corpus: CorpusPath,
    limit: Limit = None,
    reader: Reader = None,
    text: Column = None,
    title: Column = None,
    id: Column = None,
    url: Column = None,
    json: Json = False,
) -> None:
    """Read CORPUS and say what is in it, and what was left out and why; of an atlas, how far to trust its map."""
    from knowscape.store.objects import find_url

    if (Path(corpus) / "atlas.json").is_file() or find_url(corpus):
        _inspect_atlas(Path(corpus), (limit, reader, text, title, id, url), json=json)
        return
    documents = read(corpus, limit, reader, text=text, title=title, id=id, url=url)
    lengths = sorted(len(body) for body in documents.texts)
    result = {
        "documents": len(documents),
        "characters_median": lengths[len(lengths) // 2],
        "characters_longest": lengths[-1],
        "with_title": sum(bool(name) for name in documents.titles),
        "first": documents[0].title or documents[0].text[:60],
        **({"report": documents.report.to_json()} if json else {"left_out": documents.report.lines() or "nothing"}),
    }
    show(result, as_json=json)


@app.command()
def export(
    atlas: AtlasPath,
    out: Out,
    format: Annotated[
        str, typer.Option(help="parquet, npy, jsonl, grid; html, a page to share; opensearch, -o being an alias.")
    ] = "parquet",
    model: Annotated[str | None, typer.Option(help="Whose vectors; the last one's by default.")] = None,
    grid: Annotated[int, typer.Option(min=1, max=1000, help="For --format grid: cells along each side.")] = 40,
    nearest: Annotated[int, typer.Option(min=1, max=100, help="For --format grid: articles that a cell names.")] = 10,
    json: Json = False,
) -> None:
    """Write places, regions, quality and vectors, one row per document and question; a grid of labels; a page.

    With --format html, -o FILE.html is one file that opens by double-click, -o FOLDER goes to any web host.
    """
    from knowscape.export import GridOptions, export_atlas

    if format == "html":
        from knowscape.sharing import share

        show(asdict(share(_open(atlas), out, model=model, progress=_progress())), as_json=json)
        return
    if format == "opensearch":
        from knowscape.sites import load_server

        changed = load_server(_open(atlas), str(out), progress=_progress())
        show({"index": str(out), **asdict(changed)}, as_json=json)
        return
    rows = export_atlas(_open(atlas), format, out, model=model, grid=GridOptions(grid, nearest))
    show({"out": str(out), "rows": rows}, as_json=json)


def _inspect_atlas(path: Path, of_a_corpus: tuple[object, ...], *, json: bool) -> None:
    from knowscape.errors import UsageError

    if any(option is not None for option in of_a_corpus):
        raise UsageError(f"{path} is an atlas: of the options only --json is for it, the others are for a corpus.")
    atlas = _open(path)
    name, _ = atlas.model()
    counts = {"documents": len(atlas.corpus), "questions": len(atlas.questions)}
    show({"atlas": str(path), **counts, "model": name, **_quality(atlas.map(name), json)}, as_json=json)


def _build(corpus: Any, questions: Any, out: Path, *, json: bool, **options: Any) -> None:
    from knowscape.build import build as build_atlas

    atlas = build_atlas(corpus, questions, out=out, progress=_progress(), **options)
    quality = _quality(atlas.map(), json)
    counts = {"documents": len(atlas.corpus), "questions": len(atlas.questions)}
    show({"atlas": str(out), **counts, **quality, "open_with": f"knowscape serve {out}"}, as_json=json)


def _quality(made: Any, json: bool) -> dict[str, Any]:
    """Return the figures of a map, for a machine, or for a person with the least true regions of the coarsest level."""
    from knowscape.maps.quality import region_recall

    levels = region_recall(made.regions, made.recall_10)
    if json:
        return {**made.quality.to_json(), "regions": [[asdict(region) for region in level] for level in levels]}
    least = sorted(levels[0], key=lambda region: region.recall)[:_LEAST_TRUE]
    regions = [f"{region.label} {region.recall:.2f} of {region.support:,} articles" for region in least]
    return {**made.quality.words(), "least kept, of the 10 nearest": regions}


def _serve(atlas: Path, port: int, host: str = "127.0.0.1", models: Sequence[str] = ()) -> None:
    from knowscape.errors import UsageError
    from knowscape.page.api import Api
    from knowscape.page.server import serve as serve_page

    opened = _open(atlas)
    folder = opened.folder.page()
    if not (folder / "index.html").is_file():
        raise UsageError(f"{atlas} has no page yet. Make it with: knowscape page {atlas}")
    api = Api(opened, models=models, say=lambda line: sys.stderr.write(f"{line}\n"))
    serve_page(folder, host=host, port=port, api=api, open_browser=sys.stdout.isatty())


def read(corpus: str, limit: int | None, reader: str | None, **columns: str | None) -> Any:
    from knowscape.corpus.readers import Columns, read_corpus

    progress = _progress()
    documents = read_corpus(corpus, reader=reader, columns=Columns(**columns), limit=limit, progress=progress)
    for line in documents.report.lines():
        progress.note(line)
    return documents


def _questions(path: Path | None, limit: int | None) -> Any:
    from knowscape.errors import UsageError
    from knowscape.quiz.questions import read_questions

    if path is None:
        if limit is not None:
            raise UsageError("--max-questions needs questions. Name their file with: -q questions.json")
        return None
    return read_questions(path, limit=limit)


def embedding(
    device: str,
    batch_tokens: int | None,
    workers: int | None,
    on: str | None,
    checkpoint_every: float,
    cache: bool,
    trust_remote_code: bool,
) -> Any:
    from knowscape.embed.run import Commits
    from knowscape.embedding import EmbedOptions
    from knowscape.encoders.load import EngineOptions

    engine = EngineOptions(device, batch_tokens, trust_remote_code=trust_remote_code)
    return EmbedOptions(engine, workers, Commits(seconds=checkpoint_every), cache, on)


def _options(padding: float, **layout: Any) -> Any:
    from knowscape.build import MapOptions
    from knowscape.maps.layout import LayoutOptions

    return MapOptions(LayoutOptions(**layout), padding)


def _open(path: Path) -> Any:
    from knowscape.atlas import open_atlas

    return open_atlas(path)


def _progress() -> Any:
    from knowscape.progress import progress_for

    return progress_for()

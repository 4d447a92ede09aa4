"""knowscape models, knowscape cache: what can be used, what suits, what is kept."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from knowscape.cli.app import Json, app
from knowscape.cli.output import show, table
from knowscape.errors import UsageError

__all__: list[str] = []

_SHOWN = 3
# The share of a large matrix product's speed that the native encoder reaches, and what a table of vectors embeds.
_SHARE, _STATIC_TOKENS = 0.8, 2_000_000.0


@app.command()
def models(
    for_: Annotated[
        str | None, typer.Option("--for", help="A job in plain words; the models that suit it best.")
    ] = None,
    rerank: Annotated[bool, typer.Option("--rerank", help="The cross-encoders, which re-rank what was found.")] = False,
    json: Json = False,
) -> None:
    """List the models of the catalogue, or recommend some for a job on this machine."""
    if rerank and for_ is not None:
        raise UsageError(f"--for {for_!r} recommends encoders only. Type it, or --rerank, alone.")
    if rerank:
        _list_cross(as_json=json)
    elif for_ is None:
        _list(as_json=json)
    else:
        _recommend(for_, as_json=json)


cache = typer.Typer(help="Vectors that atlases on this machine share.", no_args_is_help=True)
app.add_typer(cache, name="cache")


@cache.command()
def info(json: Json = False) -> None:
    """Say where the cache is and how large."""
    show(_about(_cache().info()), as_json=json)


@cache.command()
def clear(json: Json = False) -> None:
    """Remove the vectors in the cache; no atlas loses any."""
    show({"removed": _about(_cache().clear())}, as_json=json)


def _list(*, as_json: bool) -> None:
    from knowscape.encoders.catalogue import CATALOGUE

    if as_json:
        show({name: asdict(entry) for name, entry in CATALOGUE.items()}, as_json=True)
        return
    rows = [
        (
            name,
            f"{entry.spec.dimension:,}",
            f"{entry.spec.max_tokens:,}",
            f"{entry.shape.parameters:,.0f} M",
            f"{entry.shape.megabytes:,} MB",
            entry.languages,
            entry.licence,
            entry.engine,
            entry.good_for,
        )
        for name, entry in CATALOGUE.items()
    ]
    table(
        ["model", "dimension", "tokens", "parameters", "download", "languages", "licence", "engine", "good for"], rows
    )


def _list_cross(*, as_json: bool) -> None:
    from knowscape.encoders.cross_catalogue import CROSS_ENCODERS

    if as_json:
        show({name: asdict(entry) for name, entry in CROSS_ENCODERS.items()}, as_json=True)
        return
    rows = [
        (
            name,
            f"{entry.max_tokens:,}",
            f"{entry.shape.parameters:,.0f} M",
            f"{entry.shape.megabytes:,} MB",
            entry.languages,
            entry.licence,
            "" if entry.score is None else f"{entry.score:.4f}",
            entry.good_for,
        )
        for name, entry in CROSS_ENCODERS.items()
    ]
    table(["model", "tokens", "parameters", "download", "languages", "licence", "TREC DL 2019", "good for"], rows)


def _recommend(request: str, *, as_json: bool) -> None:
    from knowscape.encoders.advice import read_need, recommend
    from knowscape.progress import duration

    need = read_need(request)
    best = recommend(need, _speed(gpu=need.gpu))[:_SHOWN]
    if as_json:
        found = [{"model": a.entry.spec.name, "seconds": a.seconds, "bytes": a.bytes, "why": a.reasons} for a in best]
        show(
            {"understood": need.said, "documents": need.documents, "tokens": need.tokens, "models": found}, as_json=True
        )
        return
    typer.echo(
        f"Understood: {', '.join(need.said)}. Reckoned with {need.documents:,} documents of {need.tokens:,} tokens."
    )
    rows = [(a.entry.spec.name, duration(a.seconds), f"{a.bytes / 1e6:,.0f} MB", "; ".join(a.reasons)) for a in best]
    table(["model", "time here", "disk", "why"], rows)
    if best:
        typer.echo(f"Use it with: knowscape build CORPUS -o X.atlas --model {best[0].entry.spec.name}")


def _speed(*, gpu: bool) -> Any:
    """Return a function from an entry to its tokens a second here: the CPU's measured speed over the model's cost."""
    from knowscape.encoders.processor import computes_bf16, matrix_speed

    fp32 = matrix_speed()
    native = matrix_speed("bf16") if computes_bf16() else fp32

    def tokens_a_second(entry: Any) -> float:
        if entry.engine == "static":
            return _STATIC_TOKENS
        return float(_SHARE * (native if entry.engine == "native" else fp32) / entry.shape.flop_per_token)

    return tokens_a_second


def _cache() -> Any:
    from knowscape.encoders.weights import cache_folder
    from knowscape.store.cache import VectorCache

    return VectorCache.usual(cache_folder())


def _about(found: Any) -> dict[str, object]:
    return {**asdict(found), "folder": str(found.folder)}

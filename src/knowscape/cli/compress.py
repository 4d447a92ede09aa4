"""knowscape compress: what smaller vectors cost in quality, and save in bytes and time."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import Json, app
from knowscape.cli.output import show, table

__all__: list[str] = []

Place = Annotated[Path, typer.Argument(metavar="ATLAS", help="An atlas, or a folder of BEIR's layout.")]
Planned = Annotated[bool, typer.Option("--plan", help="Measure choices on queries; nothing is changed.")]
Queries = Annotated[Path | None, typer.Option(help="queries.jsonl, or a query a line; titles of articles without it.")]
Judgements = Annotated[Path | None, typer.Option(help="qrels.tsv: query-id, corpus-id, score, with tabs between.")]
Named = Annotated[str | None, typer.Option(help="Whose vectors; the last model's, or for BEIR the default one.")]
Where = Annotated[str | None, typer.Option(help="The folder of the model, where the catalogue lacks it.")]
Choices = Annotated[str, typer.Option(metavar="A,B,...", help="For example int8,pca128+int8,binary+rescore8.")]
Tolerance = Annotated[float | None, typer.Option(min=0, max=1, help="How much of the measure may be lost.")]
To = Annotated[str | None, typer.Option("--to", metavar="CHOICE", help="Compress the index; `none` ends that.")]
Plot = Annotated[Path | None, typer.Option(metavar="SVG", help="Write a picture of quality against bytes.")]


@app.command()
def compress(
    atlas: Place,
    plan: Planned = False,
    queries: Queries = None,
    judgements: Judgements = None,
    model: Named = None,
    where: Where = None,
    choices: Choices = "",
    tolerance: Tolerance = None,
    plot: Plot = None,
    to: To = None,
    json: Json = False,
) -> None:
    """Measure what compressing the vectors loses and saves, or search by compressed vectors from now on."""
    if to is not None and not plan:
        _apply(atlas, to, where, json=json)
        return
    from knowscape.compression import PlanOptions, plan_for
    from knowscape.files import write_atomic
    from knowscape.progress import progress_for
    from knowscape.search.compression_plot import drawing

    if not plan or to is not None:
        raise typer.BadParameter("say one: --plan measures choices, --to CHOICE takes one", param_hint="--plan")
    words = tuple(word for word in choices.split(",") if word.strip())
    options = PlanOptions(words, queries, judgements, tolerance)
    made = plan_for(atlas, options, model=model, where=where, progress=progress_for())
    if plot is not None:
        write_atomic(plot, lambda file: file.write(drawing(made).encode()))
    if json:
        show({**made.to_json(), "plot": str(plot) if plot else None}, as_json=True)
        return
    found = made.to_json()
    names = list(found["choices"][0]["quality"])
    table(
        ["", *(head for name in names for head in (name, "to float32"))],
        [_quality(choice, names) for choice in found["choices"]],
    )
    sys.stdout.write("\n")
    table(
        ["", "bytes each", "in memory", "predicted", "full vectors", "median ms", "p99 ms"],
        [_cost(choice) for choice in found["choices"]],
    )
    sys.stdout.writelines(f"{line}\n" for line in made.lines())
    if plot is not None:
        show({"picture": str(plot)}, as_json=False)


def _apply(place: Path, to: str, where: str | None, *, json: bool) -> None:
    from knowscape.atlas import open_atlas
    from knowscape.indexing import IndexOptions
    from knowscape.progress import progress_for

    opened = open_atlas(place)
    opened.index(options=IndexOptions(compression=to, models=(where,) if where else ()), progress=progress_for())
    found = opened.searcher().generation
    show({"atlas": str(place), "compression": found.about["own"]["compression"]}, as_json=json)


def _quality(choice: dict[str, Any], names: list[str]) -> list[str]:
    """Return each measure, and what is lost or won with its interval."""
    cells = [choice["compression"]]
    for name in names:
        value, low, high = (f"{choice['difference'][name][part]:+.3f}" for part in ("value", "low", "high"))
        cells += [f"{choice['quality'][name]['value']:.3f}", f"{value} [{low}, {high}]"]
    return cells


def _cost(choice: dict[str, Any]) -> list[str]:
    from knowscape.search.compression_plan import size

    sizes = [size(choice[name]) for name in ("bytes", "predicted", "full")]
    times = [f"{choice[name]:.2f}" for name in ("median_ms", "p99_ms")]
    return [choice["compression"], f"{choice['bytes_per_vector']:,}", *sizes, *times]

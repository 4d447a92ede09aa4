"""The commands on a finished map: add to it, place a text on it, compare it with another model's."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import (
    AtlasPath,
    BatchTokens,
    Cache,
    CheckpointEvery,
    Column,
    Device,
    Json,
    Limit,
    On,
    Questions,
    Reader,
    RemoteCode,
    Workers,
    app,
)
from knowscape.cli.commands import embedding, read
from knowscape.cli.output import show, table

__all__: list[str] = []

_SHOWN = 5

More = Annotated[
    str, typer.Argument(metavar="MORE", help="Articles: Parquet, JSONL, CSV, JSON, a folder of texts, ...")
]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to place on the map.")]
ModelPlaces = Annotated[list[str], typer.Option("--model", help="Where a model is that the catalogue lacks.")]
Whose = Annotated[str | None, typer.Option(help="Whose map; the last model's by default.")]
Where = Annotated[str | None, typer.Option(help="The folder of the model, where the catalogue lacks it.")]
One = Annotated[str, typer.Argument(metavar="MODEL_A", help="A model of the atlas; regions are those of its map.")]
Other = Annotated[str, typer.Argument(metavar="MODEL_B", help="Another model of the atlas.")]
Rows = Annotated[Path | None, typer.Option("-o", "--out", help="Write a row for each article (.parquet or .csv).")]


@app.command()
def add(
    atlas: AtlasPath,
    more: More,
    questions: Questions = None,
    model: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
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
    """Add articles to an atlas and its map; nothing that is on the map moves.  Typed again, it continues."""
    from knowscape.atlas import open_atlas
    from knowscape.growth import add as add_to
    from knowscape.progress import progress_for

    opened = open_atlas(atlas)
    added = add_to(
        opened,
        read(more, limit, reader, text=text, title=title, id=id, url=url),
        questions,
        models=model,
        embedding=embedding(device, batch_tokens, workers, on, checkpoint_every, cache, trust_remote_code),
        progress=progress_for(),
    )
    found = {"atlas": str(atlas), **added.to_json()}
    show(found if json else _in_words(found), as_json=json)


@app.command()
def place(atlas: AtlasPath, text: Text, model: Whose = None, where: Where = None, json: Json = False) -> None:
    """Say where a text belongs on the map, and how sure that is; exit code 1 where it belongs nowhere."""
    from knowscape.atlas import open_atlas

    found = open_atlas(atlas).place(text, model=model, models=[where] if where else [])
    if json:
        show(found.to_json(), as_json=True)
    else:
        show({"x": found.x, "y": found.y, "confidence": found.confidence}, as_json=False)
        table(
            ["near it in meaning", "cosine", "x", "y"],
            [
                (near.title or near.id, *(f"{v:.3f}" for v in (near.similarity, near.x, near.y)))
                for near in found.neighbours
            ],
        )
    if found.refused is not None:
        sys.stderr.write(f"knowscape: not placed: {found.refused}. Try a text on what the articles are about.\n")
        sys.exit(1)


@app.command()
def compare(atlas: AtlasPath, one: One, other: Other, out: Rows = None, json: Json = False) -> None:
    """Say how far two models agree on which articles are near each other, and where on the map they do not."""
    from knowscape.atlas import open_atlas
    from knowscape.comparison import compare as compare_models

    found = compare_models(open_atlas(atlas), one, other)
    if out is not None:
        found.write(out)
    if json:
        show({**found.to_json(), "out": str(out) if out else None}, as_json=True)
        return
    mean, low, high = found.agreement.mean, found.agreement.low, found.agreement.high
    show(
        {
            "of the 10 nearest, shared": f"{mean:.3f} ({low:.3f} to {high:.3f}), by chance {found.chance:.3f}",
            "apart on the maps, median": f"{found.displacement:.3f} of the map's side",
            **({"written": str(out)} if out else {}),
        },
        as_json=False,
    )
    rows = [(region.label, f"{region.articles:,}", f"{region.agreement:.3f}") for region in found.regions]
    table(["agree most on", "articles", "shared"], rows[:_SHOWN])
    table(["agree least on", "articles", "shared"], rows[-_SHOWN:][::-1])


def _in_words(found: dict[str, Any]) -> dict[str, Any]:
    lines = {"atlas": found["atlas"], "articles_added": found["documents"], "questions_added": found["questions"]}
    for name, made in found["maps"].items():
        drift = made["drift"]
        lines[f"map of {name}"] = f"{made['recall']['10']['mean']:.3f} of the 10 nearest kept" + (
            f", {drift['recall_added']:.3f} of those of {drift['added']:,} added" if drift else ""
        )
        if drift:
            lines[f"doubtful in {name}"] = (
                f"{drift['doubtful']:.1%} of the places; mean moved {drift['shift']:.1f} times as chance"
            )
            again = f"; make the map anew with: knowscape map {found['atlas']} --model {name}"
            lines[f"refit of {name}"] = f"{drift['refit']}{again}" if drift["refit"] else "not needed"
    return lines

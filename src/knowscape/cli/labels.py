"""The command that shows the labels of a map, says whether they are true, and has them named."""

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from knowscape.cli.app import AtlasPath, Json, app
from knowscape.cli.output import show, table

__all__: list[str] = []

KEY = "KNOWSCAPE_LABEL_KEY"

Level = Annotated[int | None, typer.Option(help="Show this level only; 1 is the coarsest.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Say whether every label is true; exit code 3 where one is not.")
]
SpotCheck = Annotated[int | None, typer.Option(min=1, help="Show so many random articles, and what is near them.")]
SpotSeed = Annotated[int, typer.Option(min=0, help="The seed of --spot-check.")]
Whose = Annotated[str | None, typer.Option(help="Whose map; the last model's by default.")]
LabelUrl = Annotated[str | None, typer.Option(help="Have a language model there name the regions (.../v1).")]
LabelModel = Annotated[str | None, typer.Option(help="The language model's name.")]


@app.command()
def labels(
    atlas: AtlasPath,
    level: Level = None,
    verify: Verify = False,
    spot_check: SpotCheck = None,
    seed: SpotSeed = 0,
    model: Whose = None,
    label_url: LabelUrl = None,
    label_model: LabelModel = None,
    json: Json = False,
) -> None:
    """Show a map's labels with support, purity, place and exemplars."""
    from knowscape.atlas import open_atlas
    from knowscape.errors import UsageError
    from knowscape.labels import list_labels, spots, verify_labels

    asked = [verify, spot_check is not None, level is not None, label_url is not None]
    if sum(asked) > 1:
        raise UsageError("Accepted is one of --verify, --spot-check, --level and --label-url at a time.")
    if (label_url is None) != (label_model is None):
        raise UsageError("--label-url and --label-model need each other: --label-url http://localhost:11434/v1")
    opened = open_atlas(atlas)
    if label_url is not None and label_model is not None:
        _name(opened, label_url, label_model, whose=model, json=json)
    elif verify:
        _verify(verify_labels(opened, model=model), json=json)
    elif spot_check is not None:
        _spots(spots(opened, spot_check, seed=seed, model=model), json=json)
    else:
        _list(list_labels(opened, level=level, model=model), json=json)


def _list(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        show({"labels": found}, as_json=True)
        return
    heads = ["level", "label", "within", "articles", "purity", "place", "exemplars"]
    table(
        heads, [[*_cells(one, "level", "label", "within", "support", "purity", "place"), _titles(one)] for one in found]
    )


def _titles(label: Mapping[str, Any]) -> str:
    return "; ".join(label["exemplars"])


def _verify(found: Mapping[str, Any], *, json: bool) -> None:
    if json:
        show(found, as_json=True)
    else:
        heads = list(found["levels"][0])
        table([head.replace("_", " ") for head in heads], [_cells(level, *heads) for level in found["levels"]])
        count = sum(level["labels"] for level in found["levels"])
        summary = (
            f"{len(found['untrue']):,} of {count:,} labels are untrue."
            if found["untrue"]
            else (f"All {count:,} labels are true: they count their own articles and lie among them.")
        )
        sys.stdout.write("".join(f"{line}\n" for line in ["", *found["untrue"], summary]))
    if found["untrue"]:
        sys.exit(3)


def _spots(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        show({"articles": found}, as_json=True)
        return
    rows = []
    for one in found:
        for level, (label, theirs) in enumerate(zip(one["labels"], one["neighbours_labels"], strict=True), 1):
            near = ", ".join(f"{name} ({times})" for name, times in theirs.items())
            rows.append([one["title"] if level == 1 else "", str(level), label, near])
    table(["article", "level", "label", "labels of its ten true neighbours"], rows)


def _name(atlas: Any, url: str, name: str, *, whose: str | None, json: bool) -> None:
    from dataclasses import asdict

    from knowscape.labels import name_labels
    from knowscape.maps.language_model import LanguageModel
    from knowscape.progress import progress_for

    progress = progress_for()
    namer = LanguageModel(url, name, key=os.environ.get(KEY))
    done = name_labels(atlas, namer, who=name, model=whose, progress=progress)
    if done.kept:
        progress.note(f"{done.kept:,} regions keep their own names ({done.why}).")
    show({**asdict(done), "show_them_with": f"knowscape page {atlas.path}"}, as_json=json)


def _cells(row: Mapping[str, Any], *names: str) -> list[str]:
    values = [row[name] for name in names]
    return [
        "" if v is None else f"{v:.2f}" if isinstance(v, float) else f"{v:,}" if isinstance(v, int) else v
        for v in values
    ]

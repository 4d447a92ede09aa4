"""The command that changes the model of an index without a pause."""

from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import AtlasPath, Device, Json, ModelPlaces, app
from knowscape.cli.output import show, table
from knowscape.cli.search import Alias

__all__: list[str] = []

To = Annotated[str | None, typer.Option("--to", metavar="MODEL", help="The model that is to answer, as everywhere.")]
Queries = Annotated[Path | None, typer.Option(help="Shadow queries: queries.jsonl, or a query a line; titles without.")]
Judgements = Annotated[Path | None, typer.Option(help="qrels.tsv: query-id, corpus-id, score, with tabs between.")]
Overlap = Annotated[float, typer.Option("--min-overlap", min=0, max=1, help="How much of the ten best must be shared.")]
Tolerance = Annotated[float, typer.Option(min=0, max=1, help="How much of the quality may be lost.")]
Force = Annotated[bool, typer.Option("--force", help="Switch although the new model does not pass.")]
Back = Annotated[bool, typer.Option("--rollback", help="Remove what is prepared, or let the old model answer again.")]


@app.command()
def migrate(
    atlas: AtlasPath,
    to: To = None,
    index: Alias = None,
    queries: Queries = None,
    judgements: Judgements = None,
    min_overlap: Overlap = 0.2,
    tolerance: Tolerance = 0.02,
    force: Force = False,
    rollback: Back = False,
    model_at: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Let another model answer the searches: built beside the old one, compared with it, switched in one step."""
    from knowscape.atlas import open_atlas
    from knowscape.cli.search import index_options
    from knowscape.migration import Gate, roll_back
    from knowscape.migration import migrate as run
    from knowscape.progress import progress_for
    from knowscape.sites import site_of

    if (to is None) != rollback:
        raise typer.BadParameter("say one: --to MODEL, or --rollback", param_hint="--to")
    opened, progress, options = open_atlas(atlas), progress_for(), index_options(model_at, device)
    site = site_of(opened.folder, index, options, progress=progress)
    if to is None:
        found = roll_back(opened, site, options=options, progress=progress)
    else:
        gate = Gate(queries, judgements, min_overlap, tolerance, force)
        found = run(opened, to, site, gate=gate, options=options, progress=progress)
    if json:
        show(found.to_json(), as_json=True)
        return
    show(
        {"answered before": found.before, "answers now": site.spec().name, "documents": found.documents}, as_json=False
    )
    if found.overlap is not None:
        _print(found)


def _print(found: Any) -> None:
    rows = [["shared of the ten best", "", "", str(found.overlap)]]
    rows += [[name, *map(str, figures)] for name, figures in found.quality.items()]
    table([f"{found.queries:,} shadow queries", "before", "now", "difference [95 %]"], rows)

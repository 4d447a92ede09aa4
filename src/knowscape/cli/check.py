"""The command that says whether an atlas is whole, and mends it."""

import sys
from typing import Annotated

import typer

from knowscape.cli.app import AtlasPath, Device, Full, Json, app
from knowscape.cli.output import show

__all__: list[str] = []

Repair = Annotated[bool, typer.Option("--repair", help="Compute what is lost again, and make anew what is derived.")]

ModelPlaces = Annotated[
    list[str], typer.Option("--model", help="For --repair: where a model is that the catalogue lacks.")
]


@app.command()
def check(
    atlas: AtlasPath,
    full: Full = False,
    repair: Repair = False,
    model: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Say whether everything in an atlas is whole, or mend it; exit code 3 where damage is left."""
    from knowscape.check import check_atlas, leftovers
    from knowscape.store.atlas import AtlasFolder

    folder, did = AtlasFolder.open_damaged(atlas), []
    if repair:
        from knowscape.build import EmbedOptions
        from knowscape.encoders.load import EngineOptions
        from knowscape.progress import progress_for
        from knowscape.repair import repair as mend

        done = mend(atlas, models=model, embedding=EmbedOptions(EngineOptions(device)), progress=progress_for())
        did, faults = done.did, done.faults
    else:
        faults = check_atlas(folder, full=full)
    loose = leftovers(folder)
    if json:
        result = {"atlas": str(atlas), "whole": not faults, "faults": [fault.to_json() for fault in faults]}
        show({**result, "leftovers": [fault.to_json() for fault in loose], "repaired": did}, as_json=True)
    else:
        lines = [*did, *map(str, faults), *map(str, loose)]
        count = "one fault" if len(faults) == 1 else f"{len(faults):,} faults"
        summary = f"{atlas} is damaged: {count}." if faults else f"{atlas} is whole."
        sys.stdout.write("".join(f"{line}\n" for line in [*lines, summary]))
    if faults:
        sys.exit(3)

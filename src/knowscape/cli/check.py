"""The command that says whether an atlas is whole, and mends it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.characters import printable
from knowscape.cli.app import AtlasPlace, Device, Full, Json, app
from knowscape.cli.output import show

__all__: list[str] = []

Repair = Annotated[bool, typer.Option("--repair", help="Compute what is lost again, and make anew what is derived.")]

ModelPlaces = Annotated[
    list[str], typer.Option("--model", help="For --repair: where a model is that the catalogue lacks.")
]

EachQuestion = Annotated[
    bool, typer.Option("--questions", help="Show each question's nearest articles in the embedding and on the map.")
]
Analysis = Annotated[
    Path | None, typer.Option("-o", "--out", help="For --questions: the file; neighbor_analysis.json beside ATLAS.")
]


@app.command()
def check(
    atlas: AtlasPlace,
    full: Full = False,
    repair: Repair = False,
    model: ModelPlaces = [],  # noqa: B006 - typer reads it, nobody changes it
    device: Device = "auto",
    questions: EachQuestion = False,
    out: Analysis = None,
    json: Json = False,
) -> None:
    """Say whether everything in an atlas is whole, or mend it; exit code 3 where damage is left."""
    from knowscape.check import check_atlas, leftovers
    from knowscape.errors import UsageError
    from knowscape.store.atlas import AtlasFolder
    from knowscape.store.objects import atlas_path

    if out is not None and not questions:
        raise UsageError("--out names the file of --questions. Type that too, or leave --out away.")
    folder, did = AtlasFolder.open_damaged(atlas_path(atlas)), []
    if repair:
        from knowscape.embedding import EmbedOptions
        from knowscape.encoders.load import EngineOptions
        from knowscape.progress import progress_for
        from knowscape.repair import repair as mend

        done = mend(atlas, models=model, embedding=EmbedOptions(EngineOptions(device)), progress=progress_for())
        did, faults = done.did, done.faults
    else:
        faults = check_atlas(folder, full=full)
    loose = leftovers(folder)
    written = out or atlas.absolute().parent / "neighbor_analysis.json"
    found = _diagnosis(atlas, written) if questions and not faults else None
    if json:
        result = {"atlas": str(folder.path), "whole": not faults, "faults": [fault.to_json() for fault in faults]}
        result |= {"leftovers": [fault.to_json() for fault in loose], "repaired": did}
        show(result | ({"written": str(written), **found.to_json()} if found else {}), as_json=True)
    else:
        lines = [*did, *map(str, faults), *map(str, loose)]
        lines += [*map(printable, found.lines()), f"written to {written}"] if found else []
        count = "one fault" if len(faults) == 1 else f"{len(faults):,} faults"
        summary = f"{folder.path} is damaged: {count}." if faults else f"{folder.path} is whole."
        sys.stdout.write("".join(f"{line}\n" for line in [*lines, summary]))
    if faults:
        sys.exit(3)


def _diagnosis(atlas: Path, out: Path) -> Any:
    """Return what became of each question's neighbours, having written it to a file."""
    from knowscape.atlas import open_atlas
    from knowscape.diagnosis import diagnose_questions

    found = diagnose_questions(open_atlas(atlas))
    found.write(out)
    return found

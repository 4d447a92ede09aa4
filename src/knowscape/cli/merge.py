"""knowscape merge: one atlas from several, from folders of vectors, and from checkpoints."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from knowscape.cli.app import Column, Json, Limit, Out, Reader, RemoteCode, app
from knowscape.cli.output import show

__all__: list[str] = []

Sources = Annotated[
    list[Path], typer.Argument(metavar="SOURCE...", help="Atlases, folders of vectors, checkpoints (.pkl).")
]
CorpusOption = Annotated[str | None, typer.Option(help="The documents; checkpoints hold rows of it.")]
ModelOption = Annotated[str | None, typer.Option(help="The model that made the checkpoints.")]
AllowGaps = Annotated[bool, typer.Option("--allow-gaps", help="Leave documents without a vector to be embedded later.")]


@app.command()
def merge(
    sources: Sources,
    out: Out,
    corpus: CorpusOption = None,
    model: ModelOption = None,
    allow_gaps: AllowGaps = False,
    trust_remote_code: RemoteCode = False,
    limit: Limit = None,
    reader: Reader = None,
    text: Column = None,
    title: Column = None,
    id: Column = None,
    url: Column = None,
    json: Json = False,
) -> None:
    """Put atlases and vectors together; parts on the same disk are linked, not copied."""
    from knowscape.cli.commands import read
    from knowscape.encoders.load import find_model
    from knowscape.merge.objections import MergeRefusedError
    from knowscape.merge.run import MergeOptions
    from knowscape.merge.run import merge as merge_sources
    from knowscape.progress import progress_for

    progress = progress_for()
    documents = read(corpus, limit, reader, text=text, title=title, id=id, url=url) if corpus is not None else None
    spec = find_model(model, trust_remote_code=trust_remote_code, progress=progress)[0] if model is not None else None
    try:
        merged = merge_sources(sources, out, MergeOptions(documents, spec, allow_gaps), progress=progress)
    except MergeRefusedError as error:
        if not json:
            raise
        faults = [{"kind": fault.kind, "says": fault.says} for fault in error.faults]
        show({"atlas": str(out), "merged": False, "faults": faults}, as_json=True)
        sys.exit(error.exit_code)
    show(merged.to_json(), as_json=json)

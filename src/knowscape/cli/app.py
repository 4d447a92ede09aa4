"""The application, and the options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    name="knowscape",
    help="Turn a pile of articles into a knowledge map with a quiz, in the browser.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

CorpusPath = Annotated[str, typer.Argument(metavar="CORPUS", help="Parquet, JSONL, CSV, JSON, a folder of texts, ...")]
AtlasPath = Annotated[Path, typer.Argument(metavar="ATLAS", help="The folder of an atlas.")]
AtlasPlace = Annotated[Path, typer.Argument(metavar="ATLAS", help="The folder of an atlas, or s3://BUCKET/PATH.")]
Questions = Annotated[Path | None, typer.Option("-q", "--questions", help="Quiz questions (JSON).")]
MaxQuestions = Annotated[int | None, typer.Option(min=1, help="Use so many questions, evenly over the topics.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="The folder to make or to continue.")]
OutPlace = Annotated[Path, typer.Option("-o", "--out", help="The folder, or s3://BUCKET/PATH, to make or to continue.")]
Model = Annotated[str, typer.Option(help="A model of the catalogue, a folder with one, or hf:OWNER/NAME[@REVISION].")]
Models = Annotated[list[str], typer.Option("--model", help="As often as you like; the first one's map is drawn.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
BatchTokens = Annotated[int | None, typer.Option(min=8, help="The most padded tokens of a batch.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes with a model each; one for each GPU by default.")]
On = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Embed on a cluster: cluster.yaml, or ray://HOST:10001.")
]
CheckpointEvery = Annotated[float, typer.Option(min=0.1, help="Seconds between commits.")]
Cache = Annotated[bool, typer.Option("--cache/--no-cache", help="Take vectors from other atlases of this machine.")]
RemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run the code that a model brings with it.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Read so many documents.")]
Reader = Annotated[str | None, typer.Option(help="Read CORPUS as this format, whatever its name.")]
Column = Annotated[str | None, typer.Option(help="The column that holds it.")]
Padding = Annotated[float, typer.Option(min=0, max=10, help="Padding of the question region, a share of its size.")]
Seed = Annotated[int, typer.Option(min=0, help="The seed of the layout.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Full = Annotated[bool, typer.Option(help="Read and digest every byte.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port, or the first free one after it.")]
Host = Annotated[
    str, typer.Option(help="An address of this machine, or 0.0.0.0 for all; others need the link's token.")
]
ModelPlaces = Annotated[list[str], typer.Option("--model-at", help="Where a model is that the catalogue lacks.")]
Serve = Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the page when it is built.")]

"""The command that trains a model on the user's own examples."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import Device, Json, Model, app
from knowscape.cli.commands import DEFAULT_MODEL
from knowscape.cli.output import show, table

__all__: list[str] = []

Examples = Annotated[
    Path,
    typer.Argument(metavar="EXAMPLES", help="JSONL: anchor, positive[, negative]; or sentence1, sentence2, score."),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="The folder for the model; what is begun there is continued.")]
HeldOut = Annotated[Path | None, typer.Option(metavar="FILE", help="Examples to score with, of the same forms.")]
Share = Annotated[float, typer.Option(min=0.001, max=0.9, help="The share to score with, where no file has them.")]
Mined = Annotated[str | None, typer.Option("--corpus", help="Mine hard negatives for the pairs from this corpus.")]
Negatives = Annotated[int, typer.Option(min=1, max=50, help="Mine so many for each pair.")]
Margin = Annotated[float, typer.Option(min=0, max=1, help="How far below its positive a negative lies, as a share.")]
Loss = Annotated[str, typer.Option(help="mnr, triplet or cosent; what suits the examples without it.")]
Epochs = Annotated[int, typer.Option(min=1, help="How often each example is seen.")]
BatchSize = Annotated[int, typer.Option(min=2, help="Examples in a batch.")]
LearningRate = Annotated[float, typer.Option(min=1e-9, max=1, help="The highest one, after the warm-up.")]
Warmup = Annotated[float, typer.Option(min=0, max=1, help="The share of all steps in which the rate rises.")]
Matryoshka = Annotated[str, typer.Option(metavar="N,N", help="Dimensions to cut to, such as 256,128,64.")]
Seed = Annotated[int, typer.Option(min=0, help="The seed of what is held out, of the order and of dropout.")]
CheckpointEvery = Annotated[float, typer.Option(min=0.0, help="Seconds between checkpoints.")]


@app.command()
def finetune(
    examples: Examples,
    out: Out,
    model: Model = DEFAULT_MODEL,
    held_out: HeldOut = None,
    held_out_share: Share = 0.1,
    corpus: Mined = None,
    negatives: Negatives = 1,
    margin: Margin = 0.05,
    loss: Loss = "",
    epochs: Epochs = 1,
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 2e-5,
    warmup: Warmup = 0.1,
    matryoshka: Matryoshka = "",
    seed: Seed = 0,
    device: Device = "auto",
    checkpoint_every: CheckpointEvery = 120.0,
    json: Json = False,
) -> None:
    """Train a model on your own pairs, triplets or scored pairs, and say whether it got better."""
    from knowscape.finetune.options import FinetuneOptions
    from knowscape.finetune.run import Runner, Sources
    from knowscape.finetune.run import finetune as run
    from knowscape.progress import progress_for

    options = FinetuneOptions(
        loss=loss, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, warmup=warmup,
        matryoshka=_dimensions(matryoshka), held_out=held_out_share, negatives=negatives, margin=margin, seed=seed,
    )  # fmt: skip
    record = run(
        Sources(examples, held_out, corpus),
        out,
        model=model,
        options=options,
        runner=Runner(device, checkpoint_every),
        progress=progress_for(),
    )
    if json:
        show({"out": str(out), **record}, as_json=True)
    else:
        _tell(out, record)


def _dimensions(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r}; accepted: numbers such as 256,128,64", param_hint="--matryoshka") from None


def _tell(out: Path, record: dict[str, Any]) -> None:
    from knowscape.finetune.card import figure, verdict
    from knowscape.progress import duration

    show(
        {
            "trained on": f"{record['trained']:,} examples ({record['kind']}), loss {record['loss']}",
            "held out": record["held_out"],
            "training": f"{record['steps']:,} steps on {record['device']}, {duration(record['seconds'])}",
            "model": f"{out}, fingerprint {record['fingerprint']:.16}",
        },
        as_json=False,
    )
    rows = [
        [one["measure"], *(figure(one[key]) for key in ("before", "after", "difference"))] for one in record["scores"]
    ]
    table(["held out, 95 %", "before", "after", "difference"], rows)
    sys.stdout.write(f"{verdict(record)}\nUse it in any command with: --model {out}\n")

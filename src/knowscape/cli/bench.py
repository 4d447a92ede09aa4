"""knowscape bench: how fast this machine embeds, and how long a corpus will take."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from knowscape.cli.app import BatchTokens, Device, Json, Model, Reader, app
from knowscape.cli.output import show, table

if TYPE_CHECKING:
    from knowscape.embed.forecast import Outlook

__all__: list[str] = []


@app.command()
def bench(
    corpus: Annotated[str | None, typer.Argument(help="Texts to measure with; the sample without it.")] = None,
    model: Model = "all-MiniLM-L6-v2",
    device: Device = "auto",
    batch_tokens: BatchTokens = None,
    documents: Annotated[int | None, typer.Option(min=1, help="Forecast so many; those of CORPUS without it.")] = None,
    machines: Annotated[int | None, typer.Option(min=1, help="Forecast so many machines, not 1 to 1,000.")] = None,
    price: Annotated[float | None, typer.Option(min=0, help="What a machine costs an hour.")] = None,
    reader: Reader = None,
    json: Json = False,
) -> None:
    """Measure texts a second by token budget, where the time goes, and forecast a corpus."""
    from knowscape.corpus.readers import read_corpus
    from knowscape.corpus.sample import sample_articles_path
    from knowscape.embed.bench import bench as measure
    from knowscape.embed.forecast import MACHINES, most_machines, outlook
    from knowscape.encoders.load import EngineOptions
    from knowscape.progress import duration, progress_for

    texts = read_corpus(corpus or sample_articles_path(), reader=reader).texts
    measured, forecast = measure(
        model,
        texts,
        options=EngineOptions(device, batch_tokens),
        documents=documents or len(texts),
        progress=progress_for(),
    )
    cluster = outlook(measured, machines=[machines] if machines else MACHINES, price=price)
    if json:
        found = {"forecast": asdict(forecast), "cluster": [asdict(each) for each in cluster]}
        show({"model": model, **asdict(measured), **found}, as_json=True)
        return
    table(["token budget", "texts/s"], [(f"{budget:,}", f"{rate:,.0f}") for budget, rate in measured.rates.items()])
    whole = measured.tokenise + measured.run + measured.write
    stages = {"tokenise": measured.tokenise, "run": measured.run, "write": measured.write}
    table(
        ["stage", "seconds for 1,000 texts", "share"],
        [(name, f"{seconds:.3f}", f"{seconds / whole:.1%}") for name, seconds in stages.items()],
    )
    show(
        {
            "best budget": f"--batch-tokens {measured.best}",
            "tokens a text": measured.tokens_per_text,
            "forecast": f"{forecast.documents:,} documents: {duration(forecast.seconds)}, "
            f"95 % between {duration(forecast.low)} and {duration(forecast.high)}",
        },
        as_json=False,
    )
    _show_cluster(cluster, most_machines(measured))


def _show_cluster(cluster: "list[Outlook]", most: float) -> None:
    """Print a row for each number of texts and a column for each number of machines."""
    from knowscape.progress import duration

    def cell(each: "Outlook") -> str:
        price = "" if each.cost is None else f", costs {each.cost:,.2f}"
        return f"{duration(each.seconds)}{'*' * each.driver_is_limit}{price}"

    machines = list(dict.fromkeys(each.machines for each in cluster))
    rows = []
    for count in dict.fromkeys(each.texts for each in cluster):
        these = [each for each in cluster if each.texts == count]
        rows.append((f"{count:,}", f"{these[0].stored / 1e9:,.1f} GB", *map(cell, these)))
    heads = [f"{number:,} machine{'s' * (number > 1)}" for number in machines]
    table(["such texts", "on disk", *heads], rows)
    typer.echo(
        f"Machines like this one that do not fail, and a driver like it, which can commit for {most:,.0f} of them."
        + " * It is the limit: docs/cluster.md says what to do." * any(each.driver_is_limit for each in cluster)
    )

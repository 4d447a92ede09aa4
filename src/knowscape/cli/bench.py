"""knowscape bench: how fast this machine embeds, and how long a corpus will take."""

from dataclasses import asdict
from typing import Annotated

import typer

from knowscape.cli.app import BatchTokens, Device, Json, Model, Reader, app
from knowscape.cli.output import show, table

__all__: list[str] = []


@app.command()
def bench(
    corpus: Annotated[str | None, typer.Argument(help="Texts to measure with; the sample without it.")] = None,
    model: Model = "all-MiniLM-L6-v2",
    device: Device = "auto",
    batch_tokens: BatchTokens = None,
    documents: Annotated[int | None, typer.Option(min=1, help="Forecast so many; those of CORPUS without it.")] = None,
    reader: Reader = None,
    json: Json = False,
) -> None:
    """Measure texts a second by token budget, where the time goes, and forecast a corpus."""
    from knowscape.corpus.readers import read_corpus
    from knowscape.corpus.sample import sample_articles_path
    from knowscape.embed.bench import bench as measure
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
    if json:
        show({"model": model, **asdict(measured), "forecast": asdict(forecast)}, as_json=True)
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

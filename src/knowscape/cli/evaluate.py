"""The commands that hold what Knowscape computes against what people said."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.characters import printable
from knowscape.cli.app import Json, Model, app
from knowscape.cli.commands import DEFAULT_MODEL
from knowscape.cli.output import show, table

__all__ = ["evaluation"]

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="corpus.jsonl, queries.jsonl and qrels.tsv, as in BEIR.")]
Mode = Annotated[str | None, typer.Option(help="How to search: hybrid, dense or lexical.")]
SearchModel = Annotated[str | None, typer.Option(help="The model to search with, as everywhere.")]
Asked = Annotated[Path | None, typer.Option("--queries", help="Ask these, of the same ids: in another language, say.")]
Measures = Annotated[str | None, typer.Option(help="With commas: ndcg, mrr, map, recall or precision, each @K.")]
WriteRun = Annotated[
    Path | None, typer.Option("--run", metavar="OUT", dir_okay=False, help="Write what was found, in TREC's form.")
]
ReadRun = Annotated[Path | None, typer.Option("--from", metavar="RUN", help="Evaluate this run and do not search.")]
Against = Annotated[list[Path], typer.Option(metavar="RUN", help="Compare with this run; as often as you like.")]
Scored = Annotated[Path, typer.Argument(metavar="FILE", help="Pairs: sentence, sentence, score (CSV or JSONL).")]

evaluation = typer.Typer(name="evaluate", help="Hold what Knowscape computes against what people said.")
app.add_typer(evaluation)


@evaluation.command()
def retrieval(
    folder: Folder,
    mode: Mode = None,
    model: SearchModel = None,
    queries: Asked = None,
    measures: Measures = None,
    run: WriteRun = None,
    from_run: ReadRun = None,
    against: Against = [],  # noqa: B006 - typer reads it, nobody changes it
    json: Json = False,
) -> None:
    """Search for judged queries, and say how good the answers are, with 95 % intervals over the queries."""
    from knowscape.evaluate.metrics import DEFAULT_MEASURES, parse_measures, require_library
    from knowscape.evaluate.outcome import compare, evaluate_retrieval
    from knowscape.evaluate.retrieval import read_retrieval
    from knowscape.evaluate.runs import DEPTH, check_ids, read_run, write_run
    from knowscape.evaluation import DEFAULT_MODE, run_of
    from knowscape.progress import progress_for

    if from_run is not None and (mode or model or run):
        raise typer.BadParameter("a run that is there is not searched for: leave out --mode, --model and --run")
    require_library()
    chosen = parse_measures(measures or ",".join(map(str, DEFAULT_MEASURES)))
    data = read_retrieval(folder, queries)
    if run is not None:
        check_ids([*data.queries, *data.documents])
    others = {str(path): evaluate_retrieval(data, read_run(path), chosen) for path in against}
    if from_run is not None:
        found, name = read_run(from_run), str(from_run)
    else:
        mode, model = mode or DEFAULT_MODE, model or DEFAULT_MODEL
        depth = max(DEPTH, *(measure.k for measure in chosen))
        found, name = run_of(data, mode, model, depth=depth, progress=progress_for()), f"{mode} {model}"
    if run is not None:
        write_run(run, found, name)
    result = evaluate_retrieval(data, found, chosen)
    compared = {other: compare(result, evaluated) for other, evaluated in others.items()}
    if json:
        beside = {other: {str(row.measure): row.to_json() for row in rows} for other, rows in compared.items()}
        show({"run": name, **result.to_json(), "against": beside}, as_json=True)
        return
    _print(name, result)
    for other, rows in compared.items():
        _print_comparison(other, rows)


def _print(name: str, result: Any) -> None:
    rows = [[str(measure), str(figure)] for measure, figure in zip(result.measures, result.figures, strict=True)]
    sys.stdout.write(f"{printable(name)}, {len(result.queries):,} judged queries:\n")
    table(["", "mean [95 %]"], rows)
    if result.missing:
        sys.stdout.write(f"{result.missing:,} judged queries have nothing in the run; each counts as 0.\n")
    if result.unjudged:
        sys.stdout.write(f"{result.unjudged:,} queries of the run have no judgement and are left out.\n")


def _print_comparison(other: str, rows: Any) -> None:
    sys.stdout.write(f"\nagainst {printable(other)}:\n")
    cells = [
        [str(row.measure), f"{row.one:.4f}", f"{row.other:.4f}", _signed(row.paired.difference), _p(row.paired.p)]
        for row in rows
    ]
    table(["", "this", "that", "difference [95 %]", "p"], cells)


def _signed(figure: Any) -> str:
    return f"{figure.value:+.4f} [{figure.low:+.4f}, {figure.high:+.4f}]"


def _p(chance: float) -> str:
    return "<0.0001" if chance < 0.0001 else f"{chance:.4f}"


@evaluation.command()
def sts(file: Scored, model: Model = DEFAULT_MODEL, json: Json = False) -> None:
    """Correlate a model's similarities of sentences with people's scores, with 95 % intervals over the pairs."""
    from knowscape.encoders.load import load_encoder
    from knowscape.evaluate.similarity import correlations, pair_similarities, read_pairs
    from knowscape.progress import progress_for

    pairs = read_pairs(file)
    encoder = load_encoder(model, progress=progress_for())
    result = correlations(pair_similarities(encoder, pairs, progress=progress_for()), pairs.scores)
    encoder.close()
    if json:
        show({"model": model, **result.to_json()}, as_json=True)
        return
    rows = [["spearman", str(result.spearman)], ["pearson", str(result.pearson)]]
    sys.stdout.write(f"{printable(model)}, {result.pairs:,} pairs:\n")
    table(["", "correlation [95 %]"], rows)

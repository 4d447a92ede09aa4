"""The commands that hold the knowledge estimate against learners' answers."""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import Json, Model, app
from knowscape.cli.commands import DEFAULT_MODEL
from knowscape.cli.evaluate import evaluation
from knowscape.cli.output import show, table

__all__: list[str] = []

Responses = Annotated[Path, typer.Option(help="Learners' answers (CSV: participant, quiz, question, correct).")]
Asked = Annotated[Path, typer.Option("-q", "--questions", help="Quiz questions (JSON).")]
Folds = Annotated[int | None, typer.Option(min=2, help="Hold out so many parts of a sitting, not each answer.")]
Predictions = Annotated[Path | None, typer.Option(metavar="CSV", help="Write what was predicted for each answer.")]
ItemModel = Annotated[str, typer.Option(help="1PL, 2PL or 3PL.")]


@evaluation.command()
def knowledge(
    responses: Responses,
    questions: Asked,
    model: Model = DEFAULT_MODEL,
    folds: Folds = None,
    predictions: Predictions = None,
    json: Json = False,
) -> None:
    """Predict learners' answers that the estimate has not seen, and compare with simpler ways."""
    from knowscape.quiz.evaluate import evaluate_knowledge
    from knowscape.quiz.questions import part_texts

    asked, answers, encode = _read(questions, responses, model)
    vectors = encode([question.embedding_text for question in asked])
    result = evaluate_knowledge(asked, vectors, answers, parts=encode(part_texts(asked)), folds=folds)
    if predictions is not None:
        numbers = (answers.learner, answers.sitting, answers.question)
        _write(predictions, zip(*(number.tolist() for number in numbers), strict=True), result, [q.id for q in asked])
    if json:
        show(result.to_json(), as_json=True)
        return
    rows = []
    for name, parts in result.scores.items():
        single = [f"{parts[part]['auc'].value:.3f}" for part in parts if part != "pooled"]
        rows.append([name, " ".join(single), *(_figure(figure) for figure in parts["pooled"].values())])
    table(["", "AUC by quiz", "AUC", "log-loss", "Brier", "calibration error"], rows)


@app.command()
def learners(
    responses: Responses,
    questions: Asked,
    model: Model = DEFAULT_MODEL,
    item_model: ItemModel = "3PL",
    json: Json = False,
) -> None:
    """Say what a class's answers tell of the questions: how hard, how telling, and which key may be wrong."""
    from knowscape.quiz.items import LOGISTIC_MODELS
    from knowscape.quiz.learners import report_items

    chosen = next((name for name in LOGISTIC_MODELS if name == item_model.upper()), None)
    if chosen is None:
        raise typer.BadParameter(f"{item_model!r}; accepted: {', '.join(LOGISTIC_MODELS)}", param_hint="--item-model")
    asked, answers, encode = _read(questions, responses, model)
    vectors = encode([question.embedding_text for question in asked])
    reports = report_items(asked, vectors, answers, model=chosen)
    if json:
        show({"items": [asdict(report) for report in reports]}, as_json=True)
        return
    rows = [
        [
            report.question,
            f"{report.answers}",
            f"{report.share:.2f}",
            f"{report.difficulty:+.2f}",
            f"{report.discrimination:.2f}",
            f"{report.infit:.2f}",
            "" if report.correlation is None else f"{report.correlation:+.2f}",
            ("BROKEN KEY? " if report.broken_key else "") + report.text[:60],
        ]
        for report in sorted(reports, key=lambda report: report.difficulty)
    ]
    table(["question", "answers", "right", "difficulty", "discrimination", "infit", "correlation", ""], rows)


def _read(questions: Path, responses: Path, model: str) -> Any:
    from knowscape.encoders.load import load_encoder
    from knowscape.progress import progress_for
    from knowscape.quiz.questions import read_questions
    from knowscape.quiz.responses import read_responses

    asked = read_questions(questions)
    answers = read_responses(responses, [question.id for question in asked])
    return asked, answers, load_encoder(model, progress=progress_for()).encode_documents


def _write(path: Path, rows: Any, result: Any, ids: Sequence[str]) -> None:
    """Write one line for each answer, in the order of the responses; warm is empty where nothing is known of others."""
    from knowscape.errors import StorageError

    learners_, sittings = result.answers.learners, result.answers.sittings
    cold, warm = (result.predictions.get(name) for name in ("cold", "warm"))
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(["participant", "quiz", "question", "correct", "cold", "warm"])
            for number, (learner, sitting, question) in enumerate(rows):
                correct = int(result.answers.right[number])
                last = ["" if column is None else f"{column[number]:.6f}" for column in (cold, warm)]
                out.writerow([learners_[learner], sittings[sitting], ids[question], correct, *last])
    except OSError as error:
        raise StorageError.of(error, path) from error


def _figure(figure: Any) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"

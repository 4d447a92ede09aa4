"""Predictions of held-out answers: no leak, true scores, and clear words for bad tables."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from knowscape.errors import UsageError
from knowscape.quiz.evaluate import COLD, WARM, calibration_curve, evaluate_knowledge, scores_of
from knowscape.quiz.questions import Question
from knowscape.quiz.responses import ClassAnswers, read_responses

Run = Callable[..., CompletedProcess[str]]
OPTIONS = ("a", "b", "c", "d")
QUESTIONS = [Question(str(number), f"Question {'x' * number}?", OPTIONS, 0) for number in range(12)]
HEAD = "participant,quiz,question,correct\n"


def _vectors() -> NDArray[np.float32]:
    """Three topics of four questions each."""
    made = np.repeat(np.eye(3), 4, axis=0) + 0.3 * np.random.default_rng(0).normal(size=(12, 3))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def _answers(learners: int = 30, seed: int = 0) -> ClassAnswers:
    """Each learner knows topics by chance, and questions differ."""
    random = np.random.default_rng(seed)
    level = random.normal(size=(learners, 1)) + np.repeat(2 * random.normal(size=(learners, 3)), 4, axis=1)
    known = expit(level - np.tile([-2, 0, 0, 2], 3))
    right = random.random(known.shape) < 0.25 + 0.75 * known
    return ClassAnswers(
        learner=np.repeat(np.arange(learners), 12),
        sitting=np.zeros(12 * learners, np.int64),
        question=np.tile(np.arange(12), learners),
        correct=right.ravel().astype(np.float64),
        learners=tuple(map(str, range(learners))),
        sittings=("1",),
    )


def test_topics_and_other_learners_help_to_predict() -> None:
    done = evaluate_knowledge(QUESTIONS, _vectors(), _answers(), resamples=100)
    assert set(done.predictions) == {*COLD, *WARM}
    auc = {name: parts["pooled"]["auc"].value for name, parts in done.scores.items()}
    assert auc["cold"] > auc["share correct"] + 0.02
    assert auc["warm"] > auc["Rasch"] > auc["share correct"]
    assert done.gains["warm"].low > 0
    for parts in done.scores.values():
        for figure in parts["pooled"].values():
            assert figure.low <= figure.value + 0.03
            assert figure.value <= figure.high + 0.03


def test_an_answer_does_not_tell_of_itself() -> None:
    vectors, one = _vectors(), _answers(8)
    other = _answers(8)
    other.correct[17] = 1 - other.correct[17]
    first, second = (
        evaluate_knowledge(QUESTIONS, vectors, answers, resamples=2).predictions for answers in (one, other)
    )
    for name in (*COLD, *WARM):
        assert first[name][17] == second[name][17]
        beside = np.setdiff1d(np.arange(12, 24), 17)
        assert (first[name][beside] != second[name][beside]).any()


def test_folds_hold_out_several_answers_at_once_and_every_answer_once() -> None:
    done = evaluate_knowledge(QUESTIONS, _vectors(), _answers(10), folds=3, resamples=5)
    for predicted in done.predictions.values():
        assert not np.isnan(predicted).any()
    # Without any answer of its own sitting nothing tells learners apart.
    shares = done.predictions["share correct"].reshape(10, 12)
    assert all(2 <= len(np.unique(row)) <= 3 or len(np.unique(row)) == 1 for row in shares)


def test_a_lone_learner_gets_cold_predictions_only() -> None:
    one = _answers(1, seed=3)
    assert set(evaluate_knowledge(QUESTIONS, _vectors(), one, resamples=5).predictions) == set(COLD)


def test_answers_that_are_all_alike_are_refused() -> None:
    answers = _answers(3)
    answers.correct[:] = 1
    with pytest.raises(UsageError, match="nothing to tell apart"):
        evaluate_knowledge(QUESTIONS, _vectors(), answers)
    with pytest.raises(UsageError, match="2 folds or more, not 1"):
        evaluate_knowledge(QUESTIONS, _vectors(), _answers(3), folds=1)


def test_scores_are_those_of_their_definitions() -> None:
    right, predicted = np.array([True, False, True, False]), np.array([0.9, 0.1, 0.4, 0.6])
    scores = scores_of(right, predicted)
    assert scores["auc"] == 0.75
    assert scores["brier"] == pytest.approx(np.mean([0.01, 0.01, 0.36, 0.36]))
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.9, 0.4, 0.4]).mean())
    assert scores["calibration_error"] == pytest.approx(np.mean([0.1, 0.1, 0.6, 0.6]))
    assert [bin_["answers"] for bin_ in calibration_curve(np.ones(25, bool), np.linspace(0, 1, 25))] == [3] * 5 + [
        2
    ] * 5


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("participant,question,correct\n1,1,1\n", "has no column quiz"),
        (HEAD, "holds no answers"),
        (f"{HEAD}1,1,99,1\n", "line 2: there is no question '99'"),
        (f"{HEAD}1,1,1,1\n1,1,2,yes\n", "line 3: correct is 'yes'; accepted: 1, 0"),
        (f"{HEAD}1,1\n", "line 2: there is no question ''"),
    ],
)
def test_a_bad_table_is_named(table: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        read_responses(path, [question.id for question in QUESTIONS])


def test_no_table_and_a_table_of_other_bytes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read_responses(tmp_path / "none.csv", [])
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(UsageError, match="is not a CSV file in UTF-8"):
        read_responses(tmp_path / "bytes.csv", [])


def test_the_last_of_two_answers_stands_and_i_do_not_know_is_not_right(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(f"{HEAD}b,1,3,0\nb,1,3,1\na,2,3,\n", encoding="utf-8")
    read = read_responses(path, [question.id for question in QUESTIONS])
    assert read.learners == ("a", "b")
    assert read.correct.tolist() == [0, 1, -1]
    table, sittings = read.by_person(12)
    assert table[:, 3].tolist() == [0, 1]
    assert sittings.tolist() == [1, 0]


def _files(folder: Path) -> tuple[Path, Path]:
    questions, answers, made = folder / "questions.json", folder / "answers.csv", _answers(6)
    asked = [{"id": one.id, "question": one.question, "options": OPTIONS, "correctIndex": 0} for one in QUESTIONS]
    questions.write_text(json.dumps(asked), encoding="utf-8")
    rows = zip(made.learner, made.question, made.correct, strict=True)
    lines = [f"p{learner},final,{question},{correct:.0f}\n" for learner, question, correct in rows]
    answers.write_text(HEAD + "".join(lines), encoding="utf-8")
    return questions, answers


def test_the_command_prints_and_writes_what_it_predicted(knowscape: Run, tmp_path: Path) -> None:
    questions, answers = _files(tmp_path)
    out = tmp_path / "out.csv"
    command = ["evaluate", "knowledge", "--responses", answers, "-q", questions]
    done = knowscape(*command, "--json", "--predictions", out)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answers"] == 72
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["participant", "quiz", "question", "correct", "cold", "warm"]
    assert [row["question"] for row in rows] == [row.split(",")[2] for row in answers.read_text().splitlines()[1:]]
    right, cold = np.array([row["correct"] == "1" for row in rows]), np.array([float(row["cold"]) for row in rows])
    assert scores_of(right, cold)["auc"] == pytest.approx(told["scores"]["cold"]["pooled"]["auc"]["value"], abs=1e-3)
    shown = knowscape(*command, "--folds", "2")
    assert shown.returncode == 0, shown.stderr
    assert "share correct" in shown.stdout


def test_the_learners_command_reports_every_question(knowscape: Run, tmp_path: Path) -> None:
    questions, answers = _files(tmp_path)
    done = knowscape("learners", "--responses", answers, "-q", questions, "--json")
    assert done.returncode == 0, done.stderr
    assert {item["question"] for item in json.loads(done.stdout)["items"]} == {question.id for question in QUESTIONS}
    refused = knowscape("learners", "--responses", answers, "-q", questions, "--item-model", "5PL")
    assert refused.returncode == 2
    assert "accepted: 1PL, 2PL, 3PL" in refused.stderr.replace("\n", " ")

"""Item parameters: the gradient is the loss's, true parameters are found again, and a broken key is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from knowscape.atlas import Atlas
from knowscape.build import embed_corpus, put_corpus, put_questions
from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.load import load_encoder
from knowscape.errors import UsageError
from knowscape.files import sha256_text
from knowscape.quiz.estimate import Prior
from knowscape.quiz.items import LOGISTIC_MODELS, LogisticModel, _Fit, fit_items, text_items
from knowscape.quiz.learners import report_items
from knowscape.quiz.questions import Question, part_texts
from knowscape.quiz.responses import ClassAnswers
from knowscape.store.atlas import AtlasFolder
from small_atlas import SPEC, small_atlas

OPTIONS = ("a", "b", "c", "d")


def _class(learners: int, difficulty: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    level = random.normal(scale=np.sqrt(Prior().level), size=(learners, 1))
    local = random.normal(scale=np.sqrt(Prior().local), size=(learners, len(difficulty)))
    known = random.random((learners, len(difficulty))) < expit(level + local - difficulty)
    return np.where(known, 1.0, random.random(known.shape) < 0.25).astype(np.float64)


@pytest.mark.parametrize("model", LOGISTIC_MODELS)
def test_the_gradient_is_that_of_the_loss(model: LogisticModel) -> None:
    right = _class(10, np.linspace(-2, 2, 5))
    right[3, 2] = np.nan
    fit = _Fit(right, np.arange(10) % 2, np.full(5, 0.25), model=model, prior=Prior())
    at = np.random.default_rng(1).normal(size=fit.size) * 0.3
    steps = 1e-5 * np.eye(fit.size)
    slopes = [(fit.loss(at + step)[0] - fit.loss(at - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(fit.loss(at)[1], slopes, atol=1e-6)


def test_true_difficulties_are_found_again() -> None:
    true = np.linspace(-3, 3, 9)
    found = fit_items(_class(600, true), np.zeros(600, np.int64), np.full(9, 0.25), model="1PL")
    assert found.discrimination.tolist() == [1] * 9
    np.testing.assert_allclose(found.guess, 0.25)
    assert np.abs(found.difficulty[:, 0] - true).mean() < 0.35


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'4PL' is no item response model\. Choose one of: 1PL, 2PL, 3PL"):
        fit_items(np.ones((2, 2)), np.zeros(2, np.int64), np.full(2, 0.25), model="4PL")  # type: ignore[arg-type]


def test_a_longer_question_is_taken_to_be_harder_and_options_say_how_often_it_is_guessed() -> None:
    short = Question("1", "Why?", ("yes", "no"), 0)
    made = text_items([short, Question("2", "Why is the sky blue, and the evening red?", OPTIONS, 1)])
    assert made[0].difficulty < 0 < made[1].difficulty
    assert [item.guess for item in made] == [0.5, 0.25]
    assert text_items([short])[0].difficulty == 0
    assert text_items([]) == []


def test_a_question_of_words_that_few_of_them_have_is_taken_to_be_harder() -> None:
    common = [Question(str(number), "What is a star made of?", ("a gas", "a rock"), 0) for number in range(5)]
    rare = Question("5", "What is a gluon kin to?", ("a gas", "a rock"), 0)
    assert len(rare.question) == len(common[0].question)
    difficulties = [item.difficulty for item in text_items([*common, rare])]
    assert difficulties[-1] > 0.5
    assert max(difficulties[:-1]) < 0


def test_a_question_whose_right_option_is_more_like_it_than_the_wrong_ones_is_taken_to_be_easier() -> None:
    questions = [Question(str(number), "Which one is it?", ("this", "that", "it"), number) for number in range(3)]
    stem, likenesses = np.array([1.0, 0, 0]), (0.9, 0.5, 0.1)
    options = [[likeness, np.sqrt(1 - likeness**2), 0] for likeness in likenesses]
    parts = np.array([stem, *options] * 3, np.float32)
    difficulties = [item.difficulty for item in text_items(questions, parts)]
    assert difficulties == sorted(difficulties)
    assert difficulties[0] < -0.3
    assert difficulties[2] > 0.3
    # What the vectors of one question say does not depend on how many options the others have.
    two = [replace(questions[0], options=("this", "that")), *questions[1:]]
    shifted = np.delete(parts, 3, axis=0)
    again = [item.difficulty for item in text_items(two, shifted)]
    assert again[2] > again[1] > again[0]
    # Authors know better.
    said = [replace(question, difficulty=3 - question.correct_index) for question in questions]
    assert text_items(said, parts) == text_items(said)


@pytest.mark.parametrize("difficulty", [None, 2])
def test_questions_are_embedded_with_their_parts_where_nobody_said_how_hard_they_are(
    tmp_path: Path, difficulty: int | None
) -> None:
    folder = AtlasFolder.create(tmp_path / "a.atlas")
    put_corpus(folder, Corpus.from_documents([Document("d", "The sun is a star.", "Sun")]))
    asked = [Question(str(n), f"Is {n} a star?", ("yes", "no"), n % 2, difficulty=difficulty) for n in range(3)]
    put_questions(folder, asked)
    embed_corpus(Atlas(folder), "all-MiniLM-L6-v2")
    found = Atlas(folder).part_vectors()
    if difficulty is not None:
        assert found is None
        return
    assert found is not None
    expected = load_encoder("all-MiniLM-L6-v2").encode_queries(part_texts(asked))
    assert (found * expected).sum(axis=1).min() > 0.999


def test_a_map_has_the_parts_of_its_questions_once_they_are_embedded(tmp_path: Path) -> None:
    atlas = small_atlas(tmp_path / "small.atlas", page=False)
    assert atlas.part_vectors() is None
    texts = list(dict.fromkeys(part_texts(atlas.questions)))
    vectors = np.eye(8, dtype=np.float32)[np.arange(len(texts)) % 8]
    with atlas.folder.question_vectors(SPEC.name, SPEC.fingerprint).writing(SPEC.about()) as append:
        append([f"part {row}" for row in range(len(texts))], [sha256_text(text) for text in texts], vectors)
    found = atlas.part_vectors()
    assert found is not None
    np.testing.assert_array_equal(found, vectors[[texts.index(text) for text in part_texts(atlas.questions)]])
    assert len(atlas.question_vectors()) == len(atlas.questions)
    assert not atlas.check(full=True)


def _answers(right: NDArray[np.float64]) -> ClassAnswers:
    learners, questions = right.shape
    return ClassAnswers(
        learner=np.repeat(np.arange(learners), questions),
        sitting=np.zeros(right.size, np.int64),
        question=np.tile(np.arange(questions), learners),
        correct=right.ravel(),
        learners=tuple(map(str, range(learners))),
        sittings=("1",),
    )


def test_the_one_key_that_is_wrong_is_suspected() -> None:
    random = np.random.default_rng(2)
    knows = np.linspace(-4, 4, 40)[:, None]
    difficulty = np.linspace(-2, 2, 8)
    right = (random.random((40, 8)) < 0.25 + 0.75 * expit(2 * (knows - difficulty))).astype(np.float64)
    right[:, 5] = 1 - right[:, 5]
    questions = [Question(str(number), f"Question {number}?", OPTIONS, 0) for number in range(8)]
    vectors = np.eye(8, dtype=np.float32)
    reports = report_items(questions, vectors, _answers(right))
    assert [report.question for report in reports if report.broken_key] == ["5"]
    shares = [report.share for report in reports]
    np.testing.assert_allclose(shares, right.mean(axis=0))
    hardness = np.delete([report.difficulty for report in reports], 5)
    assert np.corrcoef(hardness, np.delete(difficulty, 5))[0, 1] > 0.95
    assert all(0.4 < report.infit < 1.5 for report in reports if not report.broken_key)


def test_one_learner_alone_says_nothing_of_the_questions() -> None:
    questions = [Question(str(number), "?", OPTIONS, 0) for number in range(3)]
    alone = _answers(np.array([[1.0, 0, 1]]))
    with pytest.raises(UsageError, match="two learners or more"):
        report_items(questions, np.eye(3, dtype=np.float32), alone)
    assert replace(alone, learners=("1",)).without(0).correct.size == 0

"""The sample is worth reading: long enough, wide enough, and its quiz gives nothing away."""

import json
import re
from collections import Counter

import pytest

from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path, sample_questions_path
from knowscape.quiz.questions import read_questions

ARTICLES = read_corpus(sample_articles_path())
QUESTIONS = read_questions(sample_questions_path())


def test_there_are_six_hundred_articles_of_forty_to_ninety_words_in_twelve_fields() -> None:
    assert len(ARTICLES) >= 600
    assert ARTICLES.report.counts == {}
    outside = [d.title for d in ARTICLES if not 40 <= len(d.text.split()) <= 90]
    assert outside == []
    fields = Counter(str(d.metadata["field"]) for d in ARTICLES)
    assert len(fields) >= 12
    assert min(fields.values()) >= 20


def test_titles_are_unique_and_texts_are_clean() -> None:
    assert len(set(ARTICLES.titles)) == len(ARTICLES) == len(set(ARTICLES.texts))
    assert [
        d.title for d in ARTICLES if re.search(r"<|>|\s\s|\n", d.text) or not d.text.endswith((".", "?", '"'))
    ] == []


def test_levels_of_generality_are_several() -> None:
    assert len({d.metadata["level"] for d in ARTICLES}) >= 3


def test_there_are_sixty_questions_with_four_different_options_on_many_topics() -> None:
    assert len(QUESTIONS) >= 60
    assert all(len(set(q.options)) == 4 for q in QUESTIONS)
    assert len({q.topic for q in QUESTIONS}) >= 12
    assert {q.difficulty for q in QUESTIONS} == {1, 2, 3, 4}
    assert {q.source_article for q in QUESTIONS} <= set(ARTICLES.titles)


def test_ids_are_unique_in_the_files_themselves() -> None:
    """Before any reader could have dropped a repeat."""
    articles = [json.loads(line)["id"] for line in sample_articles_path().read_text(encoding="utf-8").splitlines()]
    questions = json.loads(sample_questions_path().read_text(encoding="utf-8"))
    assert len(set(articles)) == len(articles) == len(ARTICLES)
    names = [question.get("id", question["question"]) for question in questions]
    assert len(set(names)) == len(names) == len(QUESTIONS)


def test_no_topic_takes_more_than_a_fifth_of_the_quiz() -> None:
    assert max(Counter(q.topic for q in QUESTIONS).values()) <= len(QUESTIONS) / 5


def test_the_place_of_the_right_option_gives_nothing_away() -> None:
    places = Counter(q.correct_index for q in QUESTIONS)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) <= 0.35 * len(QUESTIONS)


@pytest.mark.parametrize(("rank", "what"), [(0, "shortest"), (3, "longest")])
def test_the_length_of_the_right_option_gives_nothing_away(rank: int, what: str) -> None:
    """Guessing by length would win at most a third, where chance wins a quarter."""
    by_length = [sorted(range(4), key=lambda i, q=q: len(q.options[i]))[rank] == q.correct_index for q in QUESTIONS]
    assert sum(by_length) <= len(QUESTIONS) / 3, what


def test_the_wording_of_the_question_gives_nothing_away() -> None:
    """The option that shares more words with the question than any other is the right one in at most one of ten."""

    def words(text: str) -> set[str]:
        return set(re.findall(r"[a-z]{4,}", text.lower()))

    telling = [
        q for q in QUESTIONS
        if len(words(q.options[q.correct_index]) & words(q.question))
        > max(len(words(o) & words(q.question)) for i, o in enumerate(q.options) if i != q.correct_index)
    ]  # fmt: skip
    assert len(telling) <= 0.1 * len(QUESTIONS)


def test_the_files_hold_no_foreign_fields() -> None:
    keys = {key for line in sample_articles_path().read_text(encoding="utf-8").splitlines() for key in json.loads(line)}
    assert keys == {"id", "title", "text", "field", "level"}

"""Questions are read from the predecessor's format and from ours, and a bad one is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from knowscape.errors import UsageError
from knowscape.quiz.questions import Question, part_texts, read_questions

STEM = {"question": "Which is a star?"}
GOOD: dict[str, Any] = {"question": "Which is a star?", "options": ["Moon", "Sun", "Mars", "Io"], "correctIndex": 1}


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_all_fields_are_read_and_written_back(tmp_path: Path) -> None:
    item = {**GOOD, "id": 7, "topic": "sky", "difficulty": 2, "source_article": "Sun"}
    item |= {"explanation": "It shines.", "x": 0.25, "y": 1}
    question = read_questions(write(tmp_path / "q.json", [item]))[0]
    expected = Question("7", GOOD["question"], tuple(GOOD["options"]), 1, "sky", 2, "Sun", "It shines.", 0.25, 1.0)
    assert question == expected
    assert read_questions(write(tmp_path / "2.json", [question.to_json()])) == [expected]
    assert question.embedding_text == "Which is a star? Sun"


@pytest.mark.parametrize(
    "item",
    [
        {**GOOD, "lecture": 1},
        {**STEM, "options": dict(zip("ABCD", GOOD["options"], strict=True)), "correct_answer": "B"},
        {**STEM, "options": GOOD["options"], "correct_answer": "B"},
        {**STEM, "options": GOOD["options"], "answer": "Sun"},
    ],
)
def test_the_right_option_may_be_named_by_index_letter_or_words(tmp_path: Path, item: dict[str, Any]) -> None:
    question = read_questions(write(tmp_path / "q.json", {"questions": [item]}))[0]
    assert question.options[question.correct_index] == "Sun"
    assert question.topic == str(item.get("lecture", ""))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"question": ""}, "question 2 needs question"),
        ({"question": None}, "question 2 needs question"),
        ({"options": "Sun"}, "at least two options"),
        ({"options": ["Sun"]}, "at least two options"),
        ({"options": ["Sun", "Sun"]}, "same option twice"),
        ({"correctIndex": 4}, "accepted: correctIndex 0 to 3"),
        ({"correctIndex": -1}, "accepted: correctIndex 0 to 3"),
        ({"correctIndex": True}, "accepted: correctIndex 0 to 3"),
        ({"correctIndex": None, "answer": "Pluto"}, "'Pluto'"),
        ({"x": "left"}, "coordinate is 'left'"),
        ({"y": float("nan")}, "coordinate is nan"),
    ],
)
def test_a_bad_question_is_named_with_what_is_wrong(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_questions(write(tmp_path / "q.json", [GOOD, {**GOOD, **change}]))


@pytest.mark.parametrize("value", ["", "{", "[]", "{}", "17", '{"questions": 3}', "[" * 100_000])
def test_what_holds_no_questions_is_an_error_that_names_the_file(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError, match=r"q\.json"):
        read_questions(write(tmp_path / "q.json", value))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="-q"):
        read_questions(tmp_path / "q.json")


def test_repeats_are_dropped_and_one_id_for_two_questions_is_refused(tmp_path: Path) -> None:
    assert len(read_questions(write(tmp_path / "q.json", [GOOD, GOOD]))) == 1
    two = [{**GOOD, "id": 1}, {**GOOD, "id": 1, "question": "Which shines?"}]
    with pytest.raises(UsageError, match="'1' stands for two"):
        read_questions(write(tmp_path / "2.json", two))


def test_a_limit_takes_turns_over_the_topics(tmp_path: Path) -> None:
    items = [{**GOOD, "question": f"{topic} {n}?", "topic": topic} for topic in ("a", "b", "c") for n in range(5)]
    chosen = read_questions(write(tmp_path / "q.json", items), limit=7)
    assert [q.topic for q in chosen] == ["a", "b", "c", "a", "b", "c", "a"]
    assert chosen == read_questions(tmp_path / "q.json", limit=7)


@pytest.mark.parametrize(("name", "count"), [("questions.json", 1000), ("khan/questions.json", 39)])
def test_real_questions_are_read(name: str, count: int) -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    assert len(read_questions(path)) >= count


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"question": [["a"]]}, "where words are expected"),
        ({"topic": {"a": 1}}, "where words are expected"),
        ({"x": 10**400}, "up to a million"),
        ({"x": 1e300}, "up to a million"),
    ],
)
def test_what_is_no_words_and_no_place_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_questions(write(tmp_path / "q.json", [{**GOOD, **change}]))


def test_words_lose_what_changes_how_they_look(tmp_path: Path) -> None:
    item = {**GOOD, "question": "Which\u202e is\na \x1bstar?", "options": [0, False, "a\u200b", "b"]}
    question = read_questions(write(tmp_path / "q.json", [item]))[0]
    assert (question.question, question.options) == ("Which is\na star?", ("0", "False", "a", "b"))


def test_parts_are_embedded_only_where_not_all_authors_said_how_hard_theirs_are() -> None:
    said = [Question(str(number), f"Is it {number}?", ("yes", "no"), 0, difficulty=number) for number in range(2)]
    assert part_texts(said) == []
    silent = [*said, Question("2", "Is it?", ("yes", "no", "perhaps"), 2)]
    assert part_texts(silent)[-4:] == ["Is it?", "yes", "no", "perhaps"]
    assert len(part_texts(silent)) == 3 + 3 + 4

"""The quiz in a real Chromium: skipping, explanations, the end, the first visit, and pictures to keep."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from visitor import PHONE, Visit, Visitor, needs_chromium, served, sign_of, wait

pytestmark = needs_chromium

# Without a graphics card a frame takes as long as it is large.
SMALL: dict[str, Any] = {"viewport": {"width": 900, "height": 560}, "reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def address(sample_atlas: Path) -> Iterator[str]:
    with served(sample_atlas / "page") as address:
        yield address


def asked(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = next(q for q in visitor.data("questions") if q["id"] == visitor.state["question"])
    return found


def know(visitor: Visitor, answers: dict[str, int | None]) -> None:
    """Let the page find these answers when it is opened again."""
    questions = {question["id"]: question for question in visitor.data("questions")}
    kept = [
        (id, choice, sign_of(questions[id]["question"], *questions[id]["options"])) for id, choice in answers.items()
    ]
    visitor.page.evaluate(
        "([key, kept]) => localStorage.setItem(key, JSON.stringify(kept))",
        [f"knowscape:answers:{visitor.data('map')['title']}", kept],
    )
    visitor.open()


def test_a_skipped_question_comes_again_when_no_other_is_left(visit: Visit) -> None:
    visitor = visit(**SMALL)
    first, *others = (question["id"] for question in visitor.data("questions"))
    know(visitor, dict.fromkeys(others[2:]))
    if visitor.state["question"] is None:
        visitor.page.click("#quiz-rest")
    assert visitor.state["answered"] == 69
    seen = []
    for _ in range(3):
        seen.append(visitor.state["question"])
        visitor.press("s")
    assert set(seen) == {first, *others[:2]}
    assert visitor.state["question"] in seen
    visitor.press("e", "n", "e", "n")
    assert not visitor.page.is_visible("#quiz-skip"), "the last one cannot be skipped"
    visitor.press("e", "n")
    assert visitor.state["answered"] == 72
    assert not visitor.page.is_visible("#quiz-rest")


def test_after_an_answer_the_page_says_why_and_where_to_read_it(visit: Visit) -> None:
    visitor = visit(**SMALL)
    question = asked(visitor)
    assert question["explanation"]
    assert not visitor.page.is_visible(".explanation")
    visitor.press("E")
    assert visitor.page.inner_text(".explanation") == question["explanation"]
    titles = visitor.data("titles")
    assert visitor.page.inner_text("#quiz-source button") == titles[question["source"]]


def test_at_the_end_the_page_sums_up_and_asks_the_rest_where_it_is_told_to(visit: Visit) -> None:
    visitor = visit(**SMALL)
    assert not visitor.page.is_visible("#quiz-summary")
    questions = visitor.data("questions")
    know(visitor, {question["id"]: question["correctIndex"] for question in questions[::4] + questions[1::4]})
    for _ in range(36):
        if visitor.state["question"] is None:
            break
        visitor.press("ABCD"[asked(visitor)["correctIndex"]], "n")
    count = visitor.state["answered"]
    assert count < 72, "the map is known before all is asked"
    assert visitor.page.inner_text("#quiz-tally").startswith(f"{count} of ")
    assert "Best" in visitor.page.inner_text("#quiz-shares")
    visitor.page.click("#quiz-rest")
    assert visitor.state["question"]
    visitor.press("e")
    assert visitor.state["answered"] == count + 1


@pytest.mark.parametrize("size", [SMALL, PHONE], ids=["desktop", "phone"])
def test_a_first_visitor_is_told_in_three_steps_how_the_map_is_read_and_never_again(
    visit: Visit, size: dict[str, Any]
) -> None:
    visitor = visit(first=True, **size)
    page = visitor.page
    seen = []
    for _ in range(3):
        seen.append(page.inner_text("#tour-name"))
        page.click("#tour-next")
    assert seen == ["Near means alike", "Answers lift the fog", "Read where it pays"]
    assert not page.is_visible("#tour")
    visitor.open()
    assert not page.is_visible("#tour")
    page.click("#tour-open")
    assert page.inner_text("#tour-name") == seen[0]
    visitor.press("Escape")
    assert not page.is_visible("#tour")


@pytest.mark.parametrize("size", [{"width": 1000, "height": 520}, PHONE["viewport"]], ids=["low", "phone"])
def test_in_a_small_window_the_steps_wait_while_something_is_open(visit: Visit, size: dict[str, int]) -> None:
    page = visit(first=True, reduced_motion="reduce", viewport=size).page
    page.fill("#search", "Volcano")
    page.press("#search", "Enter")
    wait(lambda: page.is_visible("#article"))
    assert not page.is_visible("#tour")
    page.press("#article", "Escape")
    wait(lambda: page.is_visible("#tour"))


def test_the_steps_can_be_skipped_at_the_first(visit: Visit) -> None:
    visitor = visit(first=True, **SMALL)
    visitor.page.click("#tour-skip")
    assert not visitor.page.is_visible("#tour")
    visitor.open()
    assert not visitor.page.is_visible("#tour")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_shows_the_whole_map_with_what_the_reader_knows(visit: Visit, tmp_path: Path, scheme: str) -> None:
    """The picture changes with the answers, and none of it is empty: sea around, land within, words above."""
    visitor = visit(color_scheme=scheme, **SMALL)
    pictures = []
    for number in range(2):
        if not visitor.page.is_visible("#survey"):
            visitor.page.click("#survey-open")
        view = visitor.state["view"]
        with visitor.page.expect_download() as download:
            visitor.page.click("#survey-picture")
        assert visitor.state["view"] == view, "the map itself stays where it is"
        assert download.value.suggested_filename == "map.png"
        download.value.save_as(tmp_path / f"{number}.png")
        with Image.open(tmp_path / f"{number}.png") as image:
            pictures.append(np.asarray(image.convert("RGB"), np.int16))
        visitor.press("Escape")
        for _ in range(8 * (1 - number)):
            visitor.press("ABCD"[asked(visitor)["correctIndex"]], "n")
    before, after = pictures
    assert before.shape == (1620, 1620, 3)
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 1000
    sea, middle = before[40:60, 800:820], after[700:900, 700:900]
    assert np.ptp(sea.reshape(-1, 3), axis=0).max() < 24
    assert np.abs(middle - before[700:900, 700:900]).mean() > 2, "eight answers have changed the heat"
    title = before[60:100, 50:250]
    assert np.ptp(title) > 90, "the title stands there"

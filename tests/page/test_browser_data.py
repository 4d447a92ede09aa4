"""The built page with data that nobody should put on a page, and with less than it hopes for."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hostile_texts import HOSTILE
from visitor import DESKTOP, PHONE, Visit, needs_chromium, served, visits, wait

from knowscape.page.build import build_page
from knowscape.page.payload import PayloadDocuments
from knowscape.quiz.estimate import Item, Prior
from knowscape.quiz.topics import HEIGHTS, Places

pytestmark = needs_chromium

ADDRESSES = ["javascript:window.broken=3", "data:text/html,x", "//elsewhere.example", "https://elsewhere.example/a b"]
COUNT = 60
# Of one question.
TREE = {"parents": [[0]] * 7, "heights": HEIGHTS}


def make_page(folder: Path, questions: Sequence[dict[str, Any]]) -> Path:
    """Make a page of hostile articles on a spiral, and of regions with hostile names."""
    turn = np.arange(COUNT) * 2.4
    radius = 0.45 * np.sqrt((np.arange(COUNT) + 0.5) / COUNT)
    places = np.stack([0.5 + radius * np.cos(turn), 0.5 + radius * np.sin(turn)], axis=1).astype(np.float32)
    titles = [HOSTILE[row % len(HOSTILE)] for row in range(COUNT)]
    texts = [f"{title} Text number {row}.\n\n{title}" for row, title in enumerate(titles)]
    regions = [
        SimpleNamespace(label=HOSTILE[n], x=0.3 + 0.2 * n, y=0.5, support=20, purity=1.0, parent=None) for n in range(3)
    ]
    share = {"mean": 0.5, "low": 0.4, "high": 0.6}
    build_page(
        folder / "page",
        head={
            "title": HOSTILE[0], "model": HOSTILE[1],
            "quality": {"recall": {"10": share}, "question_overlap": None},
            "question_region": [0.2, 0.2, 0.8, 0.8] if questions else None,
            "knowledge": {"tree": TREE, "prior": asdict(Prior())} if questions else None,
        },
        documents=PayloadDocuments(
            [f"id {row}" for row in range(COUNT)], titles, texts, [ADDRESSES[row % 4] for row in range(COUNT)],
            titles, np.zeros((COUNT, 2), np.int32),
        ),
        coordinates=places,
        recall=np.full(COUNT, 0.5, dtype=np.float32),
        finest_region=(np.arange(COUNT) % 3).astype(np.int32),
        levels=[regions, [], []],
        questions=questions,
        places=Places(np.zeros((COUNT, 1), np.int32), np.ones((COUNT, 1))) if questions else None,
    )  # fmt: skip
    return folder / "page"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of hostile articles without questions."""
    with served(make_page(tmp_path_factory.mktemp("bare"), [])) as address:
        yield address


@pytest.mark.parametrize(("size", "step"), [(DESKTOP, 1), (PHONE, 7)], ids=["desktop", "phone"])
def test_titles_and_texts_are_shown_as_text_and_run_nothing(visit: Visit, size: dict[str, Any], step: int) -> None:
    visitor = visit(reduced_motion="reduce", **size)
    page = visitor.page
    assert page.inner_text("#title") == page.title() == HOSTILE[0]
    for row, title in list(enumerate(HOSTILE[:-1]))[::step]:
        page.fill("#search", title[:40])
        wait(lambda: visitor.state["hits"] >= 1)
        assert page.evaluate("document.querySelector('#hits bdi').textContent") == title
        assert page.evaluate("getComputedStyle(document.querySelector('#hits bdi')).unicodeBidi") == "isolate"
        page.press("#search", "Enter")
        wait(lambda: visitor.state["article"] == row)  # noqa: B023 - asked at once
        wait(lambda: "Text number" in page.text_content("#article-body"))
        assert page.text_content("#article-title") == title
        wide = page.evaluate(
            "(card => [...card.querySelectorAll('*')].filter(e => e.scrollWidth > card.clientWidth).map(e => e.id))"
            "(document.querySelector('#article'))"
        )
        assert wide == []
        assert page.evaluate("(card => card.scrollWidth <= card.clientWidth)(document.querySelector('#article'))")
        links = [link.get_attribute("href") for link in page.query_selector_all("#article a")]
        assert links == (["https://elsewhere.example/a%20b"] if row % 4 == 3 else [])
        assert page.query_selector_all("#article :is(img, script, iframe)") == []
        page.keyboard.press("Escape")
    for _ in range(3):  # until the articles' titles stand on the map
        page.keyboard.press("+")
    wait(lambda: page.query_selector_all(".label.title"))
    assert page.query_selector_all("#map-labels :not(div, span)") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.broken") is None


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_without_questions_the_page_is_a_map_without_a_quiz(visit: Visit, size: dict[str, Any]) -> None:
    visitor = visit(reduced_motion="reduce", **size)
    page = visitor.page
    for part in ("#quiz", "#legend", "#legend-open"):
        assert not page.is_visible(part)
    assert visitor.state["labels"]
    before = visitor.state
    page.keyboard.press("a")
    page.keyboard.press("n")
    assert visitor.state["answered"] == 0
    page.keyboard.press("+")
    wait(lambda: visitor.state["view"]["scale"] > before["view"]["scale"])
    x, y = visitor.points()[0]
    page.keyboard.press("0")
    page.mouse.click(*visitor.on_screen(x, y))
    wait(lambda: visitor.state["article"] == 0)


def test_questions_may_hold_formulas_and_markup_and_run_nothing(browser: Any, tmp_path: Path) -> None:
    question = {
        "id": "q", "question": r"What is $\frac{1}{2} + x^2$ for <b>x</b> $\href{javascript:window.broken=4}{y}$?",
        "options": [*HOSTILE[:2], r"$\sqrt{2}$", "costs $5"], "correctIndex": 2,
        "topic": HOSTILE[1], "item": asdict(Item()), "x": 0.5, "y": 0.5, "source": 5, "near": [0, 1],
    }  # fmt: skip
    with served(make_page(tmp_path, [question])) as address, visits(browser, address) as visit:
        visitor = visit(reduced_motion="reduce", **PHONE)
        page = visitor.page
        wait(lambda: page.query_selector_all("#quiz-question math mfrac"))
        wait(lambda: page.query_selector_all("#quiz-options math msqrt"))
        assert page.query_selector_all("#quiz :is(img, script, b, [href])") == []
        assert page.inner_text("#quiz-options li:nth-child(2)").endswith(HOSTILE[1])
        assert page.inner_text("#quiz-options li:nth-child(4)").endswith("costs $5")
        page.keyboard.press("c")
        wait(lambda: visitor.state["right"] == 1)
        page.keyboard.press("n")
        wait(lambda: visitor.state["question"] is None)
        assert page.is_visible("#quiz"), "the card says that all is answered"
        assert page.evaluate("window.broken") is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("map.json", "{}", "format"), ("titles.json", None, "titles.json"), ("points.bin", "short", "points.bin")],
)
def test_damaged_data_is_named_in_words(
    browser: Any, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    folder = make_page(tmp_path, [])
    if content is None:
        (folder / "data" / name).unlink()
    else:
        (folder / "data" / name).write_text(content)
    with served(folder) as address, visits(browser, address) as visit:
        visitor = visit(ready=False, **PHONE)
        wait(lambda: visitor.page.is_visible("#failure"))
        assert said in visitor.page.inner_text("#failure-text")
        assert all("404" in fault for fault in visitor.faults)
        visitor.faults.clear()

"""The built page in a real Chromium, with every foreign request refused."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import COMMAND

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PORT = 8931
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


@pytest.fixture
def address(sample_atlas: Path) -> Iterator[str]:
    command = [*COMMAND, "serve", str(sample_atlas), "--port", str(PORT)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    yield line.split()[4]
    process.terminate()
    process.wait()
    process.stderr.close()


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1440, "height": 900})
        opened.route(
            "**/*", lambda route: route.continue_() if route.request.url.startswith(address) else route.abort()
        )
        opened.faults = []  # type: ignore[attr-defined]
        opened.on("console", lambda message: opened.faults.append(message.text))  # type: ignore[attr-defined]
        opened.on("pageerror", lambda error: opened.faults.append(str(error)))  # type: ignore[attr-defined]
        opened.goto(address)
        wait(lambda: opened.evaluate("window.knowscape?.state().ready"))
        yield opened
        browser.close()


def wait(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the page did not get there in time"
        time.sleep(0.1)


def state(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("window.knowscape.state()")
    return found


def test_ten_answers_by_keyboard_change_the_heat_where_they_were_asked(page: Any) -> None:
    """Ten answers, each by one key; the fog lifts at each question; no message on the console."""
    questions = {q["id"]: q for q in page.evaluate("fetch('data/questions.json').then(r => r.json())")}
    for count in range(10):
        question = questions[state(page)["question"]]
        place = [question["x"], question["y"]]
        before = page.evaluate("([x, y]) => window.knowscape.heat(x, y)", place)
        right = count % 2 == 0
        page.keyboard.press("ABCD"[(question["correctIndex"] + (0 if right else 1)) % 4])
        wait(lambda count=count: state(page)["answered"] == count + 1)
        after = page.evaluate("([x, y]) => window.knowscape.heat(x, y)", place)
        assert after["uncertainty"] < before["uncertainty"]
        assert after["mean"] > before["mean"] if right else after["mean"] < before["mean"]
        page.keyboard.press("n")
        wait(lambda question=question: state(page)["question"] != question["id"])
    assert state(page)["right"] == 5
    assert page.faults == []


def test_search_by_keyboard_finds_an_article_and_opens_it(page: Any) -> None:
    title = page.evaluate("fetch('data/titles.json').then(r => r.json())")[100]
    page.keyboard.press("/")
    page.keyboard.type(title)
    wait(lambda: state(page)["hits"] >= 1)
    page.keyboard.press("Enter")
    wait(lambda: state(page)["article"] == 100)
    wait(lambda: any(found.is_visible() for found in page.get_by_text(title, exact=True).all()))
    assert page.faults == []


def test_zooming_in_and_out_changes_the_view_and_the_labels(page: Any) -> None:
    first = state(page)
    page.mouse.move(720, 450)
    page.mouse.wheel(0, -600)
    wait(lambda: state(page)["view"]["scale"] > 1.3 * first["view"]["scale"])
    wait(lambda: state(page)["labels"] != first["labels"])
    assert page.faults == []

"""The built page in a real Chromium, with every foreign request refused and recorded."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import COMMAND, Run

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# Where screenshots are put, for a person to look at.
PICTURES = os.environ.get("KNOWSCAPE_PICTURES")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


class Visitor:
    """A page and what went wrong on it: messages on the console, errors, requests to other addresses."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.faults = page, []
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.route("**/*", lambda route: self._let_through(route, address))
        page.goto(address)
        wait(lambda: page.evaluate("window.knowscape?.state().ready"))

    def _let_through(self, route: Any, address: str) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"asked for {route.request.url}")
            route.abort()

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("window.knowscape.state()")
        return found

    def heat(self, x: float, y: float) -> dict[str, float]:
        found: dict[str, float] = self.page.evaluate("([x, y]) => window.knowscape.heat(x, y)", [x, y])
        return found

    def data(self, name: str) -> Any:
        return self.page.evaluate(f"fetch('data/{name}.json').then(r => r.json())")

    def points(self) -> list[tuple[float, float]]:
        """Return the articles' places in [0, 1], from the payload."""
        x, y = (
            self.page.evaluate(
                "name => Promise.all([fetch('data/map.json').then(r => r.json()), fetch('data/points.bin')"
                ".then(r => r.arrayBuffer())]).then(([map, bytes]) => Array.from("
                "new Uint16Array(bytes, map.columns[name].offset, map.documents)))",
                name,
            )
            for name in "xy"
        )
        return [(a / 65535, b / 65535) for a, b in zip(x, y, strict=True)]

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        view = self.state["view"]
        return (x - view["x"]) * view["scale"] + view["width"] / 2, view["height"] / 2 - (y - view["y"]) * view["scale"]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def picture(self, name: str) -> None:
        if PICTURES:
            time.sleep(1.5)  # until motion has settled
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")


Visit = Callable[..., Visitor]


def wait(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the page did not get there in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve an atlas by the command that users type, once each, and return the address it says."""
    served: dict[Path, tuple[Any, str]] = {}

    def start(atlas: Path) -> str:
        if atlas not in served:
            command = [*COMMAND, "serve", str(atlas), "--port", "18931"]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            served[atlas] = process, process.stderr.readline().split()[4]
        return served[atlas][1]

    yield start
    for process, _ in served.values():
        process.terminate()
        process.wait()
        process.stderr.close()


@pytest.fixture
def visit(browser: Any, serve: Callable[[Path], str], sample_atlas: Path) -> Iterator[Visit]:
    """Open a page in a context of its own; at the end nothing may have gone wrong on any."""
    opened: list[tuple[Any, Visitor]] = []

    def open_page(atlas: Path = sample_atlas, **options: Any) -> Visitor:
        context = browser.new_context(**{**DESKTOP, **options})
        visitor = Visitor(context.new_page(), serve(atlas))
        opened.append((context, visitor))
        return visitor

    yield open_page
    for context, visitor in opened:
        assert visitor.faults == []
        context.close()


def answer(visitor: Visitor, *, right: bool) -> tuple[float, float]:
    """Answer the question that is asked by its key, go on by another, and return the question's place."""
    state = visitor.state
    question = next(q for q in visitor.data("questions") if q["id"] == state["question"])
    place = question["x"], question["y"]
    before = visitor.heat(*place)
    visitor.press("ABCD"[(question["correctIndex"] + (0 if right else 1)) % 4])
    wait(lambda: visitor.state["answered"] == state["answered"] + 1)
    after = visitor.heat(*place)
    assert after["uncertainty"] < before["uncertainty"]
    assert after["mean"] > before["mean"] if right else after["mean"] < before["mean"]
    visitor.press("n")
    wait(lambda: visitor.state["question"] != question["id"])
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_ten_answers_change_the_heat_where_they_were_asked(visit: Visit, size: str, scheme: str) -> None:
    visitor = visit(color_scheme=scheme, **(PHONE if size == "phone" else DESKTOP))
    visitor.picture(f"start-{size}-{scheme}")
    corners = [(x, y) for x in (0.0, 1.0) for y in (0.0, 1.0)]
    far = [visitor.heat(*corner) for corner in corners]
    places = [answer(visitor, right=count % 2 == 0) for count in range(10)]
    assert visitor.state["right"] == 5
    assert len(set(places)) == 10
    moved = [abs(visitor.heat(*corner)["mean"] - old["mean"]) for corner, old in zip(corners, far, strict=True)]
    assert min(moved) < 0.02, "ten answers in the middle say nothing about the farthest corner"
    visitor.picture(f"answered-{size}-{scheme}")
    tally = visitor.page.inner_text("#quiz-tally")
    assert "10" in tally or "11" in tally
    background = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [float(part) for part in background[background.index("(") + 1 : -1].split(",")[:3]]
    assert (sum(channels) / 3 > 128) == (scheme == "light")


def test_answers_stay_when_the_page_is_opened_again(visit: Visit) -> None:
    visitor = visit()
    answer(visitor, right=True)
    visitor.page.reload()
    wait(lambda: visitor.page.evaluate("window.knowscape?.state().ready"))
    assert visitor.state["answered"] == 1


def test_a_tap_answers_on_a_phone_and_nothing_is_cut_off(visit: Visit) -> None:
    visitor = visit(**PHONE)
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.query_selector_all("#quiz-options button, .tools button, #quiz-unknown"):
        box = button.bounding_box()
        assert box is None or (box["height"] >= 40 and box["x"] >= 0 and box["x"] + box["width"] <= 390)
    page.tap("#quiz-options button >> nth=0")
    wait(lambda: visitor.state["answered"] == 1)


def test_the_whole_page_works_by_keyboard_alone(visit: Visit) -> None:
    """Tab reaches every part with a visible focus; search, map, article and quiz need no mouse."""
    visitor = visit(reduced_motion="reduce")
    page = visitor.page
    reached = []
    for _ in range(30):
        visitor.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.closest('[id]')?.id"))
        width = page.evaluate(
            "(e => { const s = getComputedStyle(e), p = e.closest('.search') ?? e;"
            " return parseFloat(s.outlineWidth) + parseFloat(getComputedStyle(p).outlineWidth)"
            " + (s.boxShadow !== 'none' || getComputedStyle(p).boxShadow !== 'none' ? 1 : 0) })(document.activeElement)"
        )
        assert width > 0 or reached[-1] in {"map", None}, f"the focus on {reached[-1]} cannot be seen"
    assert {"search", "map", "quiz-options", "quiz-unknown", "legend", "zoom-in", "theme", "trust"} <= set(reached)

    title = visitor.data("titles")[100]
    visitor.press("/")
    page.keyboard.type(title)
    wait(lambda: visitor.state["hits"] >= 1)
    visitor.press("ArrowDown", "ArrowUp", "Enter")
    wait(lambda: visitor.state["article"] == 100)
    wait(lambda: page.inner_text("#article-title") == title)
    wait(lambda: len(page.inner_text("#article-body")) > 100)
    visitor.picture("article-desktop-light")
    visitor.press("Escape")
    wait(lambda: visitor.state["article"] is None)

    page.focus("#map")
    before = visitor.state["view"]
    visitor.press("+", "+", "ArrowLeft")
    wait(lambda: visitor.state["view"]["scale"] > 1.5 * before["scale"])
    visitor.press("0")
    wait(lambda: visitor.state["view"]["scale"] < 1.5 * before["scale"])
    answer(visitor, right=True)
    visitor.press("e")
    wait(lambda: visitor.state["answered"] == 2)
    assert visitor.state["right"] == 1


def test_search_by_mouse_marks_hits_and_opens_an_article(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.click("#search")
    page.keyboard.type("the")
    wait(lambda: visitor.state["hits"] > 1)
    visitor.picture("search-desktop-light")
    page.fill("#search", "zzzzqqq")
    wait(lambda: visitor.state["hits"] == 0)
    assert page.is_visible("#search-status")
    page.fill("#search", visitor.data("titles")[7])
    wait(lambda: page.is_visible("#hits li"))
    page.click("#hits li")
    wait(lambda: visitor.state["article"] == 7)


def test_zooming_changes_the_view_and_the_labels_and_hovering_shows_a_title(visit: Visit) -> None:
    visitor = visit()
    page, first = visitor.page, visitor.state
    page.mouse.move(720, 450)
    for _ in range(2):
        page.mouse.wheel(0, -600)
    wait(lambda: visitor.state["view"]["scale"] > 2 * first["view"]["scale"])
    wait(lambda: visitor.state["labels"] != first["labels"])
    page.focus("#search")
    page.keyboard.type(visitor.data("titles")[7])
    wait(lambda: visitor.state["hits"] >= 1)
    page.keyboard.press("Enter")
    wait(lambda: visitor.state["article"] == 7)
    page.keyboard.press("Escape")
    time.sleep(1)  # until the flight has ended
    point = visitor.points()[7]
    page.mouse.move(*visitor.on_screen(*point))
    wait(lambda: page.is_visible("#hover"))
    assert page.inner_text("#hover-title") == visitor.data("titles")[7]
    visitor.picture("zoomed-desktop-light")


def test_the_theme_can_be_chosen_and_stays(visit: Visit) -> None:
    visitor = visit(color_scheme="light")
    page = visitor.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    wait(lambda: page.evaluate(colour) != light)
    page.reload()
    wait(lambda: page.evaluate("window.knowscape?.state().ready"))
    assert page.evaluate(colour) != light


HOSTILE = [
    "<script>window.broken = 1</script>", '<img src=x onerror="window.broken = 2">', "javascript:alert(1)", "a" * 400,
    "\u202eright to left\u202c", "[/b] {{x}} ${y} `z` \\ \u0007", "$\\frac{1}{2}$ and $\\href{javascript:x}{y}$",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile_atlas(knowscape: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {"id": str(n), "title": HOSTILE[n % 7], "text": f"{HOSTILE[n % 7]} Text number {n}.", "url": "javascript:1"}
        for n in range(70)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = knowscape("build", folder / "rows.jsonl", "-o", folder / "hostile.atlas")
    assert done.returncode == 0, done.stderr
    return folder / "hostile.atlas"


def test_titles_and_texts_are_data_and_without_questions_there_is_no_quiz(visit: Visit, hostile_atlas: Path) -> None:
    visitor = visit(hostile_atlas)
    page = visitor.page
    assert (page.is_visible("#quiz"), page.is_visible("#legend")) == (False, False)
    for row in range(7):
        page.fill("#search", HOSTILE[row][:40])
        wait(lambda: visitor.state["hits"] >= 1)
        page.press("#search", "Enter")
        wait(lambda: page.is_visible("#article"))
        wait(lambda: "Text number" in page.inner_text("#article-body"))
        assert page.query_selector_all("#article a[href^='javascript']") == []
        assert page.query_selector_all("#article img, #article script") == []
        page.keyboard.press("Escape")
    assert page.evaluate("window.broken") is None

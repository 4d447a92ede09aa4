"""Reading the map in a real Chromium: colours, selections, time, the overview, and links to all of that."""

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from visitor import PHONE, Visit, Visitor, needs_chromium, served, wait

from knowscape.page.build import build_page
from knowscape.page.fields import choose_fields
from knowscape.page.payload import PayloadDocuments

pytestmark = needs_chromium

SMALL: dict[str, Any] = {"viewport": {"width": 1000, "height": 640}, "reduced_motion": "reduce"}
SIDE = 24
COUNT = SIDE * SIDE
NASTY = ['a "quoted", name', "=1+1", "two\nlines", "<b>bold</b>", "\u202eleft"]


def half(row: int) -> str:
    return "west" if row % SIDE < SIDE // 2 else "east"


def region(label: str, x: float, y: float, parent: int | None) -> SimpleNamespace:
    return SimpleNamespace(label=label, x=x, y=y, support=COUNT // 2, purity=1.0, parent=parent)


def make_page(folder: Path) -> Path:
    """Make a page of a square of articles, of two halves with two quarters each, with a column of each kind."""
    rows = np.arange(COUNT)
    places = np.stack([rows % SIDE, rows // SIDE], axis=1) / (SIDE - 1)
    east, north = rows % SIDE >= SIDE // 2, rows // SIDE >= SIDE // 2
    titles = [NASTY[row] if row < len(NASTY) else f"Article {row}" for row in rows]
    metadata = [
        json.dumps({"kind": f"kind {int(row) % 11}", "pages": int(row) + 1, "year": 1900 + int(row) // SIDE})
        for row in rows
    ]
    halves = [region("West", 0.25, 0.5, None), region("East", 0.75, 0.5, None)]
    quarters = [region(f"Quarter {n}", 0.25 + 0.5 * (n % 2), 0.25 + 0.5 * (n // 2), n % 2) for n in range(4)]
    share = {"mean": 0.5, "low": 0.4, "high": 0.6}
    sources = [half(int(row)) for row in rows]
    build_page(
        folder / "page",
        head={
            "title": "Square", "model": "none", "question_region": None,
            "quality": {"recall": {"10": share}, "question_overlap": None}, "knowledge": None,
        },
        documents=PayloadDocuments(
            [f"id {row}" for row in rows], titles, [f"Text of {row}, and more." for row in rows],
            [f"https://example.org/{row}" for row in rows], sources, np.zeros((COUNT, 2), np.int32),
            choose_fields(metadata, sources),
        ),
        coordinates=places.astype(np.float32),
        recall=np.linspace(0, 1, COUNT, dtype=np.float32),
        finest_region=(east + 2 * north).astype(np.int32),
        levels=[halves, quarters],
        questions=[],
        places=None,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The square, under a path of its server as on many a web host."""
    with served(make_page(tmp_path_factory.mktemp("square"))) as root:
        yield root + "page/"


def choose(visitor: Visitor, colour: str) -> None:
    visitor.page.click("#reading-open")
    visitor.page.select_option("#colour", label=colour)
    visitor.press("Escape")
    wait(lambda: colour.lower() in visitor.page.text_content("#legend-name").lower())


def drag(visitor: Visitor, *places: tuple[float, float]) -> None:
    """Drag the mouse along places of the map."""
    mouse = visitor.page.mouse
    mouse.move(*visitor.on_screen(*places[0]))
    mouse.down()
    for place in places[1:]:
        mouse.move(*visitor.on_screen(*place), steps=4)
    mouse.up()


def listed(visitor: Visitor) -> list[str]:
    found: list[str] = visitor.page.locator("#selection-list button").all_text_contents()
    return found


Box = tuple[float, float]
CORNER: Box = (0.1, 0.3)
MIDDLE: Box = (0.4, 0.6)


def inside(box: Box) -> list[int]:
    """Return the articles in a box that reaches from and to the same on both sides of the map."""
    return [row for row in range(COUNT) if all(box[0] < at / (SIDE - 1) < box[1] for at in (row % SIDE, row // SIDE))]


def test_points_take_the_colour_of_any_column_which_is_loaded_only_then(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page, asked = visitor.page, []
    page.on("request", lambda request: asked.append(request.url.partition("/data/")[2]))
    assert not page.is_visible("#legend")
    place = visitor.on_screen(*visitor.points()[SIDE * 6 + 11])
    before = visitor.colour(*place)
    asked.clear()
    choose(visitor, "kind")
    assert [path for path in asked if path] == ["fields/1.bin", "fields/1.json"]
    kinds = page.locator(".kind bdi").all_text_contents()
    assert kinds == [f"kind {n}" for n in range(9)] + ["other"]
    wait(lambda: visitor.colour(*place) != before)
    page.mouse.move(*place)
    wait(lambda: "kind: kind 1" in page.text_content("#hover-value"))  # the 155th of eleven kinds in turn
    for colour, words in {"pages": ["1", "289", "576"], "year": ["1900", "1911", "1923"]}.items():
        choose(visitor, colour)
        assert page.locator("#legend-ticks span").all_text_contents() == words
    choose(visitor, "topic")
    assert page.locator(".kind").all_text_contents() == ["West288", "East288"]
    choose(visitor, "how true the map is")
    page.mouse.move(*visitor.on_screen(*visitor.points()[300]))
    wait(lambda: "% of its neighbours kept" in page.text_content("#hover-value"))
    page.click("#reading-open")
    page.select_option("#colour", "plain")
    wait(lambda: not page.is_visible("#legend"))


def test_a_kind_is_shown_alone_and_all_again(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    choose(visitor, "source")
    page.click(".kind >> nth=0")
    wait(lambda: visitor.state["shown"] == COUNT // 2)
    assert page.get_attribute(".kind >> nth=0", "aria-pressed") == "true"
    assert page.inner_text("#strip-text") == "288 of 576 articles shown"
    alone, gone = page.text_content(".kind bdi >> nth=0"), page.text_content(".kind bdi >> nth=1")
    wait(lambda: gone.title() not in " ".join(visitor.state["labels"]))
    assert alone.title() in " ".join(visitor.state["labels"]).title()
    drag_box(visitor, MIDDLE)
    assert visitor.state["selected"] == [row for row in inside(MIDDLE) if half(row) == alone]
    visitor.press("Escape")
    page.click("#show-all")
    wait(lambda: visitor.state["shown"] == COUNT)
    assert not page.is_visible("#strip")


def drag_box(visitor: Visitor, box: Box) -> None:
    visitor.page.keyboard.down("Shift")
    drag(visitor, (box[0], box[0]), (box[1], box[1]))
    visitor.page.keyboard.up("Shift")
    wait(lambda: visitor.page.is_visible("#selection"))


def test_a_rectangle_selects_articles_to_read_one_after_the_other(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    before = visitor.state["view"]
    drag_box(visitor, CORNER)
    articles = inside(CORNER)
    assert visitor.state["view"] == before, "it draws, and does not move the map"
    assert visitor.state["selected"] == articles
    assert page.inner_text("#selection-name") == f"{len(articles)} articles"
    assert page.locator("#selection-regions li").all_text_contents() == [f"Quarter 0{len(articles)}"]
    assert listed(visitor)[0] == f"Article {articles[0]}"
    assert len(listed(visitor)) <= len(articles)
    page.click("#selection-list button >> nth=1")
    wait(lambda: visitor.state["article"] == articles[1])
    assert not page.is_visible("#selection"), "one sheet at a time"
    visitor.press("Escape")
    wait(lambda: page.is_visible("#selection"))
    page.focus("#selection-list button")
    visitor.press("ArrowDown", "ArrowDown", "End")
    wait(lambda: page.evaluate("document.activeElement.textContent") == f"Article {articles[-1]}")
    visitor.press("Escape")
    wait(lambda: not page.is_visible("#selection"))
    assert visitor.state["selected"] == []
    assert page.evaluate("document.activeElement.id") == "map"


def test_a_lasso_selects_what_it_surrounds_by_mouse_and_by_touch(visit: Visit) -> None:
    corners = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.5, 0.45), (0.4, 0.6), (0.4, 0.4)]
    visitor = visit(**SMALL)
    visitor.page.click("#reading-open")
    visitor.page.click("#select-lasso")
    assert "Draw a line" in visitor.page.inner_text("#strip")
    drag(visitor, *corners)
    wait(lambda: visitor.page.is_visible("#selection"))
    surrounded, square = set(visitor.state["selected"]), set(inside(MIDDLE))
    assert surrounded < square
    assert SIDE // 2 * SIDE + SIDE // 2 not in surrounded, "the notch"
    assert len(surrounded) > len(square) / 2
    other = visit(**{**SMALL, **PHONE})
    other.page.tap("#reading-open")
    other.page.tap("#select-lasso")
    touch = other.page.context.new_cdp_session(other.page)
    for kind, place in [("touchStart", corners[0]), *(("touchMove", at) for at in corners[1:]), ("touchEnd", None)]:
        x, y = other.on_screen(*place) if place else (0, 0)
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}] if place else []})
    wait(lambda: other.page.is_visible("#selection"))
    assert set(other.state["selected"]) == surrounded


def test_a_tool_is_laid_down_by_escape_and_the_map_moves_again(visit: Visit) -> None:
    visitor = visit(**SMALL)
    visitor.page.click("#reading-open")
    visitor.page.click("#select-rectangle")
    assert "Draw a rectangle" in visitor.page.inner_text("#strip")
    visitor.press("Escape")
    assert not visitor.page.is_visible("#strip")
    before = visitor.state["view"]
    drag(visitor, (0.4, 0.4), (0.5, 0.5))
    assert visitor.state["selected"] == []
    assert visitor.state["view"]["x"] < before["x"]


def test_the_keyboard_selects_the_region_under_the_cross_hairs(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    page.focus("#map")
    visitor.press("+", "+")
    wait(lambda: page.is_visible("#trail"))

    def look_west() -> bool:
        visitor.press("ArrowLeft", "ArrowDown")
        return "West" in page.inner_text("#trail")

    wait(look_west)
    visitor.press("r")
    wait(lambda: page.is_visible("#selection"))
    assert page.evaluate("document.activeElement.id") == "selection-name"
    kicker = page.text_content("#selection-kicker")
    assert kicker in ("West", "Quarter 0", "Quarter 2")
    expected = [row for row in range(COUNT) if half(row) == "west"]
    quarter = {"Quarter 0": expected[: COUNT // 4], "Quarter 2": expected[COUNT // 4 :]}
    assert visitor.state["selected"] == quarter.get(kicker, expected)


def save(visitor: Visitor, folder: Path, name: str) -> str:
    """Save the selection as a file of one kind and return what it holds."""
    with visitor.page.expect_download() as download:
        visitor.page.click(f"#selection-{name}")
    assert download.value.suggested_filename == f"articles.{name}"
    download.value.save_as(folder / name)
    return (folder / name).read_bytes().decode()


def test_a_selection_is_saved_as_csv_and_as_jsonl(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    page.keyboard.down("Shift")
    drag(visitor, (-0.02, -0.02), (4.5 / (SIDE - 1), 0.02))
    page.keyboard.up("Shift")
    wait(lambda: visitor.state["selected"] == [0, 1, 2, 3, 4])
    about = {
        "id": "id 3", "title": "<b>bold</b>", "url": "https://example.org/3", "source": "west",
        "x": round(3 / (SIDE - 1), 5), "y": 0, "region": "Quarter 0",
    }  # fmt: skip
    for texts in ({}, {"text": "Text of 3, and more."}):
        page.set_checked("#selection-texts", bool(texts))
        rows = [json.loads(line) for line in save(visitor, tmp_path, "jsonl").splitlines()]
        assert [row["title"] for row in rows] == NASTY
        assert rows[3] == {**about, **texts}
        table = list(csv.DictReader(io.StringIO(save(visitor, tmp_path, "csv"), newline="")))
        assert [row["title"] for row in table] == [NASTY[0], "'=1+1", *NASTY[2:]]
        assert [list(row) for row in table] == [list(row) for row in rows]


def test_time_shows_a_stretch_by_its_handles_and_plays_in_steps(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    page.click("#reading-open")
    page.check("#time-on")
    visitor.press("Escape")
    wait(lambda: page.is_visible("#time"))
    assert (page.inner_text("#time-low"), page.inner_text("#time-high")) == ("1900", "1923")
    page.focus("#time-from")
    visitor.press(*["ArrowRight"] * 4)
    wait(lambda: visitor.state["shown"] == COUNT - 4 * SIDE)
    assert page.get_attribute("#time-from", "aria-valuetext") == "1904"
    page.focus("#time-to")
    visitor.press("Home")
    wait(lambda: visitor.state["shown"] == SIDE)
    assert page.inner_text("#time-low") == "1900", "a handle takes the other one along"
    wait(lambda: not any("Article" in label for label in visitor.state["labels"]))
    page.click("#time-play")
    assert page.get_attribute("#time-play", "aria-label") == "Pause"
    wait(lambda: page.inner_text("#time-high") != "1900")
    high, start = page.inner_text("#time-high"), time.monotonic()
    wait(lambda: page.inner_text("#time-high") != high)
    assert time.monotonic() - start > 0.5, "few steps for those who ask for less motion"
    page.click("#time-play")
    assert page.get_attribute("#time-play", "aria-label") == "Play"
    page.click("#time-close")
    wait(lambda: visitor.state["shown"] == COUNT)


def test_the_overview_and_the_trail_come_when_one_is_near_and_lead_elsewhere(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    assert not page.is_visible("#minimap")
    assert not page.is_visible("#trail")
    visitor.press("+", "+", "+")
    wait(lambda: page.is_visible("#minimap"))
    wait(lambda: page.is_visible("#trail"))
    box = page.locator("#minimap-map").bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.2 * box["height"])
    wait(lambda: "East" in page.inner_text("#trail"))
    assert visitor.state["view"]["x"] > 0.6
    assert visitor.state["view"]["y"] > 0.6
    page.click("#trail button >> text=East")
    wait(lambda: abs(visitor.state["view"]["y"] - 0.5) < 0.1)
    assert visitor.state["view"]["x"] > 0.6
    phone = visit(**{**SMALL, **PHONE})
    for _ in range(3):
        phone.press("+")
    wait(lambda: phone.page.is_visible("#trail"))
    assert not phone.page.is_visible("#minimap")


def stands(visitor: Visitor) -> dict[str, Any]:
    """Return what a link has to bring back."""
    names = ("article", "colour", "shown", "selected", "view")
    return {name: visitor.state[name] for name in names}


def test_a_link_brings_back_the_view_and_all_that_is_on_it(visit: Visit) -> None:
    visitor = visit(**SMALL, color_scheme="light")
    page = visitor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(visitor, "source")
    page.click(".kind >> nth=0")
    page.click("#reading-open")
    page.check("#time-on")
    visitor.press("Escape")
    wait(lambda: page.is_visible("#time"))
    page.focus("#time-to")
    visitor.press(*["ArrowLeft"] * 3)
    page.focus("#map")
    visitor.press("+", "+", "ArrowUp", "ArrowUp", "ArrowUp", "r")
    wait(lambda: page.is_visible("#selection"))
    page.click("#selection-list button >> nth=2")
    wait(lambda: visitor.state["article"] is not None)
    page.click("#theme")
    page.click("#reading-open")
    page.click("#copy-link")
    wait(lambda: "copied" in page.inner_text("#reading-status"))
    link = page.evaluate("navigator.clipboard.readText()")
    assert len(link) < len(visitor.address) + 180
    assert visitor.state["shown"] < COUNT // 2
    other = visit(**SMALL, color_scheme="light")
    other.page.goto("about:blank")
    other.page.goto(link)
    wait(lambda: other.page.evaluate("window.knowscape?.state().ready"))
    wait(lambda: {**stands(other), "view": 0} == {**stands(visitor), "view": 0})
    for name, value in visitor.state["view"].items():
        assert other.state["view"][name] == pytest.approx(value, rel=1e-3), name
    assert other.page.evaluate("document.documentElement.dataset.theme") == "dark"
    other.open()
    assert other.page.evaluate("document.documentElement.dataset.theme") == "light", "for that visit alone"


def test_the_way_back_closes_what_was_opened_and_the_way_forth_opens_it(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    assert "#" not in page.url
    page.mouse.click(*visitor.on_screen(*visitor.points()[300]))
    wait(lambda: visitor.state["article"] == 300)
    choose(visitor, "topic")
    page.go_back()
    wait(lambda: visitor.state["colour"] == "plain")
    assert visitor.state["article"] == 300
    page.go_back()
    wait(lambda: visitor.state["article"] is None)
    page.go_forward()
    wait(lambda: visitor.state["article"] == 300)
    page.go_forward()
    wait(lambda: visitor.state["colour"] == "topic")
    assert page.evaluate("history.length") < 8


HOSTILE = [
    "#at=1e9,nan,0&colour=<img src=x onerror=alert(1)>&article=1.zz", "#article=999999999.00000000&region=9.9",
    "#__proto__=x&constructor=y&at", "#" + "colour=topic&" * 900, "#time=1,-999999999,999999999&colour=field.99",
    "#at=-99999,99999,0.000001&only=9.9.9&time=77,0,1", "#at=999999999,999999999,999999999&theme=%00",
]  # fmt: skip


def test_a_hostile_fragment_changes_nothing_that_it_should_not(visit: Visit, address: str) -> None:
    visitor = visit(**SMALL)
    for fragment in HOSTILE:
        visitor.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        time.sleep(0.3)
        state = visitor.state
        assert (state["article"], state["shown"], state["selected"]) == (None, COUNT, []), fragment
        assert state["colour"] == "plain", fragment
        assert state["labels"] or "99999" in fragment
        assert -2 < state["view"]["x"] < 3
    visitor.page.goto("about:blank")
    visitor.page.goto(address + HOSTILE[0])
    wait(lambda: visitor.page.evaluate("window.knowscape?.state().ready"))
    assert visitor.state["colour"] == "plain"


@pytest.mark.parametrize("size", [SMALL, {**SMALL, **PHONE}], ids=["desktop", "phone"])
def test_what_is_opened_lies_inside_the_window_and_has_names(visit: Visit, size: dict[str, Any]) -> None:
    visitor = visit(**size)
    page = visitor.page
    page.click("#reading-open")
    for each in page.query_selector_all("#reading :is(button, select, label)"):
        box = each.bounding_box()
        if box is None:
            continue
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["viewport"]["width"]
        assert box["y"] + box["height"] <= size["viewport"]["height"]
        assert box["height"] >= 36
    page.check("#time-on")
    visitor.press("Escape")
    assert page.evaluate("document.activeElement.id") == "reading-open"
    wait(lambda: page.is_visible("#time"))
    visitor.picture(f"reading-{size['viewport']['width']}")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter(one => !(one.ariaLabel ||"
        " one.textContent.trim() || one.labels?.length)).map(one => one.id)"
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

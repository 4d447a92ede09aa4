"""The built page of the sample atlas in a real Chromium, with every foreign request refused and recorded."""

import math
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visitor import DESKTOP, PHONE, Visit, Visitor, needs_chromium, wait

from conftest import COMMAND
from knowscape.atlas import open_atlas

pytestmark = needs_chromium

# Without a graphics card a big picture that moves takes its time: tests of what the page does ask for little of it.
SMALL: dict[str, Any] = {"viewport": {"width": 1000, "height": 640}, "reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def address(sample_atlas: Path) -> Iterator[str]:
    """The sample atlas, served by the command that users type, at the address that it says."""
    command = [*COMMAND, "serve", str(sample_atlas), "--port", "18931"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    yield process.stderr.readline().split()[4]
    process.terminate()
    process.wait()
    process.stderr.close()


def answer(visitor: Visitor, *, right: bool) -> tuple[float, float]:
    """Answer the question that is asked by its key, go on by another, and return the question's place."""
    place = give(visitor, right=right)
    asked = visitor.state["question"]
    visitor.press("n")
    wait(lambda: visitor.state["question"] != asked)
    return place


def give(visitor: Visitor, *, right: bool) -> tuple[float, float]:
    state = visitor.state
    question = next(q for q in visitor.data("questions") if q["id"] == state["question"])
    place = question["x"], question["y"]
    before = visitor.heat(*place)
    visitor.press("ABCD"[(question["correctIndex"] + (0 if right else 1)) % 4])
    wait(lambda: visitor.state["answered"] == state["answered"] + 1)
    after = visitor.heat(*place)
    assert after["uncertainty"] < before["uncertainty"]
    assert after["mean"] > before["mean"] if right else after["mean"] < before["mean"]
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_ten_answers_change_the_heat_where_they_were_asked(visit: Visit, size: str, scheme: str) -> None:
    visitor = visit(color_scheme=scheme, **(PHONE if size == "phone" else DESKTOP))
    visitor.picture(f"start-{size}-{scheme}")
    questions = visitor.data("questions")
    assert {round(visitor.heat(q["x"], q["y"])["uncertainty"], 3) for q in questions} == {1}
    places = [answer(visitor, right=count % 2 == 0) for count in range(10)]
    assert visitor.state["right"] == 5
    assert len(set(places)) == 10
    left = {(q["x"], q["y"]): visitor.heat(q["x"], q["y"])["uncertainty"] for q in questions}
    asked, open_ones = ([left[place] for place in left if (place in places) == which] for which in (True, False))
    assert np.mean(asked) < np.mean(open_ones) < 1, "where it was asked more is known, and elsewhere a little"
    visitor.picture(f"answered-{size}-{scheme}")
    assert re.match(r"1[01] of ", visitor.page.inner_text("#quiz-tally"))
    background = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [float(part) for part in background[background.index("(") + 1 : -1].split(",")[:3]]
    assert (sum(channels) / 3 > 128) == (scheme == "light")


@pytest.mark.parametrize(
    ("size", "scheme", "painter"),
    [("desktop", "light", "WebGL"), ("phone", "dark", "WebGL"), ("phone", "light", "canvas")],
)
def test_an_answer_is_seen_near_its_question_and_not_far_from_it(
    visit: Visit, size: str, scheme: str, painter: str
) -> None:
    """Compares the pixels themselves; without WebGL2 a plain canvas shows the same."""
    without = (
        "const real = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...rest) { return kind === 'webgl2' ? null : real.call(this, kind, ...rest); };"
    )
    visitor = visit(
        script=without if painter == "canvas" else None,
        color_scheme=scheme, reduced_motion="reduce", **(PHONE if size == "phone" else DESKTOP),
    )  # fmt: skip
    question = next(q for q in visitor.data("questions") if q["id"] == visitor.state["question"])
    mark = visitor.on_screen(question["x"], question["y"])
    seen = {
        place: where
        for place in visitor.points()[::4]
        if visitor.shows_map_at(*(where := visitor.on_screen(*place))) and math.dist(where, mark) > 16
    }
    time.sleep(1)  # until the land has come up
    wait(lambda: visitor.state["still"])
    before = {place: (visitor.heat(*place), visitor.colour(*where)) for place, where in seen.items()}
    give(visitor, right=True)
    wait(lambda: not visitor.page.evaluate("document.getAnimations().length") and visitor.state["still"])
    # What is said of the answer may cover more of the map than the question did.
    seen = {place: where for place, where in seen.items() if visitor.shows_map_at(*where)}
    before = {place: before[place] for place in seen}
    lifted = {place: heat["uncertainty"] - visitor.heat(*place)["uncertainty"] for place, (heat, _) in before.items()}
    changed = {place: math.dist(visitor.colour(*seen[place]), colour) for place, (_, colour) in before.items()}
    order = sorted(seen, key=lambda place: lifted[place])
    least, most = (np.median([changed[place] for place in some]) for some in (order[:8], order[-8:]))
    assert most > 8
    # One answer says a little of the person, too, and so of all places.
    assert least < most / 2


def test_answers_stay_when_the_page_is_opened_again_and_go_when_asked_to(visit: Visit) -> None:
    visitor = visit(**SMALL)
    answer(visitor, right=True)
    visitor.open()
    assert visitor.state["answered"] == 1
    visitor.page.click("#quiz-reset")
    assert visitor.state["answered"] == 1, "the first press only asks"
    visitor.page.click("#quiz-reset")
    wait(lambda: visitor.state["answered"] == 0)
    visitor.open()
    assert visitor.state["answered"] == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_touch_answers_drags_pinches_and_opens_an_article(visit: Visit, scheme: str) -> None:
    visitor = visit(color_scheme=scheme, **{**SMALL, **PHONE})
    page = visitor.page
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    page.tap("#quiz-options button >> nth=0")
    wait(lambda: visitor.state["answered"] == 1)
    page.tap("#quiz-next")
    before = visitor.state["view"]
    fingers("touchStart", (120, 300), (270, 300))
    for step in range(1, 7):
        fingers("touchMove", (120 - 15 * step, 300), (270 + 15 * step, 300))
    fingers("touchEnd")
    wait(lambda: visitor.state["view"]["scale"] > 1.5 * before["scale"])
    before = visitor.state["view"]
    fingers("touchStart", (200, 300))
    for step in range(1, 7):
        fingers("touchMove", (200 + 10 * step, 300))
    fingers("touchEnd")
    wait(lambda: visitor.state["view"]["x"] < before["x"])
    visitor.tap("#quiz-grab", done=lambda: not page.is_visible("#quiz-options"))
    page.tap("#search")
    page.keyboard.type(visitor.data("titles")[7])
    page.tap("#hits li >> nth=0")
    wait(lambda: visitor.state["article"] == 7)
    assert not page.is_visible("#quiz"), "one sheet at a time"
    page.tap("#article-close")
    wait(lambda: visitor.state["article"] is None)


def test_on_a_phone_nothing_is_cut_off_and_every_target_is_big_enough_for_a_finger(visit: Visit) -> None:
    visitor = visit(**{**SMALL, **PHONE})
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    seen = [each for each in page.query_selector_all("button, input, a") if each.bounding_box()]
    assert len(seen) > 10
    page.evaluate("document.querySelector('#quiz-options button').click()")
    wait(lambda: page.is_visible("#quiz-next"))
    for each in [*seen, page.query_selector("#quiz-next"), page.query_selector(".fly")]:
        box, name = each.bounding_box(), each.get_attribute("id") or each.inner_text()
        if box is None:  # answered: the other options are gone
            continue
        assert 0 <= box["x"] <= 390 - box["width"], f"{name} is cut off"
        assert box["height"] >= 44, f"{name} is {box['height']} high"
    cards = [page.query_selector(each).bounding_box() for each in (".plate", "#legend-open", ".tools", "#quiz")]
    for i, a in enumerate(cards):
        for b in cards[i + 1 :]:
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]


FOCUS_SEEN = """(() => {
  const at = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const ring = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return { id: at.id || at.closest("[id]")?.id, seen: at === document.body || ring };
})()"""


def test_tab_reaches_every_part_in_order_and_the_focus_is_always_seen(visit: Visit) -> None:
    visitor = visit(**SMALL)
    reached: list[str] = []
    for _ in range(20):
        visitor.press("Tab")
        at = visitor.page.evaluate(FOCUS_SEEN)
        assert at["seen"], f"the focus on {at['id']} cannot be seen"
        if at["id"] not in reached:
            reached.append(at["id"])
    parts = ["search", "map", "quiz-options", "quiz-unknown", "legend", "zoom-in", "zoom-fit", "theme", "trust"]
    assert [each for each in reached if each in parts] == parts


def test_search_map_article_and_quiz_need_no_mouse(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    visitor.press("/")
    page.keyboard.type("the")
    wait(lambda: visitor.state["hits"] > 2)
    visitor.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp")
    chosen = page.inner_text("#hits li[aria-selected=true]")
    assert page.get_attribute("#search", "aria-activedescendant") == "hit-1"
    visitor.press("Enter")
    wait(lambda: page.inner_text("#article-title") == chosen)
    wait(lambda: len(page.inner_text("#article-body")) > 100)
    visitor.press("Escape", "0")
    wait(lambda: visitor.state["article"] is None)

    before = visitor.state["view"]
    visitor.press("+", "ArrowLeft")
    wait(lambda: visitor.state["view"]["scale"] > 1.5 * before["scale"] and visitor.state["view"]["x"] < before["x"])
    wait(lambda: page.is_visible("#hover"))
    named = page.inner_text("#hover-title")
    visitor.press("Enter")
    wait(lambda: page.inner_text("#article-title") == named)
    visitor.press("Escape", "0")
    wait(lambda: visitor.state["view"]["scale"] < before["scale"] * 1.01)

    for count, key in enumerate("abcDe", 1):
        visitor.press(key)
        wait_for(visitor, answered=count)
        assert page.inner_text("#quiz-feedback")
        if key == "b":  # read up on it, and come back to the quiz
            visitor.press("Shift+Tab", "Enter")
            wait(lambda: visitor.state["article"] is not None)
            visitor.press("Escape")
            wait_for(visitor, article=None)
        asked = visitor.state["question"]
        visitor.press("Enter" if count % 2 else "n")
        wait_for(visitor, asked=asked)


def wait_for(visitor: Visitor, *, asked: str | None = None, **expected: Any) -> None:
    """Wait until the state is as expected and the question is another than the one asked."""
    wait(lambda: expected.items() <= visitor.state.items() and visitor.state["question"] != asked)


def test_search_by_mouse_marks_hits_and_opens_an_article(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page = visitor.page
    page.click("#search")
    page.keyboard.type("the")
    wait(lambda: visitor.state["hits"] > 1)
    visitor.picture("search-desktop-light")
    page.fill("#search", "zzzzqqq")
    wait(lambda: page.inner_text("#search-status").startswith("No title has these words"))
    page.fill("#search", visitor.data("titles")[7])
    wait(lambda: page.is_visible("#hits li"))
    page.click("#hits li")
    wait(lambda: visitor.state["article"] == 7)
    visitor.picture("article-desktop-light")
    page.click("#search-clear")
    wait(lambda: visitor.state["hits"] == 0)
    assert page.input_value("#search") == ""
    assert not page.is_visible("#search-clear")
    assert page.evaluate("document.activeElement.id") == "search"


def at_rest(visitor: Visitor) -> bool:
    """Return whether the flight over the map has ended."""
    before = visitor.state["view"]
    time.sleep(0.5)
    return bool(visitor.state["view"] == before)


def test_the_whole_map_is_fitted_to_a_window_that_changes_unless_the_reader_has_moved(visit: Visit) -> None:
    visitor = visit(**SMALL)
    page, before = visitor.page, visitor.state["view"]["scale"]
    page.set_viewport_size({"width": 700, "height": 560})
    wait(lambda: visitor.state["view"]["scale"] < 0.8 * before)
    page.set_viewport_size(SMALL["viewport"])
    wait(lambda: abs(visitor.state["view"]["scale"] / before - 1) < 0.1)  # the tools have grown meanwhile
    visitor.press("+")
    wait(lambda: at_rest(visitor))
    moved = visitor.state["view"]["scale"]
    page.set_viewport_size({"width": 700, "height": 560})
    wait(lambda: visitor.state["view"]["width"] == 700)
    assert visitor.state["view"]["scale"] == moved > 1.2 * before


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
    wait(lambda: at_rest(visitor))

    def hovers() -> bool:
        page.mouse.move(*visitor.on_screen(*visitor.points()[7]))
        return page.is_visible("#hover") and bool(page.inner_text("#hover-title") == visitor.data("titles")[7])

    wait(hovers)
    visitor.picture("zoomed-desktop-light")


def test_nothing_moves_by_itself_for_those_who_ask_for_less_motion(visit: Visit) -> None:
    visitor = visit(**SMALL)
    for key in "++0":
        before = visitor.state["view"]
        visitor.press(key)
        after = visitor.state["view"]
        assert after != before
        time.sleep(0.4)
        assert visitor.state["view"] == after
    assert visitor.page.evaluate("getComputedStyle(document.querySelector('.label')).transitionDuration") == "0s"


def test_the_theme_can_be_chosen_and_stays(visit: Visit) -> None:
    visitor = visit(color_scheme="light", **SMALL)
    page = visitor.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    wait(lambda: page.evaluate(colour) != light)
    visitor.open()
    assert page.evaluate(colour) != light


def test_an_article_shows_its_nearest_in_meaning_and_how_near_they_lie(visit: Visit, sample_atlas: Path) -> None:
    visitor, atlas = visit(**SMALL), open_atlas(sample_atlas)
    made, corpus = atlas.map(), atlas.corpus
    row = int(np.argsort(made.recall_10[: len(corpus)])[len(corpus) // 3])
    visitor.page.fill("#search", corpus.titles[row])
    visitor.page.locator("#hits li").first.click()
    wait(lambda: visitor.state["article"] == row and visitor.state["kin"])
    near = atlas.neighbours().indices[row, :10]
    assert visitor.page.locator(".kin-name").all_inner_texts() == [corpus.titles[other] for other in near]
    kept = visitor.state["kin"]
    assert sum(kept) == round(10 * made.recall_10[row])
    assert 0 < sum(kept) < 10
    bold = visitor.page.locator(".kin-rank").evaluate_all("all => all.map(one => one.classList.contains('kept'))")
    assert bold == kept
    visitor.picture("kin")
    visitor.page.locator(".kin-name").first.click()
    wait(lambda: visitor.state["article"] == near[0] and visitor.state["kin"])
    visitor.press("Escape")
    wait(lambda: visitor.state["kin"] is None)


def test_what_the_reader_knows_is_told_by_region_with_something_to_read(visit: Visit) -> None:
    visitor = visit(reduced_motion="reduce", **DESKTOP)
    page = visitor.page
    page.click("#survey-open")
    assert "Nothing has been answered" in page.inner_text("#survey-whole")
    wide = bars(visitor)
    page.click("#survey-close")
    assert not page.is_visible("#survey")
    for count in range(8):
        answer(visitor, right=count % 2 == 0)
    page.click("#survey-open")
    narrow = bars(visitor)
    assert narrow.keys() == wide.keys()
    assert {region["label"] for region in visitor.data("map")["levels"][0]} == wide.keys()
    for label, (low, mean, high) in narrow.items():
        assert low < mean < high
        assert high - low < wide[label][2] - wide[label][0]
    assert re.search(r"About \d+\s%.*tell \d+\s%", page.inner_text("#survey-whole"))
    visitor.picture("survey-desktop")
    rows = page.query_selector_all("#survey-reading li")
    assert len(rows) == 5
    assert re.search(r"\+\d+\.\d points", rows[0].inner_text())
    title = rows[0].query_selector("button").inner_text()
    rows[0].query_selector("button").click()
    wait(lambda: visitor.state["article"] is not None)
    assert page.inner_text("#article-title") == title
    assert not page.is_visible("#survey"), "one sheet at a time"


def bars(visitor: Visitor) -> dict[str, tuple[float, float, float]]:
    """Return each region's bar as it is shown: low, mean and high."""
    found = visitor.page.evaluate(
        "[...document.querySelectorAll('#survey-regions li')].map(row => ["
        "row.querySelector('.survey-label').textContent, ...['--low', '--mean', '--high'].map("
        "name => Number(row.querySelector('.survey-bar').style.getPropertyValue(name)))])"
    )
    return {label: (low, mean, high) for label, low, mean, high in found}


def test_answers_go_with_a_link_and_are_kept_only_when_the_reader_says_so(visit: Visit) -> None:
    visitor = visit(reduced_motion="reduce", **DESKTOP)
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for count in range(4):
        answer(visitor, right=count < 3)
    visitor.page.click("#survey-open")
    visitor.page.click("#survey-link")
    wait(lambda: "copied" in visitor.page.inner_text("#survey-status"))
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(visitor.address)
    assert len(link) < len(visitor.address) + 80
    other = visit(reduced_motion="reduce", **DESKTOP)
    answer(other, right=True)
    other.page.goto(link)
    wait(lambda: other.page.is_visible("#shared"))
    assert (other.state["answered"], other.state["right"]) == (4, 3)
    other.page.click("#shared-leave")
    wait(lambda: other.page.evaluate("window.knowscape?.state().answered") == 1)
    assert "#" not in other.page.url
    other.page.goto(link)
    wait(lambda: other.page.is_visible("#shared-keep"))
    other.page.click("#shared-keep")
    wait(lambda: (other.page.evaluate("window.knowscape?.state().answered") or 0) >= 4 and "#" not in other.page.url)
    other.page.goto(link[:-2] + "!")
    wait(lambda: other.page.is_visible("#shared"))
    assert "damaged" in other.page.inner_text("#shared")
    assert not other.page.is_visible("#shared-keep")


def test_answers_go_to_a_file_and_come_back_from_it(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(reduced_motion="reduce", **DESKTOP)
    for count in range(3):
        answer(visitor, right=count < 2)
    visitor.page.click("#survey-open")
    with visitor.page.expect_download() as download:
        visitor.page.click("#survey-save")
    download.value.save_as(tmp_path / "answers.json")
    other = visit(reduced_motion="reduce", **DESKTOP)
    other.page.click("#survey-open")
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    other.page.set_input_files("#survey-file", tmp_path / "other.json")
    wait(lambda: "does not hold saved answers" in other.page.inner_text("#survey-status"))
    other.page.set_input_files("#survey-file", tmp_path / "answers.json")
    wait(lambda: "3 answers" in other.page.inner_text("#survey-status"))
    assert (other.state["answered"], other.state["right"]) == (3, 2)
    other.open()
    assert other.state["answered"] == 3


def test_the_reader_chooses_what_is_asked(visit: Visit) -> None:
    visitor = visit(reduced_motion="reduce", **DESKTOP)
    for count in range(4):
        answer(visitor, right=count % 2 == 0)
    asked = {}
    for mode in ("easy", "challenge"):
        visitor.page.select_option("#quiz-mode", mode)
        question = next(q for q in visitor.data("questions") if q["id"] == visitor.state["question"])
        asked[mode] = question["item"]["difficulty"]
    assert asked["easy"] < asked["challenge"]

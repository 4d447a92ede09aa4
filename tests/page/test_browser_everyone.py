"""The page for everyone: accessibility by axe-core, narrow windows, languages, and the map as a table."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_browser_reading import make_page as make_square
from visitor import PHONE, Visit, Visitor, needs_chromium, served, visits, wait

from knowscape.atlas import open_atlas
from knowscape.page.api import Api

pytestmark = needs_chromium

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
LANGUAGES = Path(__file__).parents[2] / "web/src/languages"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CALM: dict[str, Any] = {"reduced_motion": "reduce"}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1000, "height": 640}, **CALM}
SIZES: dict[str, dict[str, Any]] = {
    "desktop": DESKTOP,
    "phone": {**PHONE, **CALM},
    # German words are the longer ones.
    "320-german": {"viewport": {"width": 320, "height": 640}, "has_touch": True, "locale": "de-DE", **CALM},
}
# What is outside of the window, or cut off by its own box; a list that scrolls sideways is meant to.
CUT_OFF = """() => [...document.querySelectorAll('button, input, select, textarea, h1, h2, h3, p, li, td, dd, label')]
  .filter(node => node.checkVisibility({visibilityProperty: true, opacityProperty: true})
    && !node.closest('.unseen, .labels, .trail, .virtual-rows, [inert]'))
  .filter(node => { const box = node.getBoundingClientRect();
    const over = node.clientWidth && node.scrollWidth > node.clientWidth + 1;
    return box.width && (box.left < -1 || box.right > innerWidth + 1
      || (over && node.id !== 'title' && !node.closest('.kind'))); })
  .map(node => `${node.tagName} #${node.id} ${node.className}: ${node.textContent.slice(0, 60)}`)"""

Step = tuple[str, Callable[[Visitor], None]]


def click(selector: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.page.click(selector)


def then(*steps: Callable[[Visitor], None]) -> Callable[[Visitor], None]:
    def run(visitor: Visitor) -> None:
        for step in steps:
            step(visitor)

    return run


def press(*keys: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.press(*keys)


def search(visitor: Visitor) -> None:
    visitor.page.fill("#search", "volcano")
    wait(lambda: visitor.page.locator("#hits li").count())


def place(visitor: Visitor) -> None:
    wait(lambda: visitor.state["server"]["places"])
    visitor.page.click("#place-open")
    visitor.page.fill("#place-text", "Molten rock and lava come out of a mountain.")
    visitor.page.click("#place-go")
    wait(lambda: visitor.page.locator("#place-near li").count())


def colour(label: int) -> Callable[[Visitor], None]:
    return lambda visitor: (visitor.page.select_option("#colour", index=label), None)[1]


def legend(visitor: Visitor) -> None:
    visitor.press("Escape")
    if visitor.page.is_visible("#legend-open"):
        visitor.page.click("#legend-open")


# One way through all that the page can show, each from where the one before has led.
QUIZ: tuple[Step, ...] = (
    ("question", lambda visitor: None),
    ("trust", click("#trust")),
    ("answered", then(press("Escape"), lambda visitor: visitor.page.click("h1"), press("a"))),
    ("article", then(click("#quiz-source button"), lambda visitor: wait(lambda: visitor.state["kin"]))),
    ("survey", then(press("Escape"), click("#survey-open"))),
    ("menu", then(press("Escape"), click("#reading-open"))),
    ("legend of kinds", then(colour(2), legend)),
    ("selection", then(click("#reading-open"), click("#select-region"))),
    ("search", then(press("Escape"), search)),
    ("place", then(press("Escape", "Escape"), place)),
    ("table", then(press("Escape"), click("#table-open"))),
    ("tour", then(press("Escape"), click("#tour-open"))),
)
TIME: tuple[Step, ...] = (
    ("time", then(click("#reading-open"), lambda visitor: visitor.page.check("#time-on"), press("Escape"))),
    ("time, some", then(lambda visitor: visitor.page.focus("#time-from"), press("ArrowRight", "ArrowRight"))),
)


@pytest.fixture(scope="module")
def quiz(sample_atlas: Path) -> Iterator[str]:
    """The sample atlas with a server behind its page."""
    with served(sample_atlas / "page", Api(open_atlas(sample_atlas))) as address:
        yield address


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """576 articles in four regions, with dates."""
    with served(make_square(tmp_path_factory.mktemp("square"))) as root:
        yield root + "page/"


@pytest.fixture
def visit(browser: Any, quiz: str) -> Iterator[Visit]:
    with visits(browser, quiz) as open_page:
        yield open_page


def violations(visitor: Visitor, rules: dict[str, Any]) -> list[str]:
    """Return what axe-core finds that is serious or critical."""
    found = visitor.page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", rules)
    return [
        f"{one['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else one['help']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def check(visitor: Visitor, steps: tuple[Step, ...], name: str) -> None:
    """Go a way through the page, and look at each state of it in both themes."""
    wrong: dict[str, list[str]] = {}
    for state, act in steps:
        act(visitor)
        wrong[state] = violations(visitor, {"type": "tag", "values": RULES})
        wrong[f"{state}, other theme"] = in_other_theme(visitor)
        wrong[f"{state}, cut off"] = visitor.page.evaluate(CUT_OFF)
        assert visitor.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), state
        visitor.picture(f"everyone-{name}-{state}")
    assert {state: found for state, found in wrong.items() if found} == {}


def in_other_theme(visitor: Visitor) -> list[str]:
    turn = (
        "document.documentElement.dataset.theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'"
    )
    visitor.page.evaluate(turn)
    found = violations(visitor, {"type": "rule", "values": ["color-contrast"]})
    visitor.page.evaluate(turn)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious_in_any_state_of_the_page_and_nothing_is_cut_off(
    visit: Visit, square: str, size: str
) -> None:
    axe = {"script": AXE.read_text(encoding="utf-8"), "bypass_csp": True}
    check(visit(**axe, **SIZES[size]), QUIZ, size)
    check(visit(at=square, **axe, **SIZES[size]), TIME, size)


def words(language: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((LANGUAGES / f"{language}.json").read_text(encoding="utf-8"))
    return found


def spoken(visitor: Visitor) -> tuple[str, str]:
    """Return the language that the page says it is in, and the one that it is in."""
    skip = visitor.page.text_content("#quiz-skip")
    in_use = next((one for one in ("de", "en") if words(one)["quiz.skip"] == skip), "")
    return visitor.page.get_attribute("html", "lang"), in_use


def speaks(visitor: Visitor, language: str) -> bool:
    """Return whether the page is there in a language, also while the browser is on its way to it."""
    from playwright.sync_api import Error

    try:
        ready = visitor.page.evaluate("window.knowscape?.state().ready")
        return bool(ready) and spoken(visitor) == (language, language)
    except Error:
        return False


def test_the_page_speaks_the_language_of_the_browser_and_loads_no_other(visit: Visit) -> None:
    names = "performance.getEntriesByType('resource').map(one => one.name)"
    for locale, language in {"de-CH": "de", "fr-FR": "en"}.items():
        visitor = visit(locale=locale, **DESKTOP)
        assert spoken(visitor) == (language, language)
        assert any("/assets/de-" in name for name in visitor.page.evaluate(names)) == (language == "de")
        assert visitor.page.get_attribute("html", "dir") == "ltr"


def test_a_chosen_language_is_kept_and_that_of_a_link_is_for_one_visit(visit: Visit) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    visitor.press("a")
    page.click("#reading-open")
    assert page.locator("#language option").all_text_contents() == ["Deutsch", "English"]
    page.select_option("#language", "de")
    wait(lambda: speaks(visitor, "de"))
    assert visitor.state["answered"] == 1
    visitor.open()
    assert spoken(visitor) == ("de", "de")
    page.goto(f"{visitor.address}#language=en")
    wait(lambda: speaks(visitor, "en"))
    page.goto("about:blank")
    visitor.open()
    assert spoken(visitor) == ("de", "de")


def rows(visitor: Visitor) -> list[str]:
    found: list[str] = visitor.page.locator("#table-body tr").all_inner_texts()
    return found


def test_the_map_reads_as_a_table_by_region_that_opens_articles_as_the_map_does(visit: Visit, square: str) -> None:
    visitor = visit(at=square, **DESKTOP)
    page = visitor.page
    visitor.press("t")
    assert page.evaluate("document.activeElement.id") == "table-name"
    assert page.text_content("#table-count") == "576 articles"
    assert page.get_attribute("#table-table", "aria-rowcount") == "581"  # with four headings, and the head
    assert rows(visitor)[0] == "East · Quarter 1"
    assert page.locator("#table-body tr").count() < 40, "only the rows in sight are there"
    page.focus("#table-body button")
    visitor.press("ArrowDown", "Enter")
    assert visitor.state["article"] == 12
    assert page.is_visible("#article")
    assert page.is_visible("#table")
    visitor.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Article 12"
    visitor.press("End")
    assert page.evaluate("document.activeElement.textContent") == "Article 563"
    assert page.evaluate("document.activeElement.closest('tr').ariaRowIndex") == "581"
    visitor.press("Escape")
    assert page.evaluate("document.activeElement.id") == "table-open"


def test_the_table_sorts_by_any_column_and_keeps_to_a_region_or_the_view(visit: Visit, square: str) -> None:
    visitor = visit(at=square, **DESKTOP)
    page = visitor.page
    page.click("#table-open")
    page.click("th.kept button")
    assert page.get_attribute("th.kept", "aria-sort") == "descending"
    assert rows(visitor)[0].split("\n")[-1].strip() == "10 of 10"
    page.click("th.kept button")
    assert page.get_attribute("th.kept", "aria-sort") == "ascending"
    assert rows(visitor)[0].split("\n")[-1].strip() == "0 of 10"
    page.select_option("#table-where", label="West")
    assert page.text_content("#table-count") == "288 articles"
    page.click("th.title button")
    assert page.get_attribute("th.kept", "aria-sort") is None
    page.select_option("#table-where", "view")
    visitor.press("Escape")
    page.click("#zoom-in")
    page.click("#zoom-in")
    wait(lambda: page.is_visible("#minimap"))
    page.click("#table-open")
    assert 0 < int(page.text_content("#table-count").split()[0]) < 576
    page.click("th.region button")
    page.click("tr.heading button")
    assert not page.is_visible("#table")


def test_the_table_tells_what_is_known_where_there_is_a_quiz(visit: Visit) -> None:
    visitor = visit(**DESKTOP)
    known = visitor.page.evaluate("[...window.knowscape.articles().mean]")
    visitor.page.click("#table-open")
    visitor.page.click("th.knowledge button")
    first = visitor.page.locator("#table-body tr").first.locator("td.knowledge span").first.text_content()
    assert first == f"{round(max(known) * 100)}\N{NO-BREAK SPACE}%"
    answered = visitor.state["answered"]
    visitor.press("a")
    assert visitor.state["answered"] == answered, "the quiz behind the table hears no key"


def test_titles_that_run_the_other_way_turn_no_sentence_and_a_page_that_does_is_mirrored(visit: Visit) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    box = page.locator("#quiz").bounding_box()
    assert box["x"] > 500
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.locator("#quiz").bounding_box()["x"] < 200
    assert page.evaluate(CUT_OFF) == []
    for node in ("#title", "#article-title", "#quiz-question", "#hover-title", ".option-text", ".label span"):
        assert page.locator(node).first.get_attribute("dir") == "auto"

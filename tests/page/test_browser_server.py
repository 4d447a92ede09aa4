"""The page with a server behind it, in a real Chromium: searches by text, a reader's own text, and the way in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_texts import HOSTILE, TITLES, Hostile, text_of
from visitor import DESKTOP, PHONE, Visit, Visitor, needs_chromium, served, visits, wait

from knowscape.atlas import open_atlas
from knowscape.page.api import Api
from knowscape.page.guard import Access

pytestmark = needs_chromium

SMALL: dict[str, Any] = {"viewport": {"width": 1000, "height": 640}, "reduced_motion": "reduce"}
LAVA = "Molten rock and gas rise through the crust, and lava and clouds of ash come out of a mountain."


@pytest.fixture(scope="module")
def api(sample_atlas: Path) -> Api:
    api = Api(open_atlas(sample_atlas))
    api.search.prepare()
    return api


@pytest.fixture(scope="module")
def address(sample_atlas: Path, api: Api) -> Iterator[str]:
    with served(sample_atlas / "page", api) as found:
        yield found


def titles(visitor: Visitor) -> list[str]:
    """Return the titles that are listed, the best first."""
    found: list[str] = visitor.page.evaluate(
        "[...document.querySelectorAll('#hits [role=option] bdi:first-child')].map(title => title.textContent)"
    )
    return found


def is_open(visitor: Visitor) -> bool:
    """Return whether the map is there, also while the browser is on its way to it."""
    from playwright.sync_api import Error

    try:
        return bool(visitor.page.evaluate("window.knowscape?.state().ready"))
    except Error:
        return False


def ask(visitor: Visitor, words: str) -> None:
    """Type a query and wait until the server has answered it."""
    wait(lambda: visitor.state["server"]["finds"])
    visitor.page.fill("#search", words)
    wait(lambda: visitor.page.locator(".hit-line").count() and not visitor.page.get_attribute("#hits", "aria-busy"))


def test_on_a_page_without_a_server_titles_are_searched_and_nothing_else_is_offered(
    browser: Any, sample_atlas: Path
) -> None:
    with served(sample_atlas / "page") as address, visits(browser, address) as visit:
        visitor = visit(**SMALL)
        asked: list[str] = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        visitor.page.fill("#search", "volcano")
        wait(lambda: visitor.state["hits"] >= 1)
        assert titles(visitor)[0] == "Volcano"
        assert visitor.page.locator(".hits-name").count() == 0
        assert not visitor.page.is_visible("#place-open")
        assert visitor.state["server"] == {"finds": False, "places": False}
        assert [url for url in asked if "api" in url or "healthz" in url] == []


@pytest.mark.parametrize("size", [SMALL, {**SMALL, **PHONE}], ids=["desktop", "phone"])
def test_texts_are_found_by_what_they_say_and_stand_below_titles(visit: Visit, size: dict[str, Any]) -> None:
    visitor = visit(**size)
    page = visitor.page
    ask(visitor, "volcano")
    assert titles(visitor)[0] == "Volcano"
    assert len(titles(visitor)) == len(set(titles(visitor))) > 5
    ask(visitor, "molten rock comes out of a mountain")
    wait(lambda: "Volcano" in titles(visitor)[:3])
    assert page.inner_text("#search-status").startswith("No title has these words, ")
    assert page.inner_text(".hits-name").lower() == "by their text"
    assert visitor.state["hits"] == len(titles(visitor))
    assert page.locator(".hit-line b").count() > 0
    visitor.picture(f"texts-{'phone' if 'is_mobile' in size else 'desktop'}")
    page.press("#search", "ArrowDown")
    page.press("#search", "ArrowDown")
    chosen = titles(visitor)[1]
    assert page.get_attribute("#search", "aria-activedescendant") == "hit-1"
    assert page.locator("[role=option][aria-selected=true] bdi").first.inner_text() == chosen
    page.press("#search", "Enter")
    wait(lambda: page.inner_text("#article-title") == chosen)
    page.fill("#search", "")
    assert titles(visitor) == []
    assert visitor.state["hits"] == 0


def test_a_server_that_goes_away_leaves_the_titles(browser: Any, sample_atlas: Path, api: Api) -> None:
    with visits(browser, "") as visit:
        with served(sample_atlas / "page", api) as address:
            visitor = visit(at=address, **SMALL)
            ask(visitor, "volcano")
        visitor.page.fill("#search", "volcan")
        wait(lambda: not visitor.state["server"]["finds"])
        wait(lambda: titles(visitor) == ["Volcano"])
        wait(lambda: not visitor.page.is_visible("#place-open"))
        # The browser notes each request that failed; one may have been under way when the server went.
        assert [fault for fault in visitor.faults if "net::ERR_" not in fault] == []
        visitor.faults.clear()


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop-light", "phone-dark"])
def test_a_text_is_placed_with_its_uncertainty_and_its_neighbours(
    visit: Visit, size: dict[str, Any], scheme: str
) -> None:
    visitor = visit(color_scheme=scheme, reduced_motion="reduce", **size)
    page = visitor.page
    wait(lambda: page.is_visible("#place-open"))
    before = visitor.state["view"]
    page.click("#place-open")
    assert page.evaluate("document.activeElement.id") == "place-text"
    page.keyboard.type("abcde n 1 ")
    assert visitor.state["answered"] == 0, "what is typed here answers no question"
    page.fill("#place-text", LAVA)
    page.keyboard.press("Control+Enter")
    wait(lambda: visitor.state["placed"])
    placed, near = visitor.state["placed"], page.locator("#place .kin-name").all_inner_texts()
    assert near[0] == "Volcano"
    assert len(near) == len(placed["to"]) == 10
    assert 0 < placed["spread"] < 0.5
    assert visitor.state["view"] != before
    # On a phone the tools stand over a corner of the map.
    for place in [placed, *(placed["to"] if size is DESKTOP else [])]:
        assert visitor.shows_map_at(*visitor.on_screen(place["x"], place["y"])), "it lies under no card"
    assert "less surely" in page.inner_text("#place-status")
    visitor.picture(f"placed-{scheme}")
    page.locator("#place .kin-name").first.click()
    wait(lambda: page.inner_text("#article-title") == "Volcano")
    assert not page.is_visible("#place"), "one sheet at a time"
    assert visitor.state["placed"], "it stays on the map while its neighbours are read"
    page.keyboard.press("Escape")
    page.click("#place-open")
    page.fill("#place-text", "xqzv bnkw plomf grtz wvkq")
    page.click("#place-go")
    wait(lambda: "does not seem to belong" in page.inner_text("#place-status"))
    assert visitor.state["placed"] is None
    page.click("#place-close")
    assert page.evaluate("document.activeElement.id") == "place-open"


def test_why_a_text_is_not_placed_is_said_in_the_language_of_the_reader(visit: Visit) -> None:
    page = visit(locale="de", **SMALL).page
    wait(lambda: page.is_visible("#place-open"))
    page.click("#place-open")
    page.fill("#place-text", "xqzv bnkw plomf grtz wvkq")
    page.click("#place-go")
    wait(lambda: "nichts auf der Karte ist ihm inhaltlich nahe." in page.inner_text("#place-status"))


def test_what_the_server_tells_of_hostile_articles_is_shown_as_text(browser: Any, hostile: Hostile) -> None:
    with served(hostile.page, hostile.api) as address, visits(browser, address) as visit:
        visitor = visit(**SMALL)
        page = visitor.page
        for row in range(0, len(HOSTILE) - 1, 8):
            ask(visitor, HOSTILE[row][:60])
            for listed in page.query_selector_all("#hits [role=option]"):
                title, *line = (each.text_content() for each in listed.query_selector_all("bdi"))
                assert title in TITLES
                said = "".join(line).strip("… ")
                texts = [" ".join(text_of(number).split()) for number, one in enumerate(TITLES) if one == title]
                assert any(" ".join(said.split()) in text for text in texts)
        page.click("#place-open")
        page.fill("#place-text", HOSTILE[0])
        page.click("#place-go")
        wait(lambda: page.locator("#place .kin-name").count() == 10)
        assert set(page.locator("#place .kin-name bdi").all_text_contents()) <= set(TITLES)
        assert page.query_selector_all("#hits :is(img, script, a, svg, iframe), #place-near :is(img, script, a)") == []
        assert page.evaluate("window.broken") is None


def test_the_link_with_the_token_opens_the_map_and_hides_the_token(browser: Any, sample_atlas: Path, api: Api) -> None:
    with (
        served(sample_atlas / "page", api, access=Access(token="the-token")) as address,
        visits(browser, address) as visit,
    ):
        visitor = visit(ready=False, **SMALL)
        visitor.page.goto(f"{address}enter#the-token")
        wait(lambda: is_open(visitor))
        assert visitor.page.url == address
        assert visitor.page.evaluate("document.cookie") == ""
        ask(visitor, "volcano")
        stranger = visit(ready=False, **SMALL)
        wait(lambda: stranger.page.is_visible("#token"))
        assert "asks for a token" in stranger.page.inner_text("h1")
        stranger.picture("entrance")
        stranger.page.fill("#token", "another")
        stranger.page.click("button")
        wait(lambda: "not the token" in stranger.page.inner_text("#said"))
        stranger.page.fill("#token", "the-token")
        stranger.page.keyboard.press("Enter")
        wait(lambda: is_open(stranger))
        for each in (visitor, stranger):
            assert all("401" in fault for fault in each.faults)
            each.faults.clear()

"""How the map is drawn in a real Chromium: on a quick machine at once, on a slow one in pieces that it keeps."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from visitor import Visitor, needs_chromium, served, visits, wait

from knowscape.page.build import build_page
from knowscape.page.payload import PayloadDocuments

pytestmark = needs_chromium

COUNT = 20_000
WINDOW: dict[str, Any] = {"viewport": {"width": 700, "height": 500}, "reduced_motion": "reduce", "bypass_csp": True}
# The machine is tried by waiting for what it draws: who does not wait seems quick, and who waits often, slow.
QUICK = "WebGL2RenderingContext.prototype.readPixels = () => undefined;"
SLOW = (
    "const real = WebGL2RenderingContext.prototype.drawArrays; WebGL2RenderingContext.prototype.drawArrays ="
    " function (...all) { const end = performance.now() + 4; while (performance.now() < end); real.apply(this, all); };"
)
ONLY_GROUND = "[data-covers], .sheet, #map-labels, #map-marks, #minimap { visibility: hidden !important; }"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("drawing") / "page"
    random = np.random.default_rng(0)
    heaps = random.random((12, 2)) * 0.8 + 0.1
    places = np.clip(heaps[random.integers(0, 12, COUNT)] + random.normal(0, 0.06, (COUNT, 2)), 0, 1)
    names = [f"article {row}" for row in range(COUNT)]
    share = {"mean": 0.5, "low": 0.4, "high": 0.6}
    build_page(
        folder,
        head={
            "title": "Many", "model": "none", "question_region": None, "knowledge": None,
            "quality": {"recall": {"10": share}, "question_overlap": None},
        },
        documents=PayloadDocuments(names, names, names, names, names, np.zeros((COUNT, 1), np.int32)),
        coordinates=places.astype(np.float32), recall=np.full(COUNT, 0.5, np.float32),
        finest_region=np.zeros(COUNT, np.int32), levels=[], questions=[], places=None,
    )  # fmt: skip
    with served(folder) as address:
        yield address


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Visitor]]:
    with visits(browser, address) as open_page:

        def see(script: str, **options: Any) -> Visitor:
            visitor = open_page(script=script, **WINDOW, **options)
            visitor.page.add_style_tag(content=ONLY_GROUND)
            wait(lambda: {"land", "points"} <= marks(visitor))
            return visitor

        yield see


def marks(visitor: Visitor) -> set[str]:
    return set(visitor.page.evaluate("performance.getEntriesByType('mark').map(mark => mark.name)"))


def ground(visitor: Visitor) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(visitor.page.screenshot())).convert("RGB"), np.int16)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def look_around(visitor: Visitor) -> None:
    visitor.page.focus("#map")
    visitor.press("+", "ArrowRight", "ArrowUp", "ArrowUp", "+")


def test_at_rest_a_picture_made_in_pieces_is_the_one_that_is_drawn_at_once(visit: Callable[..., Visitor]) -> None:
    slow, quick = visit(SLOW), visit(QUICK)
    for move in (lambda _: None, look_around):
        move(slow)
        move(quick)
        assert slow.state["view"] == quick.state["view"]
        wait(lambda: apart(ground(slow), ground(quick)) < 0.05)
    assert apart(ground(slow)[:, 1:], ground(quick)[:, :-1]) > 1, "one pixel aside would be seen"


def test_a_change_of_theme_reaches_a_picture_that_was_kept(visit: Callable[..., Visitor]) -> None:
    slow, quick = visit(SLOW, color_scheme="light"), visit(QUICK, color_scheme="light")
    light = ground(slow)
    for visitor in (slow, quick):
        visitor.page.emulate_media(color_scheme="dark")
    wait(lambda: apart(ground(slow), light) > 40)
    wait(lambda: apart(ground(slow), ground(quick)) < 0.05)


def test_on_a_slow_machine_the_picture_goes_with_the_pointer(visit: Callable[..., Visitor]) -> None:
    """What comes into the window is coarse at first, but it is the map, too."""
    visitor = visit(SLOW)
    look_around(visitor)
    wait(lambda: visitor.state["still"] and "points" in marks(visitor) and ground(visitor).std() > 5)
    still, view = ground(visitor), visitor.state["view"]
    visitor.page.mouse.move(400, 250)
    visitor.page.mouse.down()
    visitor.page.mouse.move(400, 240)
    visitor.page.mouse.move(300, 190)
    moved = ground(visitor)
    scale = view["scale"]
    assert (visitor.state["view"]["x"] - view["x"]) * scale == pytest.approx(100, abs=1)
    visitor.page.mouse.up()
    # A part that no card covers, before or after.
    moved_part = moved[100:250, 350:560]
    assert apart(moved_part, still[160:310, 450:660]) < 0.5 * apart(moved_part, still[100:250, 350:560])
    wait(lambda: visitor.state["still"])
    came_in = np.s_[:, -90:]
    settled = ground(visitor)
    assert apart(moved[came_in], settled[came_in]) < 0.6 * apart(moved[came_in], settled[::-1][came_in])

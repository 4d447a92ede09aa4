"""A visitor to the built page: a real Chromium that reaches the served page and nothing else."""

import base64
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from knowscape.page.api import Api
from knowscape.page.app import create_app
from knowscape.page.limits import Limits
from knowscape.page.server import listen, make_server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# Where screenshots are put, for a person to look at.
PICTURES = os.environ.get("KNOWSCAPE_PICTURES")

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


class Visitor:
    """A page and what went wrong on it: messages on the console, errors, requests to other addresses."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.context.route("**/*", self._let_through)

    def _let_through(self, route: Any) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"asked for {route.request.url}")
            route.abort()

    def open(self, *, ready: bool = True) -> None:
        self.page.goto(self.address)
        if ready:
            wait(lambda: self.page.evaluate("window.knowscape?.state().ready"))

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

    def shows_map_at(self, x: float, y: float) -> bool:
        found: bool = self.page.evaluate(
            "([x, y]) => Boolean(document.elementFromPoint(x, y)?.closest('#map'))", [x, y]
        )
        return found

    def colour(self, x: float, y: float) -> list[float]:
        """Return the mean red, green and blue of what is painted around a place on the screen."""
        clip = {"x": x - 6, "y": y - 6, "width": 12, "height": 12}
        picture = base64.b64encode(self.page.screenshot(clip=clip)).decode()
        found: list[float] = self.page.evaluate(
            "async picture => { const image = new Image(); image.src = 'data:image/png;base64,' + picture;"
            " await image.decode(); const ink = new OffscreenCanvas(1, 1).getContext('2d');"
            " ink.drawImage(image, 0, 0, 1, 1); return [...ink.getImageData(0, 0, 1, 1).data].slice(0, 3); }",
            picture,
        )
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tap(self, what: str, done: Callable[[], bool]) -> None:
        """Tap until it is done, three times at the most.

        After a pan that was made of touch events the headless browser loses a tap in one of some ten runs; tens of
        runs with a log of its events never did, so why is not known.
        """
        for _ in range(3):
            self.page.tap(what)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                if done():
                    return
                time.sleep(0.05)
        raise AssertionError(f"three taps on {what} did nothing")

    def picture(self, name: str) -> None:
        if PICTURES:
            time.sleep(1.5)  # until motion has settled
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")


Visit = Callable[..., Visitor]


def wait(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Ask until it is so; the page's policy forbids the waiting that Playwright does inside it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the page did not get there in time"
        time.sleep(0.05)


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def visits(browser: Any, address: str) -> Iterator[Visit]:
    """Open pages in contexts of their own; at the end nothing may have gone wrong on any."""
    opened: list[Visitor] = []

    def visit(
        *, at: str = address, script: str | None = None, ready: bool = True, first: bool = False, **options: Any
    ) -> Visitor:
        """`first` is somebody who has never been there, and is told how the map is read."""
        context = browser.new_context(**{**DESKTOP, **options})
        if not first:
            # An empty tab has no storage; and a file's is sometimes lost when it opens again with a script like this.
            context.add_init_script("if (location.protocol !== 'about:') localStorage.setItem('knowscape:toured', '1')")
        if script:
            context.add_init_script(script)
        visitor = Visitor(context.new_page(), at)
        opened.append(visitor)
        visitor.open(ready=ready)
        return visitor

    try:
        yield visit
    finally:
        for visitor in opened:
            visitor.page.context.close()
    for visitor in opened:
        assert visitor.faults == []


@contextmanager
def served(folder: Path, api: Api | None = None, **options: Any) -> Iterator[str]:
    """Serve the page in a folder, and what is behind it, with the package's own server; yield its address."""
    listener, port = listen(18_951)
    server = make_server(create_app(folder, port=port, api=api, **options), options.get("limits", Limits()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://localhost:{port}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def sign_of(*texts: str) -> str:
    """Return the FNV-1a by which the page knows texts again."""
    total = 0x811C9DC5
    for letter in "".join(f"{text}\n" for text in texts):
        total = (total ^ ord(letter)) * 0x01000193 & 0xFFFFFFFF
    return f"{total:08x}"


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2].strip("/"))

"""Take the pictures of this folder, and those of docs/pictures that show the page: Chromium, on maps of the sample.

    python docs/gallery/make.py [--articles ARTICLES] [--only NAME ...]

The sample's maps are made anew in a temporary folder and shown by a server, so that texts are found and placed.  The
reader who answers is made up, knows the sciences and little of the arts.  The sample has no dates: on the map with a
time slider an article is as old as the first year that its text names.  ARTICLES, any corpus that `knowscape build`
reads, is shown as `large`; no picture of it is made without them.
"""

import argparse
import functools
import http.server
import io
import json
import math
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import knowscape
from knowscape.corpus.sample import sample_articles_path, sample_questions_path
from knowscape.page.api import Api
from knowscape.sharing import share

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "page"))
from visitor import PHONE, Visit, Visitor, chromium, served, visits, wait

HERE = Path(__file__).parent
WAYS = HERE.with_name("pictures")
WINDOW: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
MOST_BYTES = 350_000
KNOWN = {
    "Physics", "Astronomy", "Chemistry", "Biology", "Medicine", "Earth Science", "Mathematics", "Computing",
    "Engineering", "Geography", "Food and Everyday Life",
}  # fmt: skip
QUERY = "how do plants turn light into sugar"
STRANGER = (
    "Our telescope found a faint red star that dims for three hours every nine days: a planet, as large as Neptune, "
    "passes in front of it."
)
YEAR = re.compile(r"\b(1\d{3}|20[0-2]\d)\b")


def answer(visitor: Visitor, times: int) -> None:
    """Answer so many questions as somebody who knows some topics."""
    questions = {question["id"]: question for question in json.loads(sample_questions_path().read_text("utf-8"))}
    for _ in range(times):
        before, question = visitor.state["answered"], questions[visitor.state["question"]]
        visitor.press("ABCD"[question["correctIndex"]] if question["topic"] in KNOWN else "e")
        wait(lambda: visitor.state["answered"] == before + 1)  # noqa: B023 - asked at once
        visitor.press("n")


def find(visitor: Visitor, words: str) -> None:
    """Type a query and wait for what the server finds."""
    wait(lambda: visitor.state["server"]["finds"])
    visitor.page.fill("#search", words)
    wait(lambda: visitor.page.locator(".hit-line").count() and not visitor.page.get_attribute("#hits", "aria-busy"))


def choose_colour(visitor: Visitor, name: str) -> None:
    visitor.page.click("#reading-open")
    visitor.page.select_option("#colour", name)
    visitor.press("Escape")
    wait(lambda: visitor.page.locator(".kind, #legend-ticks span").count())


def start(visit: Visit) -> Visitor:
    return visit(first=True)


def explained(visit: Visit) -> Visitor:
    visitor = visit()
    answer(visitor, 3)
    question = next(q for q in visitor.data("questions") if q["id"] == visitor.state["question"])
    visitor.press("ABCD"[question["correctIndex"]])
    wait(lambda: visitor.page.is_visible(".explanation"))
    return visitor


def heat(visit: Visit) -> Visitor:
    visitor = visit()
    answer(visitor, 20)
    return visitor


def survey(visit: Visit) -> Visitor:
    visitor = heat(visit)
    visitor.page.click("#survey-open")
    return visitor


def article(visit: Visit) -> Visitor:
    visitor = visit()
    visitor.page.fill("#search", "black hole")
    visitor.page.locator("#hits [role=option]").first.click()
    wait(lambda: visitor.state["kin"])
    return visitor


def colour(visit: Visit) -> Visitor:
    visitor = visit()
    choose_colour(visitor, "field")
    return visitor


def selection(visit: Visit) -> Visitor:
    """Draw a line around the largest region whose surroundings lie under no card."""
    visitor = visit()
    regions = sorted(visitor.data("map")["levels"][1], key=lambda region: -region["support"])
    turns = [2 * math.pi * step / 24 for step in range(25)]
    for region in regions:
        x, y = visitor.on_screen(region["x"], region["y"])
        line = [(x + (72 + 14 * math.sin(3 * turn)) * math.cos(turn), y + 64 * math.sin(turn)) for turn in turns]
        if all(visitor.shows_map_at(*place) for place in line):
            break
    visitor.page.click("#reading-open")
    visitor.page.click("#select-lasso")
    visitor.page.mouse.move(*line[0])
    visitor.page.mouse.down()
    for place in line[1:]:
        visitor.page.mouse.move(*place)
    visitor.page.mouse.up()
    wait(lambda: visitor.page.is_visible("#selection"))
    return visitor


def search(visit: Visit) -> Visitor:
    visitor = visit()
    find(visitor, QUERY)
    return visitor


def place(visit: Visit) -> Visitor:
    visitor = visit()
    wait(lambda: visitor.page.is_visible("#place-open"))
    visitor.page.click("#place-open")
    visitor.page.fill("#place-text", STRANGER)
    visitor.page.keyboard.press("Control+Enter")
    wait(lambda: visitor.state["placed"])
    return visitor


def phone(visit: Visit) -> Visitor:
    visitor = visit(color_scheme="dark", device_scale_factor=2, **PHONE)
    answer(visitor, 12)
    return visitor


def picture(visit: Visit) -> bytes:
    visitor = survey(visit)
    with visitor.page.expect_download() as download:
        visitor.page.click("#survey-picture")
    return Path(download.value.path()).read_bytes()


def time(visit: Visit) -> Visitor:
    visitor = visit()
    page = visitor.page
    choose_colour(visitor, "year")
    page.click("#reading-open")
    page.check("#time-on")
    visitor.press("Escape")
    wait(lambda: page.is_visible("#time"))
    page.focus("#time-to")
    for _ in range(400):
        if int(page.inner_text("#time-high")) <= 1900:
            page.evaluate("document.activeElement.blur()")
            return visitor
        visitor.press("ArrowLeft")
    raise AssertionError("the time slider did not reach 1900")


def large(visit: Visit) -> Visitor:
    visitor = visit(color_scheme="dark")
    choose_colour(visitor, "topic")
    return visitor


Scene = Callable[[Visit], Visitor | bytes]
SAMPLE: tuple[Scene, ...] = (
    start, explained, heat, survey, article, colour, selection, search, place, phone, picture,
)  # fmt: skip


def by_year(out: Path) -> Path:
    """Write the sample's articles with the first year that each names, where it does."""
    with sample_articles_path().open(encoding="utf-8") as lines, out.open("w", encoding="utf-8") as written:
        for line in lines:
            record = json.loads(line)
            if found := YEAR.search(record["text"]):
                record["year"] = int(found[0])
            written.write(json.dumps(record) + "\n")
    return out


def keep(shot: bytes, out: Path) -> None:
    """Store a picture in so many colours that it is small enough."""
    with Image.open(io.BytesIO(shot)) as opened:
        image = opened.convert("RGB")
    if image.width == image.height:  # the picture to keep is made for print
        image = image.resize((900, 900), Image.Resampling.LANCZOS)
    for colours in (256, 192, 128, 96):
        written = io.BytesIO()
        # Unlike the median cut it leaves rare colours their places, such as those of the legend's scale.
        image.quantize(colours, Image.Quantize.FASTOCTREE).save(written, "png", optimize=True)
        if written.tell() <= MOST_BYTES:
            out.write_bytes(written.getvalue())
            sys.stderr.write(f"{out.name} {written.tell() // 1000} kB, {colours} colours\n")
            return
    raise SystemExit(f"{out.name} has {written.tell()} bytes, {MOST_BYTES} are the most")


def take(atlas: knowscape.Atlas, scenes: list[Scene], browser: Any) -> None:
    api = Api(atlas)
    api.search.prepare()
    with served(atlas.path / "page", api) as address, visits(browser, address) as visit:

        def still(**options: Any) -> Visitor:
            return visit(**{**WINDOW, "color_scheme": "light", "reduced_motion": "reduce", **options})

        for scene in scenes:
            seen = scene(still)
            keep(seen if isinstance(seen, bytes) else settled(seen), HERE / f"{scene.__name__}.png")


def settled(visitor: Visitor) -> bytes:
    visitor.page.wait_for_timeout(2500)  # until the land has come up
    shot: bytes = visitor.page.screenshot()
    return shot


def take_ways(atlas: knowscape.Atlas, folder: Path, browser: Any) -> None:
    """Take the one file as a double-click opens it, and the folder under a path of a web host."""
    file, host = folder / "map.html", folder / "host"
    share(atlas, file)
    share(atlas, host / "maps" / "sample")
    with visits(browser, file.as_uri()) as visit:
        visitor = visit(**WINDOW, color_scheme="dark", reduced_motion="reduce")
        answer(visitor, 12)
        keep(settled(visitor), WAYS / "file.png")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(host))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://localhost:{server.server_address[1]}/maps/sample/"
        with visits(browser, address) as visit:
            visitor = visit(**WINDOW, color_scheme="light", reduced_motion="reduce")
            choose_colour(visitor, "topic")
            visitor.page.evaluate("document.activeElement.blur()")
            keep(settled(visitor), WAYS / "folder.png")
        server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path)
    parser.add_argument("--only", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    names = arguments.only or [*(scene.__name__ for scene in SAMPLE), "ways", "time", "large"]
    scenes = [scene for scene in SAMPLE if scene.__name__ in names]
    with tempfile.TemporaryDirectory() as made, chromium() as browser:
        folder = Path(made)
        questions = sample_questions_path()
        if scenes or "ways" in names:
            sample = knowscape.build(sample_articles_path(), questions, out=folder / "sample")
            take(sample, scenes, browser)
            if "ways" in names:
                take_ways(sample, folder, browser)
        if "time" in names:
            dated = by_year(folder / "years.jsonl")
            take(knowscape.build(dated, out=folder / "sample-by-year"), [time], browser)
        if arguments.articles and "large" in names:
            take(knowscape.build(arguments.articles, out=folder / arguments.articles.stem), [large], browser)


if __name__ == "__main__":
    main()

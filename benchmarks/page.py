"""Measure pages of many points in Chromium with software rendering: ours, and others made of the same data.

    python benchmarks/page.py X.atlas|--synthetic N [--beside NAME=FOLDER ...] [--repeats 3] [--pictures FOLDER]

`--synthetic` makes a page of N made-up articles in heaps, with regions on four levels.

Each page is opened in a browser of its own, turn by turn.  `drawn`: when the picture has its final shape, at most
1 % of its pixels visibly off, seen by screenshots; `first`: when a tenth of what is drawn in the end is there.
`frames/s`: what the page's own animation frames come to while the map is dragged, and while it is zoomed by the wheel,
two seconds each; a page that draws in another thread may draw less than that.  `CPU`: the seconds of processor time of
the whole browser until the page is at rest, and the milliseconds for a frame of each motion: these say more than the
frames do where the machine does other things, too.  `heap`: what JavaScript holds after a collection, and `buffers`
what it holds beside that.  `bytes`: what came over the wire until the page was at rest.  `longest task`: how long the
page answered nothing at most.  Of our page it prints, too, when the first names, the whole picture with all points (at
first without land) and the land were there, by its own marks.
"""

import argparse
import contextlib
import functools
import http.server
import io
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np

from knowscape.page.build import build_page
from knowscape.page.payload import PayloadDocuments

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "page"))
from visitor import DESKTOP, chromium, served

MARKS = ("labels", "points", "land")
MOTION_S, STEP_PX, WAIT_S, REST_S = 2.0, 12, 60.0, 5.0
FRAMES = """() => { window.__frames = [];
const each = now => { window.__frames.push(now); requestAnimationFrame(each); };
requestAnimationFrame(each); }"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *values: Any) -> None:
        pass


LONG_TASKS = """window.__longest = 0; new PerformanceObserver(list => { for (const task of list.getEntries())
window.__longest = Math.max(window.__longest, task.duration); }).observe({ type: 'longtask', buffered: true });"""
HEAPS, LEVELS = 300, (12, 60, 300, 1500)


def made_up(folder: Path, count: int) -> Path:
    """Make a page of `count` articles in heaps of all sizes, and of regions that lie in each other."""
    random = np.random.default_rng(0)
    middles, wide = random.random((HEAPS, 2)) * 0.86 + 0.07, random.gamma(2, 0.01, HEAPS)
    heap = random.choice(HEAPS, count, p=random.dirichlet(np.full(HEAPS, 0.7)))
    places = np.clip(middles[heap] + random.normal(0, 1, (count, 2)) * wide[heap, None], 0, 1)
    levels, above = [], 1
    for number in LEVELS:
        at = random.random((number, 2)) * 0.9 + 0.05
        levels.append([
            SimpleNamespace(label=f"Region {n} of {number}", x=x, y=y, support=count // number, purity=1.0,
                            parent=n % above if levels else None)
            for n, (x, y) in enumerate(at)
        ])  # fmt: skip
        above = number
    titles = [f"Article {row} on subject {heap[row]} and {row % 977}" for row in range(count)]
    share = {"mean": 0.5, "low": 0.4, "high": 0.6}
    build_page(
        folder / "page",
        head={
            "title": "Many", "model": "none", "question_region": None, "knowledge": None,
            "quality": {"recall": {"10": share}, "question_overlap": None},
        },
        documents=PayloadDocuments(titles, titles, titles, titles, titles, np.zeros((count, 1), np.int32)),
        coordinates=places.astype(np.float32), recall=random.random(count, np.float32),
        finest_region=random.integers(0, LEVELS[-1], count).astype(np.int32), levels=levels, questions=[], places=None,
    )  # fmt: skip
    return folder


@contextlib.contextmanager
def static(folder: Path) -> Iterator[str]:
    """Serve a folder as any web host would."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()


def picture(page: Any) -> np.ndarray:
    from PIL import Image
    from playwright.sync_api import Error

    try:
        shot = page.screenshot()
    except Error:  # now and then there is none while a page opens
        shot = page.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("L").resize((360, 225)), np.int16)


def until_rest(page: Any, start: float) -> list[tuple[float, np.ndarray]]:
    """Return the pictures and when they were taken, in seconds, until nothing has changed for some time."""
    seen: list[tuple[float, np.ndarray]] = []
    changed = time.perf_counter()
    while time.perf_counter() - changed < REST_S and time.perf_counter() - start < WAIT_S:
        shot = picture(page)  # which waits until the page has painted: it is as old as that at the most
        if not seen or (np.abs(shot - seen[-1][1]) > 24).mean() > 0.002:
            changed = time.perf_counter()
        seen.append((time.perf_counter() - start, shot))
        time.sleep(0.1)
    return seen


def when(seen: list[tuple[float, np.ndarray]], share: float) -> float:
    """Return when the picture had at most `share` of the pixels off that a blank window has off the last picture."""
    last, blank = seen[-1][1], np.median(seen[0][1])
    whole = max((np.abs(last - blank) > 24).mean(), 0.01)
    away = [(np.abs(shot - last) > 24).mean() for _, shot in seen]
    late = [number for number, off in enumerate(away) if off > share * whole]
    return seen[min(late[-1] + 1, len(seen) - 1) if late else 0][0]


def rate(page: Any, cpu: Callable[[], float], move: Callable[[int], None]) -> tuple[float, float]:
    """Return frames a second while `move(n)` is called again and again, and the processor's milliseconds for one."""
    page.evaluate("() => { window.__frames.length = 0; }")
    before, start, number = cpu(), time.perf_counter(), 0
    while time.perf_counter() - start < MOTION_S:
        move(number)
        number += 1
        time.sleep(0.01)
    frames, took = len(page.evaluate("() => window.__frames")), time.perf_counter() - start
    return frames / took, 1000 * (cpu() - before) / max(frames, 1)


def drag(page: Any, number: int) -> None:
    across = STEP_PX * (number % 40 if number // 40 % 2 == 0 else 40 - number % 40)
    page.mouse.move(600 + across, 500 + across / 2)


def visit(address: str, *, ours: bool, shot: Path | None) -> dict[str, float]:
    with chromium() as browser:
        processes = browser.new_browser_cdp_session()

        def cpu() -> float:
            told = processes.send("SystemInfo.getProcessInfo")["processInfo"]
            return float(sum(process["cpuTime"] for process in told))

        context = browser.new_context(**DESKTOP, bypass_csp=True)
        context.add_init_script(LONG_TASKS)
        page, before = context.new_page(), cpu()
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        came = [0.0]
        devtools.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        seen = until_rest(page, start)
        found = {"first": when(seen, 0.9), "drawn": when(seen, 0.1), "bytes MB": sum(came) / 1e6}
        found["CPU s"] = cpu() - before
        found["longest task s"] = page.evaluate("() => window.__longest") / 1000
        if ours:
            marks = page.evaluate("() => performance.getEntriesByType('mark').map(m => [m.name, m.startTime])")
            found |= {name: at / 1000 for name, at in marks if name in MARKS}
        if shot:
            page.screenshot(path=shot)
        devtools.send("HeapProfiler.enable")
        devtools.send("HeapProfiler.collectGarbage")
        found["heap MB"] = devtools.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        found["buffers MB"] = devtools.send("Runtime.getHeapUsage").get("backingStorageSize", 0) / 1e6
        page.evaluate(FRAMES)
        page.mouse.move(600, 500)
        page.mouse.down()
        found["drag frames/s"], found["drag CPU ms"] = rate(page, cpu, functools.partial(drag, page))
        page.mouse.up()
        time.sleep(0.5)
        found["zoom frames/s"], found["zoom CPU ms"] = rate(
            page, cpu, lambda number: page.mouse.wheel(0, -60 if number // 20 % 2 == 0 else 60)
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path, nargs="?")
    parser.add_argument("--synthetic", type=int, metavar="N")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    if (arguments.atlas is None) == (arguments.synthetic is None):
        parser.error("give an atlas or --synthetic N")
    with contextlib.ExitStack() as stack:
        atlas = arguments.atlas
        if arguments.synthetic:
            atlas = made_up(Path(stack.enter_context(tempfile.TemporaryDirectory())), arguments.synthetic)
        pages = {"Knowscape": stack.enter_context(served(atlas / "page"))}
        for one in arguments.beside:
            name, _, folder = one.partition("=")
            pages[name] = stack.enter_context(static(Path(folder)))
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in pages}
        for _ in range(arguments.repeats):
            for name, address in pages.items():
                shot = arguments.pictures / f"{name}.png" if arguments.pictures else None
                runs[name].append(visit(address, ours=name == "Knowscape", shot=shot))
                print(name, {key: round(value, 2) for key, value in runs[name][-1].items()}, flush=True)
    for name, found in runs.items():
        print(f"\n{name}, median of {len(found)}")
        for key in found[0]:
            print(f"  {key:15} {median(run[key] for run in found):8.2f}")


if __name__ == "__main__":
    main()

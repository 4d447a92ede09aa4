"""Measure pages of many points in Chromium with software rendering: ours, and others made of the same data.

    python benchmarks/page.py X.atlas [--beside NAME=FOLDER ...] [--repeats 3] [--pictures FOLDER]

Each page is opened in a browser of its own, turn by turn.  `drawn`: when the picture has its final shape, at most
1 % of its pixels visibly off, seen by screenshots; `first`: when a tenth of what is drawn in the end is there.
`frames/s`: what the page's own animation frames come to while the map is dragged, and while it is zoomed by the wheel,
a second each; a page that draws in another thread may draw less than that.  `heap`: what JavaScript holds after a
collection; `memory`: the renderer's private memory.  `bytes`: what came over the wire until the page was at rest.
Of our page it prints, too, when labels, land and all points were drawn, by its own marks.
"""

import argparse
import contextlib
import functools
import http.server
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "page"))
from visitor import DESKTOP, chromium, served

MARKS = ("labels", "points", "land")
MOTION_S, STEP_PX, WAIT_S, REST_S = 1.0, 12, 60.0, 3.0
FRAMES = """() => { window.__frames = [];
const each = now => { window.__frames.push(now); requestAnimationFrame(each); };
requestAnimationFrame(each); }"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *values: Any) -> None:
        pass


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

    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L").resize((360, 225)), np.int16)


def until_rest(page: Any, start: float) -> list[tuple[float, np.ndarray]]:
    """Return the pictures and when they were taken, in seconds, until nothing has changed for some time."""
    seen = [(time.perf_counter() - start, picture(page))]
    changed = time.perf_counter()
    while time.perf_counter() - changed < REST_S and seen[-1][0] < WAIT_S:
        time.sleep(0.1)
        now, shot = time.perf_counter() - start, picture(page)
        if (np.abs(shot - seen[-1][1]) > 24).mean() > 0.002:
            changed = time.perf_counter()
        seen.append((now, shot))
    return seen


def when(seen: list[tuple[float, np.ndarray]], share: float) -> float:
    """Return when the picture had at most `share` of the pixels off that a blank window has off the last picture."""
    last, blank = seen[-1][1], np.median(seen[0][1])
    whole = max((np.abs(last - blank) > 24).mean(), 0.01)
    away = [(np.abs(shot - last) > 24).mean() for _, shot in seen]
    late = [number for number, off in enumerate(away) if off > share * whole]
    return seen[min(late[-1] + 1, len(seen) - 1) if late else 0][0]


def rate(page: Any, move: Callable[[int], None]) -> float:
    """Return frames a second while `move(n)` is called again and again."""
    page.evaluate("() => { window.__frames.length = 0; }")
    start, number = time.perf_counter(), 0
    while time.perf_counter() - start < MOTION_S:
        move(number)
        number += 1
        time.sleep(0.01)
    return len(page.evaluate("() => window.__frames")) / (time.perf_counter() - start)


def drag(page: Any, number: int) -> None:
    across = STEP_PX * (number % 40 if number // 40 % 2 == 0 else 40 - number % 40)
    page.mouse.move(600 + across, 500 + across / 2)


def visit(address: str, *, ours: bool, shot: Path | None) -> dict[str, float]:
    with chromium() as browser:
        page = browser.new_context(**DESKTOP, bypass_csp=True).new_page()
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        came = [0.0]
        devtools.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        seen = until_rest(page, start)
        found = {"first": when(seen, 0.9), "drawn": when(seen, 0.1), "bytes MB": sum(came) / 1e6}
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
        found["drag frames/s"] = rate(page, functools.partial(drag, page))
        page.mouse.up()
        time.sleep(0.5)
        found["zoom frames/s"] = rate(page, lambda number: page.mouse.wheel(0, -60 if number // 20 % 2 == 0 else 60))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        pages = {"Knowscape": stack.enter_context(served(arguments.atlas / "page"))}
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

"""The map in a cell of a notebook."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from visitor import chromium, needs_chromium, wait
from webhost import hosted

from knowscape.atlas import open_atlas
from knowscape.errors import MissingExtraError
from knowscape.page import widget as widget_module

VIEW = "application/vnd.jupyter.widget-view+json"
RUN = """
import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(book, timeout=200).execute()
nbformat.write(book, sys.argv[2])
"""
# What a notebook gives a widget: the model's values, and a place to draw in.
HOST = """<!doctype html><link rel="icon" href="data:,"><div id="cell"></div><script type="module">
  import widget from "./widget.js";
  const state = await (await fetch("state.json")).json();
  window.sent = [];
  const model = {
    get: name => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => window.sent.push(state.rows),
  };
  window.close_cell = widget.render({ model, el: document.getElementById("cell") });
</script>"""


@pytest.fixture(scope="module")
def state(sample_atlas: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a notebook that was run keeps of the widget that `atlas.show()` gave."""
    folder = tmp_path_factory.mktemp("notebook")
    cells = [
        f"import knowscape\natlas = knowscape.open({str(sample_atlas)!r})", "map = atlas.show(height=480)\nmap",
        "map.rows = [3, 5]\nprint(map.selected == [atlas.corpus.ids[3], atlas.corpus.ids[5]])",
    ]  # fmt: skip
    blank: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    book = {"cells": [{**blank, "source": cell} for cell in cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (folder / "in.ipynb").write_text(json.dumps(book), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN, folder / "in.ipynb", folder / "out.ipynb"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    run = json.loads((folder / "out.ipynb").read_text(encoding="utf-8"))
    shown, printed = (cell["outputs"][0] for cell in run["cells"][1:])
    assert "".join(printed["text"]) == "True\n"
    states = run["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    found: dict[str, Any] = states[shown["data"][VIEW]["model_id"]]["state"]
    return found


@needs_chromium
def test_an_executed_notebook_shows_the_map_and_hears_what_is_chosen(
    state: dict[str, Any], sample_atlas: Path, tmp_path: Path
) -> None:
    assert state["height"] == 480
    (tmp_path / "widget.js").write_text(state["_esm"], encoding="utf-8")
    (tmp_path / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (tmp_path / "index.html").write_text(HOST, encoding="utf-8")
    faults: list[str] = []
    with hosted(tmp_path) as address, chromium() as browser:
        page = browser.new_context(reduced_motion="reduce", viewport={"width": 1000, "height": 520}).new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith((address, "data:", "about:")) or faults.append(request.url),
        )
        page.goto(address)
        page.wait_for_selector("iframe")
        frame = page.query_selector("iframe").content_frame()
        wait(lambda: frame.evaluate("window.knowscape?.state().ready"))
        assert page.query_selector("iframe").bounding_box()["height"] == 480
        assert not frame.is_visible("#tour"), "it could not be remembered that it was seen"
        frame.fill("#search", open_atlas(sample_atlas).corpus.titles[7])
        frame.press("#search", "Enter")
        wait(lambda: page.evaluate("window.sent.at(-1)") == [7])
        frame.press("#article", "Escape")
        wait(lambda: page.evaluate("window.sent.at(-1)") == [])
        frame.press("#map", "r")
        wait(lambda: len(page.evaluate("window.sent.at(-1)")) > 1)
        assert page.evaluate("window.sent.at(-1)") == frame.evaluate("window.knowscape.state().selected")
        frame.click("#selection-rows button")
        wait(lambda: frame.evaluate("window.knowscape.state().article") is not None)
        assert page.evaluate("window.sent.at(-1)") == frame.evaluate("window.knowscape.state().selected")
        frame.press("#article", "Escape")
        frame.press("#map", "Escape")
        wait(lambda: page.evaluate("window.sent.at(-1)") == [])
        for reach in ("parent.document.title", "localStorage.length", "document.cookie"):
            with pytest.raises(Exception, match="SecurityError"):
                frame.evaluate(reach)
        # What others say is not taken for the map's word.
        count = page.evaluate("window.sent.length")
        page.evaluate("window.postMessage({ knowscape: 'selected', rows: [1] }, '*')")
        page.evaluate("window.close_cell()")
        frame.fill("#search", "volcano")
        frame.press("#search", "Enter")
        wait(lambda: frame.evaluate("window.knowscape.state().article") is not None)
        assert page.evaluate("window.sent.length") == count, "a closed cell hears nothing"
    assert faults == []


def test_selected_are_the_ids_of_the_articles_that_the_reader_chose(sample_atlas: Path) -> None:
    atlas = open_atlas(sample_atlas)
    shown, told = atlas.show(), []
    shown.observe(lambda change: told.append(change.new), "selected")
    shown.rows = [7, 9]
    shown.rows = [100_000, -1]
    assert told == [[atlas.corpus.ids[7], atlas.corpus.ids[9]], []]
    assert repr(shown) == "MapWidget(684 articles)"
    with pytest.raises(Exception, match="read-only"):
        shown.selected = ["another"]


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widget_module._widget_class.cache_clear()
    with pytest.raises(MissingExtraError, match=r"knowscape\[notebook\]"):
        widget_module.show_page("", [], height=1)

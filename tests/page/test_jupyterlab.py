"""The map in JupyterLab itself; it needs `pip install jupyterlab`."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from visitor import PICTURES, chromium, needs_chromium, wait

from knowscape.atlas import open_atlas

pytestmark = [needs_chromium, pytest.mark.soak]

START = "from jupyterlab.labapp import main; main()"
SHOW = "import knowscape\natlas = knowscape.open('sample.atlas')\nmap = atlas.show(height=500)\nmap"


def test_the_map_is_shown_in_jupyterlab_and_python_knows_what_was_chosen(sample_atlas: Path, tmp_path: Path) -> None:
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: pip install jupyterlab")
    books = tmp_path / "books"
    books.mkdir()
    (books / "sample.atlas").symlink_to(sample_atlas)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": SHOW}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
    (books / "map.ipynb").write_text(json.dumps(book), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token=t", f"--ServerApp.port={port}"]
    command = [sys.executable, "-c", START, *options, f"--ServerApp.root_dir={books}"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(tmp_path)}, cwd=books)
    try:
        wait(lambda: "is running at" in (tmp_path / "log").read_text(), seconds=120)
        choose_the_volcano(f"http://127.0.0.1:{port}/lab/tree/map.ipynb?token=t", sample_atlas)
    finally:
        server.terminate()
        server.wait(30)


def choose_the_volcano(address: str, atlas: Path) -> None:
    corpus = open_atlas(atlas).corpus
    row = corpus.titles.index("Volcano")
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1300, "height": 800}, reduced_motion="reduce").new_page()
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        time.sleep(3)  # until the kernel is there
        page.click(".jp-Notebook .jp-Cell .cm-content")
        page.keyboard.press("Shift+Enter")
        frame = page.wait_for_selector("iframe[title='Knowledge map']").content_frame()
        wait(lambda: frame.evaluate("window.knowscape?.state().ready"), seconds=120)
        frame.fill("#search", "Volcano")
        frame.press("#search", "Enter")
        wait(lambda: frame.evaluate("window.knowscape.state().article") == row)
        page.locator(".jp-Notebook .jp-Cell .cm-content").last.click()
        page.keyboard.type("print(map.selected)")
        page.keyboard.press("Shift+Enter")
        said = page.locator(".jp-OutputArea-output pre").last
        wait(lambda: said.inner_text(timeout=60_000).strip() == str([corpus.ids[row]]), seconds=60)
        if PICTURES:
            page.get_by_role("button", name="No", exact=True).click()  # to news
            page.locator(".jp-Notebook .jp-Cell").first.scroll_into_view_if_needed()
            time.sleep(2)
            page.screenshot(path=Path(PICTURES) / "notebook.png")

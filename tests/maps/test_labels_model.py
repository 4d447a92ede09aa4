"""Names from a language model: asked only when the user types so, and never needed."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from knowscape.atlas import open_atlas
from knowscape.errors import UsageError
from knowscape.labels import name_labels
from knowscape.maps.language_model import Asked, LanguageModel, NamingError
from small_atlas import small_atlas

ASKED = Asked(("Vesuvius", "Etna"), ("Geology",), "Lava")


@contextmanager
def served(answer: Callable[[int], tuple[int, bytes]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve what `answer` returns for the n-th request; yield the address and what was asked."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append({"path": self.path, "key": self.headers["Authorization"], **json.loads(body)})
            status, content = answer(len(seen))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # who asked has gone
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", seen
        finally:
            server.shutdown()
            thread.join()


def says(text: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def test_a_region_is_named_by_its_titles_and_nothing_else_is_sent() -> None:
    with served(lambda _: (200, says(' "Volcanoes."\n'))) as (url, seen):
        assert LanguageModel(url, "small", key="secret").name(ASKED) == "Volcanoes"
    asked = seen[0]
    assert (asked["path"], asked["key"], asked["model"]) == ("/v1/chat/completions", "Bearer secret", "small")
    assert asked["messages"][1]["content"] == "Titles:\n- Vesuvius\n- Etna\nIt lies in: Geology"


@pytest.mark.parametrize(
    ("status", "content", "why"),
    [
        (500, b"", "500"),
        (200, b"<html>", "chat model"),
        (200, b'{"choices": []}', "chat model"),
        (200, says(None), "one line"),
        (200, says("Here are some names:\n- Volcanoes"), "one line"),
        (200, says("These articles are about volcanoes in Italy"), "no name"),
        (200, says("\u202e\u0000"), "no name"),
    ],
)
def test_an_answer_that_is_no_name_is_told_why(status: int, content: bytes, why: str) -> None:
    with served(lambda _: (status, content)) as (url, _), pytest.raises(NamingError, match=why):
        LanguageModel(url, "small").name(ASKED)


def test_an_address_that_does_not_answer_is_left_after_the_timeout() -> None:
    def slow(_: int) -> tuple[int, bytes]:
        time.sleep(0.5)
        return 200, says("Late")

    with served(slow) as (url, _), pytest.raises(NamingError, match="timed out"):
        LanguageModel(url, "small", timeout=0.1).name(ASKED)


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://host/v1", "http://", "http://user@host/v1", "http://h/v1?x=1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="Accepted"):
        LanguageModel(url, "small")


def test_the_key_does_not_cross_the_network_unencrypted() -> None:
    with pytest.raises(UsageError, match="https"):
        LanguageModel("http://models.example.org/v1", "small", key="secret")
    LanguageModel("https://models.example.org/v1", "small", key="secret")


def test_the_command_names_every_region_and_the_atlas_stays_whole(knowscape: Run, tmp_path: Path) -> None:
    atlas = small_atlas(tmp_path / "named.atlas")
    before = atlas.map()
    count = sum(len(level) for level in before.regions.levels)
    with served(lambda number: (200, says(f"Things {number}"))) as (url, seen):
        environment = {**os.environ, "KNOWSCAPE_LABEL_KEY": "secret"}
        command = ("labels", atlas.path, "--label-url", url, "--label-model", "small", "--json")
        done = knowscape(*command, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["named"] == len(seen) == count
    assert {asked["key"] for asked in seen} == {"Bearer secret"}
    again = open_atlas(atlas.path)
    after = again.map()
    assert [one.label for level in after.regions.levels for one in level] == [f"Things {n + 1}" for n in range(count)]
    assert after.about["names"] == "small"
    assert (after.coordinates == before.coordinates).all()
    assert [fault.kind for fault in again.check(full=True)] == ["stale"]
    assert knowscape("page", atlas.path).returncode == 0
    assert open_atlas(atlas.path).check(full=True) == []
    assert "secret" not in (atlas.folder.map("by-hand") / "map.json").read_text(encoding="utf-8")


def test_where_the_model_fails_regions_keep_their_names_and_that_is_told(knowscape: Run, tmp_path: Path) -> None:
    atlas = small_atlas(tmp_path / "kept.atlas", page=False)
    before = [one.label for level in atlas.map().regions.levels for one in level]
    with served(lambda _: (503, b"")) as (url, seen):
        done = knowscape("labels", atlas.path, "--label-url", url, "--label-model", "small", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kept"] == len(before)
    assert f"{len(before)} regions keep their own names" in done.stderr
    assert "503" in done.stderr
    assert len(seen) == 5  # then it is not asked any more
    assert [one.label for level in open_atlas(atlas.path).map().regions.levels for one in level] == before


def test_a_model_that_always_says_the_same_names_one_region_at_most(tmp_path: Path) -> None:
    class Parrot:
        def name(self, region: Asked) -> str:
            return "Things"

    atlas = small_atlas(tmp_path / "same.atlas", page=False)
    done = name_labels(atlas, Parrot(), who="a parrot")
    assert done.named >= 1
    assert done.kept > done.named
    assert "taken" in done.why
    assert open_atlas(atlas.path).check(full=True) == []


def test_nothing_is_asked_where_the_user_names_no_address(knowscape: Run, tmp_path: Path) -> None:
    with served(lambda _: (200, says("Things"))) as (_, seen):
        atlas = small_atlas(tmp_path / "quiet.atlas", page=False)
        assert knowscape("labels", atlas.path).returncode == 0
    assert seen == []

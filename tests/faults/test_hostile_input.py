"""Whatever a file from elsewhere holds: its code does not run, nothing outside is touched, memory has a limit."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_atlases import ATLASES, good_atlas
from hostile_files import FILES
from hostile_pickles import PICKLES

from knowscape.corpus.confined import memory_limit
from knowscape.corpus.document import Corpus, Document
from knowscape.page.payload import PayloadDocuments, write_payload
from knowscape.store.atlas import AtlasFolder

if not sys.platform.startswith("linux"):
    pytest.skip("memory is measured as Linux tells it", allow_module_level=True)

# Of the process that reads; the one that unpickles or decodes Parquet has a limit of its own, by the file's size.
LIMIT = 3 << 30
SECONDS = 100
NAMES = [f"pickle-{name}" for name in PICKLES] + list(FILES) + [f"atlas-{name}" for name in ATLASES]
# These take seconds to make or to read.
HEAVY = {
    "json-key-of-70-megabytes", "json-top-object-of-70-megabytes", "json-item-of-70-megabytes",
    "packed-json-of-one-text", "packed-bz2-of-line-ends", "packed-csv-of-one-value", "packed-dump-of-one-page",
    "parquet-a-gigabyte-in-one-text", "parquet-a-list-of-a-hundred-million", "pickle-bomb-laughs-of-a-long-text",
    "atlas-vectors-of-a-billion-dimensions",
}  # fmt: skip
HERE = Path(__file__).parent
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]")

Result = dict[str, Any]


def file(name: str, *more: str) -> Any:
    """Return the parameters of a test of one file; `make soak` takes the heavy ones."""
    return pytest.param(name, *more, marks=[pytest.mark.soak] if name in HEAVY else [])


def make(name: str, folder: Path, mark: str) -> Path:
    """Write a hostile file, or change an atlas that was good, in a folder of its own."""
    folder.mkdir()
    kind, rest = name.split("-", 1)
    if kind == "pickle":
        (folder / "x.pkl").write_bytes(PICKLES[rest](mark))
        return folder / "x.pkl"
    if kind == "atlas":
        atlas = good_atlas(folder / "deep" / "deeper" / "x.atlas")
        ATLASES[rest](atlas, mark)
        return atlas
    return FILES[name](folder, mark)


def snapshot(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return every path below a folder with what would change if it were written to."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        found[str(path)] = (state.st_mode, state.st_size, state.st_mtime_ns)
    return found


def read_all(places: dict[str, Path], work: Path) -> dict[str, Result]:
    """Let processes read the files, a new one after each that died, and return what they said of each."""
    results: dict[str, Result] = {}
    left = list(places)
    while left:
        todo = work / f"todo-{left[0]}.json"
        todo.write_text(json.dumps([(name, str(places[name])) for name in left]))
        command = [sys.executable, str(HERE / "hostile_reader.py"), str(LIMIT), str(todo)]
        try:
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=len(left) * SECONDS)
        finally:
            todo.unlink()
        for line in done.stdout.splitlines():
            results[json.loads(line)["name"]] = json.loads(line)
        if len(results) < len(places) and (died := next(name for name in left if name not in results)):
            results[died] = {"name": died, "code": -2, "said": done.stderr[-500:] or f"ended with {done.returncode}"}
        left = [name for name in left if name not in results]
    return results


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every hostile file that a chosen test is of, read; what lay around them before and after."""
    chosen = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    names = [name for name in NAMES if name in chosen]
    root = tmp_path_factory.mktemp("hostile")
    mark, work, home = root / "MARK", root / "work", root / "home"
    for folder in (work, home, root / "tmp"):
        folder.mkdir()
    (home / "canary").write_text("untouched")
    places = {name: make(name, root / f"{number:03}", str(mark)) for number, name in enumerate(names)}
    sizes = {
        name: path.stat().st_size
        for name, path in places.items()
        if path.suffix in {".pkl", ".parquet"} and path.is_file()
    }
    old = {name: os.environ.get(name) for name in ("HOME", "TMPDIR")}
    os.environ |= {"HOME": str(home), "TMPDIR": str(root / "tmp")}
    before = snapshot(root)
    try:
        halves = [{name: places[name] for name in names[start::2]} for start in range(2)]
        with ThreadPoolExecutor(2) as pool:
            results = {
                name: result for half in pool.map(read_all, halves, (work, work)) for name, result in half.items()
            }
    finally:
        for name, value in old.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    yield {"results": results, "before": before, "after": snapshot(root), "mark": mark, "sizes": sizes}
    shutil.rmtree(root)  # a gigabyte


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [file(name) for name in NAMES])
def test_a_hostile_file_gives_a_clear_error_or_a_clean_report(world: dict[str, Any], name: str) -> None:
    """Exit codes 0 to 3 and nothing else, in time, within the limit of memory, and no process of the file's own."""
    result: Result = world["results"][name]
    assert result["code"] in {0, 1, 2, 3}, result
    assert result["events"] == []
    assert result["seconds"] < SECONDS
    assert result["peak"] < LIMIT
    if result["code"]:
        assert len(result["said"]) > 20
    if name.startswith(("pickle-call", "pickle-form")):
        harmless = name in {"pickle-form-second-pickle-behind"}
        assert (result["code"] == 0) == harmless, result
    if name.startswith("atlas-"):
        assert result["code"], result


def test_no_code_ran_and_nothing_was_touched(world: dict[str, Any]) -> None:
    assert not world["mark"].exists()
    changed = {
        path
        for path in world["before"].keys() | world["after"].keys()
        if world["before"].get(path) != world["after"].get(path)
    }
    assert {path for path in changed if not path.endswith("/work")} == set()


def test_the_child_that_decodes_stays_within_its_own_limit(world: dict[str, Any]) -> None:
    most = max(memory_limit(size) for size in world["sizes"].values())
    assert max(result["children"] for result in world["results"].values() if "children" in result) <= most


def test_what_is_shown_of_hostile_rows_holds_no_hidden_characters_and_no_address_but_of_the_web(
    world: dict[str, Any],
) -> None:
    read = [result["said"] for name, result in world["results"].items() if isinstance(result.get("said"), dict)]
    assert len(read) > 50
    for said in read:
        assert not any(HIDDEN.search(title) for title in said["titles"])
        assert all(re.match(r"https?://|$", url) for url in said["urls"])
        assert not any(HIDDEN.search(text) for examples in said["examples"].values() for text in examples)
        assert not any(re.search(r"[\x00-\x08\x0b-\x0c\x0e-\x1f]", text) for text in said["texts"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        file("pickle-call-os.system", r"it asks for os\.system, which is not data"),
        file("pickle-bomb-bytearray-of-a-terabyte", "more memory than its size allows"),
        file("pickle-bomb-laughs-of-a-long-text", r"more space than its size allows.*\.jsonl"),
        file("pickle-numpy-pointers-as-objects", "shape is not that of its data"),
        file("parquet-100-gigabytes-in-4-kilobytes", r"than its size allows.*\.jsonl"),
        file("parquet-a-list-of-a-hundred-million", "than its size allows|values in"),
        file("packed-gz-of-one-line", "line over 64 MB skipped"),
        file("packed-bz2-of-line-ends", "empty lines in a row"),
        file("xml-billion-laughs", "declares a document type"),
        file("csv-columns-without-end", "accepted: 10,000"),
        file("place-a-pipe", "neither a file nor a folder"),
        file("place-a-device", "neither a file nor a folder"),
        file("questions-a-pipe", "is no file"),
        file("atlas-page-is-a-link", "is a link that leaves the atlas"),
        file("atlas-part-that-climbs", "no name of a part"),
        file("atlas-vectors-of-1e38", "not finite"),
    ],
)
def test_the_error_names_the_limit_or_the_fault(world: dict[str, Any], name: str, says: str) -> None:
    result = world["results"][name]
    assert result["code"], result
    assert re.search(says, result["said"]), result


def test_the_hostile_parquet_file_is_as_small_as_was_said(world: dict[str, Any]) -> None:
    assert world["sizes"]["parquet-100-gigabytes-in-4-kilobytes"] < 20_000


NASTY = ["../../../x", "/tmp/x", "..", ".", "", "a\nb", "x" * 5000, "~", "\x1b[2J", "-rf", "a/../../b", "C:\\x", "%2e"]


def test_no_path_is_made_of_an_id_or_a_title_and_a_harmless_one_of_a_name(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "c"
    atlas = good_atlas(root / "x.atlas")
    for name in NASTY:
        folder = AtlasFolder(atlas)
        for path in (folder.map(name), *(folder.vectors(name, print_).parts.folder for print_ in NASTY)):
            assert path.resolve().parent.parent == atlas.resolve()
            path.mkdir(parents=True, exist_ok=True)
    corpus = Corpus.from_documents(Document(name or "none", f"text {name}", name, name) for name in NASTY)
    with AtlasFolder(atlas).corpus.writing() as writer:
        writer.replace(corpus.table, {"kind": "corpus", "digest": corpus.digest})
    count = len(NASTY)
    write_payload(
        atlas / "page" / "data",
        head={"title": NASTY[0]},
        documents=PayloadDocuments(
            corpus.ids, corpus.titles, corpus.texts, corpus.urls, corpus.ids, np.zeros((count, 0), np.int32)
        ),
        coordinates=np.zeros((count, 2), np.float32),
        recall=np.zeros(count, np.float32),
        finest_region=np.zeros(count, np.int32),
        levels=[],
        questions=[{"id": name} for name in NASTY],
        places=None,
    )
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(atlas)} == {root, *root.parents[:2]}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", path.name) for path in atlas.rglob("*"))


def test_a_command_on_a_hostile_file_ends_with_one_line_and_no_traceback(knowscape: Any, tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(PICKLES["call-\\x1b[31mos.sys\\x1b[2Jtem"](str(tmp_path / "mark")))
    done = knowscape("inspect", tmp_path / "x.pkl")
    assert done.returncode == 2
    assert "which is not data" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


def test_figures(world: dict[str, Any]) -> None:
    results = world["results"].values()
    codes = Counter(result["code"] for result in results)
    slowest = sorted(results, key=lambda result: -result.get("seconds", 0))[:5]
    largest = sorted(results, key=lambda result: -result.get("peak", 0))[:5]
    print(f"\n{len(results)} hostile inputs, by exit code: {dict(sorted(codes.items()))}")
    print("slowest:", ", ".join(f"{result['name']} {result['seconds']:.1f} s" for result in slowest))
    print("largest:", ", ".join(f"{result['name']} {result['peak'] >> 20} MB" for result in largest))
    print("largest child:", max(result.get("children", 0) for result in results) >> 20, "MB")
    assert len(results) >= 200

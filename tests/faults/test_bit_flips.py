"""A flipped bit or a cut, in whatever file of an atlas: the full check names the file, and no reader returns it."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from knowscape.atlas import Atlas, open_atlas
from knowscape.check import check_atlas
from knowscape.errors import KnowscapeError
from knowscape.store.atlas import AtlasFolder
from small_atlas import small_atlas

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return small_atlas(tmp_path_factory.mktemp("flips") / "small.atlas")


def read_everything(path: Path) -> list[Any]:
    """Return all that a reader of an atlas can be given, comparable."""
    atlas = open_atlas(path)
    made = atlas.map()
    arrays = [atlas.vectors(), atlas.question_vectors(), made.coordinates, made.raw, made.membership, made.recall_10]
    rest = [atlas.corpus.table.to_pylist(), atlas.questions, atlas.how_embedded(), atlas.to_table().to_pylist()]
    map_rest = [made.document_ids, made.question_ids, made.regions.levels, made.quality, made.about]
    return [array.tobytes() for array in arrays] + rest + map_rest


def says_the_same(path: Path, before: bytes, after: bytes) -> bool:
    """Return whether a JSON file holds the same value: an E in place of an e is no damage."""
    try:
        return path.suffix == ".json" and bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False


def harm(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    if chance.random() < 0.25:
        return "cut", content[: chance.randrange(len(content))]
    harmed = bytearray(content)
    harmed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return "flipped bit", bytes(harmed)


def is_returned(path: Path, damaged: Path, whole: list[Any]) -> bool:
    """Return whether reading gives anything else than what was written, or an error that does not name the file."""
    try:
        return read_everything(path) != whole
    except KnowscapeError as error:
        return damaged.name not in str(error)


@pytest.mark.parametrize("count", [80, pytest.param(2000, marks=pytest.mark.soak)])
def test_what_befell_a_file_is_named_by_the_full_check_and_returned_by_no_reader(atlas: Atlas, count: int) -> None:
    chance, done = random.Random(count), Counter[str]()
    whole = read_everything(atlas.path)
    assert check_atlas(AtlasFolder.open_damaged(atlas.path), full=True) == []
    files = sorted(path for path in atlas.path.rglob("*") if path.is_file() and path.name != ".lock")
    rooms = sorted({path.relative_to(atlas.path).parts[0] for path in files})
    for number in range(count):
        room = rooms[number % len(rooms)]
        path = chance.choice([path for path in files if path.relative_to(atlas.path).parts[0] == room])
        before = path.read_bytes()
        kind, after = harm(before, chance)
        path.write_bytes(after)
        try:
            found = [fault.path for fault in check_atlas(AtlasFolder.open_damaged(atlas.path), full=True)]
            returned = is_returned(atlas.path, path, whole)
        finally:
            path.write_bytes(before)
        if says_the_same(path, before, after):
            done["without effect"] += 1
            assert not returned
            continue
        done[kind] += 1
        assert path in found, f"{kind} in {path} is not named: {found}"
        assert not returned, f"{kind} in {path} is returned"
    print(f"{count:,} in {len(files)} files: {dict(done)}, all named by the full check, none returned by a reader")

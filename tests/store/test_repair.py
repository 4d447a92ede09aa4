"""`check --repair`: what can be read stays byte for byte, what was lost is computed again, and no more than that."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import Run
from knowscape.atlas import Atlas, open_atlas
from knowscape.build import MapOptions, embed_corpus, make_page, map_atlas, put_corpus, put_questions
from knowscape.check import leftovers
from knowscape.corpus.document import Corpus, Document
from knowscape.errors import KnowscapeError
from knowscape.quiz.questions import Question
from knowscape.repair import Repaired, repair
from knowscape.store.atlas import AtlasFolder
from knowscape.store.matrix import to_column
from knowscape.store.parts import write_part
from knowscape.store.vectors import vectors_of

COUNT, STEP = 60, 20
Harm = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """An atlas whose vectors, of a real model of one layer, lie in three parts; with questions, map and page."""
    folder = AtlasFolder.create(tmp_path_factory.mktemp("whole") / "whole.atlas")
    documents = [Document(str(n), f"Thing {n} is {n * n % 97} wide.", f"Thing {n}") for n in range(COUNT)]
    put_questions(folder, [Question("q", "What is wide?", ("Nothing", "A thing"), 1)])
    for count in range(STEP, COUNT + 1, STEP):
        put_corpus(folder, Corpus.from_documents(documents[:count]))
        embed_corpus(Atlas(folder), str(small_model))
    atlas = Atlas(folder)
    map_atlas(atlas, MapOptions(padding=0.25))
    make_page(atlas)
    return folder.path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "whole.atlas")


@pytest.fixture
def mend(path: Path, small_model: Path) -> Callable[[], Repaired]:
    return lambda: repair(path, models=[str(small_model)])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def vector_parts(path: Path) -> list[Path]:
    parts = open_atlas(path).folder.vector_stores()[0].parts
    assert parts.folder.parent.name == "vectors"
    return [parts.folder / part.file for part in parts.parts()]


def embedded(done: Repaired) -> int:
    """Return how many documents a repair embedded."""
    return sum(int(line.split(": ")[1].split()[0]) for line in done.did if "were embedded again" in line)


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
@pytest.mark.parametrize("number", range(3))
def test_of_a_damaged_part_its_own_rows_are_embedded_again_and_the_others_keep_their_bytes(
    path: Path, mend: Callable[[], Repaired], harm: Harm, number: int
) -> None:
    before, parts = open_atlas(path).vectors(), vector_parts(path)
    harm(parts[number])
    done = mend()
    assert (done.faults, embedded(done)) == ([], STEP)
    after, lost = open_atlas(path).vectors(), slice(number * STEP, (number + 1) * STEP)
    np.testing.assert_allclose(after[lost], before[lost], atol=1e-5)
    np.testing.assert_array_equal(np.delete(after, np.r_[lost], axis=0), np.delete(before, np.r_[lost], axis=0))
    assert set(vector_parts(path)) >= set(parts) - {parts[number]}


@pytest.mark.parametrize("room", ["vectors/*", "questions/*", "corpus"])
@pytest.mark.parametrize("harm", [flip, cut])
@pytest.mark.parametrize("which", ["the newest", "an older one", "all"])
def test_a_damaged_manifest_loses_no_row(
    path: Path, mend: Callable[[], Repaired], room: str, harm: Harm, which: str
) -> None:
    before, corpus = open_atlas(path).vectors(), open_atlas(path).corpus.digest
    manifests = sorted(path.glob(f"{room}/manifest-*.json"))
    for manifest in {"the newest": manifests[-1:], "an older one": manifests[:1], "all": manifests}[which]:
        harm(manifest)
    done = mend()
    assert (done.faults, embedded(done)) == ([], 0)
    np.testing.assert_array_equal(open_atlas(path).vectors(), before)
    assert open_atlas(path).corpus.digest == corpus


def test_a_part_that_no_manifest_names_is_named_again_where_its_rows_are_missing(
    path: Path, mend: Callable[[], Repaired]
) -> None:
    before = open_atlas(path).vectors()
    max(path.glob("vectors/*/manifest-*.json")).unlink()
    done = mend()
    assert (done.faults, embedded(done)) == ([], 0)
    np.testing.assert_array_equal(open_atlas(path).vectors(), before)


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_atlas_json_is_made_anew_from_the_manifests(path: Path, mend: Callable[[], Repaired], harm: Harm) -> None:
    before = open_atlas(path).folder.info()
    harm(path / "atlas.json")
    assert mend().faults == []
    assert open_atlas(path).folder.info() == {**before, "runs": {}}


@pytest.mark.parametrize(
    "pattern", ["maps/*/map.json", "maps/*/part-*", "page/index.html", "page/data/points.bin", "page/files.json",
                "neighbours/*/part-*", "neighbours/*/manifest-*"],
)  # fmt: skip
@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_what_is_derived_is_made_anew_and_is_what_it_was(
    path: Path, mend: Callable[[], Repaired], pattern: str, harm: Harm
) -> None:
    before = open_atlas(path).map()
    harm(next(path.glob(pattern)))
    done = mend()
    assert (done.faults, embedded(done)) == ([], 0)
    np.testing.assert_array_equal(open_atlas(path).map().coordinates, before.coordinates)
    assert (path / "page" / "index.html").is_file()


def test_a_map_that_is_older_than_the_corpus_is_made_anew_with_its_own_options(
    path: Path, mend: Callable[[], Repaired]
) -> None:
    documents = list(open_atlas(path).corpus)[:50]
    put_corpus(AtlasFolder.open(path), Corpus.from_documents(documents))
    assert [fault.kind for fault in open_atlas(path).check()] == ["stale", "stale"]
    assert mend().faults == []
    made = open_atlas(path).map()
    assert len(made.document_ids) == 50
    assert made.about["options"]["padding"] == 0.25


def put_in(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Replace the second part of the vectors by another with a right digest, as another program might."""
    parts = open_atlas(path).folder.vector_stores()[0].parts
    first, second, third = parts.parts()
    with parts.writing() as writer:
        table = change(pq.read_table(parts.folder / second.file))
        writer.restate([first, write_part(parts.folder, table), third], parts.about())
    (parts.folder / second.file).unlink()


def with_values(*values: float) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        flat = vectors_of(table).copy()
        for row, value in enumerate(values, 3):
            flat[row] = value
        return table.set_column(2, "vector", to_column(flat))

    return change


def test_rows_with_bad_values_are_named_and_they_alone_are_embedded_again(
    path: Path, mend: Callable[[], Repaired]
) -> None:
    before = open_atlas(path).vectors()
    put_in(path, with_values(np.nan, 0, 2, np.inf))
    said = {fault.says: fault.rows for fault in open_atlas(path).check(full=True) if fault.kind == "value"}
    assert said == {
        "holds 2 vectors that are not finite": "3 and 6",
        "holds 1 vectors that are all zero": "4",
        "holds 1 vectors that are not of length one": "5",
    }
    done = mend()
    assert (done.faults, embedded(done)) == ([], 4)
    after, bad = open_atlas(path).vectors(), np.r_[STEP + 3 : STEP + 7]
    np.testing.assert_array_equal(np.delete(after, bad, axis=0), np.delete(before, bad, axis=0))
    np.testing.assert_allclose(after[bad], before[bad], atol=1e-5)


def test_of_two_vectors_of_a_text_the_one_that_was_read_stays(path: Path, mend: Callable[[], Repaired]) -> None:
    put_in(path, lambda table: pa.concat_tables([table.slice(1, 1), table, table.slice(0, 2)]))
    assert "duplicate" in {fault.kind for fault in open_atlas(path).check(full=True)}
    before = open_atlas(path).vectors()
    done = mend()
    assert (done.faults, embedded(done)) == ([], 0)
    np.testing.assert_array_equal(open_atlas(path).vectors(), before)


def test_what_nothing_names_is_told_does_no_harm_and_is_removed(path: Path, mend: Callable[[], Repaired]) -> None:
    folder = AtlasFolder.open(path)
    store = folder.vector_stores()[0].parts
    loose = [path / ".tmp-1-2", store.folder / ".tmp-3-4", path / ".tmp-page-x", path / "maps" / "other"]
    for place in loose[:2]:
        place.write_bytes(b"half")
    for place in loose[2:]:
        place.mkdir()
    again = write_part(store.folder, pq.read_table(store.folder / store.parts()[0].file).slice(2, 5))
    loose.append(store.folder / again.file)
    assert {fault.path for fault in leftovers(folder)} == set(loose)
    assert open_atlas(path).check(full=True) == []
    assert mend().faults == []
    assert not any(place.exists() for place in loose)
    assert leftovers(folder) == []


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [("corpus/part-*", "knowscape build CORPUS -o"), ("questions/questions.json", "-q questions.json")],
)
def test_what_cannot_be_had_again_stays_and_the_remedy_is_named(
    path: Path, mend: Callable[[], Repaired], pattern: str, remedy: str
) -> None:
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"}
    newest = open_atlas(path).folder.corpus.parts()[0].file
    damaged = path / "corpus" / newest if "corpus" in pattern else path / pattern
    flip(damaged)
    done = mend()
    assert damaged in [fault.path for fault in done.faults]
    assert remedy in " ".join(map(str, done.faults))
    assert {file for file in before if not file.exists() or file.read_bytes() != before[file]} == {damaged}


@pytest.mark.parametrize("pattern", ["corpus/part-*", "corpus/manifest-*"])
@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_building_with_the_same_corpus_mends_a_damaged_one(path: Path, pattern: str, harm: Harm) -> None:
    corpus = open_atlas(path).corpus
    table = Corpus(corpus.table.select(corpus.table.column_names))
    for file in path.glob(pattern):
        harm(file)
    put_corpus(AtlasFolder.open(path), table)
    assert open_atlas(path).check(full=True) == []
    assert open_atlas(path).corpus.digest == table.digest


def test_a_model_that_is_not_found_leaves_the_gap_and_says_how_to_name_it(path: Path) -> None:
    flip(vector_parts(path)[1])
    done = repair(path)
    assert [(fault.kind, fault.rows) for fault in done.faults] == [("gap", "20 to 39")]
    assert "--model FOLDER" in " ".join(done.did)


def test_nothing_is_repaired_while_another_process_writes(path: Path, mend: Callable[[], Repaired]) -> None:
    flip(vector_parts(path)[1])
    with AtlasFolder.open(path).corpus.writing(), pytest.raises(KnowscapeError, match="is being written by"):
        mend()


def test_the_command_ends_with_3_on_damage_and_with_0_once_it_is_repaired(
    path: Path, small_model: Path, knowscape: Run
) -> None:
    part = vector_parts(path)[0]
    flip(part)
    found = knowscape("check", path, "--full")
    assert found.returncode == 3
    assert f"{part} does not have the digest" in found.stdout
    assert f"knowscape check {path} --repair" in found.stdout
    told = json.loads(knowscape("check", path, "--full", "--json").stdout)
    assert [(fault["kind"], fault["path"]) for fault in told["faults"]] == [("damaged", str(part))]
    mended = knowscape("check", path, "--repair", "--model", small_model, "--json")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert json.loads(mended.stdout)["whole"]
    after = knowscape("check", path, "--full")
    assert (after.returncode, after.stdout) == (0, f"{path} is whole.\n")

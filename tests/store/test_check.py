"""The check finds what is whole and wrong: files with their right digests that tell something untrue."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from knowscape.atlas import Atlas
from knowscape.corpus.document import Corpus
from knowscape.errors import Fault
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.store.signed import read_signed, write_signed
from small_atlas import COUNT, SPEC, small_atlas


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    made = small_atlas(tmp_path / "x.atlas")
    assert made.check(full=True) == []
    return made


def found(atlas: Atlas, *, full: bool = True) -> list[tuple[str, str]]:
    """Return the kind and the folder of each fault, and insist that it tells what to type."""
    faults: list[Fault] = Atlas(atlas.folder).check(full=full)
    assert all("knowscape" in fault.remedy for fault in faults)
    return [(fault.kind, fault.path.relative_to(atlas.path).parts[0]) for fault in faults]


def rewrite_corpus(atlas: Atlas, table: pa.Table) -> None:
    """Commit other rows as the corpus, under the digest that they really have."""
    digest = Corpus(table).digest
    with atlas.folder.corpus.writing() as writer:
        writer.replace(table, {"kind": "corpus", "digest": digest})
    atlas.folder.update({"corpus": digest})


def with_column(atlas: Atlas, name: str, change: Callable[[list[str]], list[str]]) -> pa.Table:
    table = atlas.corpus.table
    return table.set_column(table.column_names.index(name), name, pa.array(change(table[name].to_pylist())))


def test_an_id_that_stands_twice_is_found(atlas: Atlas) -> None:
    rewrite_corpus(atlas, with_column(atlas, "id", lambda ids: [*ids[:-1], ids[0]]))
    assert ("duplicate", "corpus") in found(atlas, full=False)


def test_a_text_under_the_digest_of_another_is_found_with_its_row(atlas: Atlas) -> None:
    rewrite_corpus(atlas, with_column(atlas, "text", lambda texts: [*texts[:6], "other words", *texts[7:]]))
    faults = [fault for fault in Atlas(atlas.folder).check(full=True) if fault.kind == "mismatch"]
    assert [(fault.rows, "text digests of other texts" in fault.says) for fault in faults] == [("6", True)]


def test_a_corpus_that_its_manifest_describes_wrongly_is_found(atlas: Atlas) -> None:
    with atlas.folder.corpus.writing() as writer:
        writer.replace(atlas.corpus.table.slice(0, 9), {"kind": "corpus", "digest": atlas.corpus.digest})
    assert ("mismatch", "corpus") in found(atlas)


def test_vectors_of_another_model_are_found(atlas: Atlas) -> None:
    store = atlas.folder.vectors(SPEC.name, SPEC.fingerprint)
    other = replace(SPEC, query_prompt="query: ").about()
    with store.parts.writing() as writer:
        writer.restate(store.parts.parts(), other)
    assert ("mismatch", "vectors") in found(atlas, full=False)


def test_a_document_without_a_vector_is_found_by_its_row(atlas: Atlas) -> None:
    atlas.folder.vectors(SPEC.name, SPEC.fingerprint).set_quarantine({})
    faults = Atlas(atlas.folder).check()
    assert [(fault.kind, fault.rows) for fault in faults if fault.kind == "gap"] == [("gap", f"{COUNT - 1}")]


def changed_map(atlas: Atlas, change: Callable[[KnowledgeMap], None]) -> None:
    made = atlas.map()
    change(made)
    made.save(atlas.folder.map(SPEC.name))


def move_a_point_away(made: KnowledgeMap) -> None:
    made.coordinates[0] = 2.0


def move_the_points_from_their_labels(made: KnowledgeMap) -> None:
    made.coordinates[:] = made.coordinates[::-1].copy()


def put_a_point_into_no_region(made: KnowledgeMap) -> None:
    made.regions.membership[0, -1] = 99


def put_points_into_another_region(made: KnowledgeMap) -> None:
    made.regions.membership[:, 0] = 0


@pytest.mark.parametrize(
    "change",
    [
        move_a_point_away,
        move_the_points_from_their_labels,
        put_a_point_into_no_region,
        put_points_into_another_region,
    ],
)
def test_labels_that_do_not_lie_where_they_claim_are_found(
    atlas: Atlas, change: Callable[[KnowledgeMap], None]
) -> None:
    changed_map(atlas, change)
    assert ("labels", "maps") in found(atlas)


@pytest.mark.parametrize("what", ["corpus", "fingerprint", "questions"])
def test_a_map_that_is_older_than_what_it_shows_is_found(atlas: Atlas, what: str) -> None:
    path = atlas.folder.map(SPEC.name) / "map.json"
    said = read_signed(path)
    write_signed(path, {**said, "about": {**said["about"], what: "0" * 64}})
    assert ("stale", "maps") in found(atlas, full=False)
    assert ("stale", "page") in found(atlas, full=False)


def test_neighbours_that_are_not_those_of_the_vectors_are_found(atlas: Atlas) -> None:
    graph = atlas.folder.neighbours(SPEC.name, SPEC.fingerprint)
    table = graph.read()
    assert table is not None
    with graph.writing() as writer:
        writer.replace(table.take(np.roll(np.arange(table.num_rows), 1)), graph.about())
    assert ("mismatch", "neighbours") in found(atlas)

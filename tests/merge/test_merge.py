"""What goes together becomes one atlas, in which each text has one vector and each part is the file it was."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import SPEC
from shards import OTHER, checkpoint, corpus, embedded, holds, links, shard, stars, tree, vectors

from knowscape.atlas import open_atlas
from knowscape.files import sha256_text
from knowscape.merge.run import MergeOptions, merge
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder

ALL = stars(range(60))


def test_atlases_of_one_corpus_give_all_their_vectors_and_every_part_is_linked(tmp_path: Path) -> None:
    sources = [shard(tmp_path / str(n), ALL, ALL[n * 20 : n * 20 + 20]) for n in range(3)]
    merged = merge(sources, tmp_path / "c.atlas")
    holds(tmp_path / "c.atlas", ALL)
    assert links(tmp_path / "c.atlas") == [2] * 7
    assert (merged.documents, merged.parts, merged.copied, merged.written) == (60, 7, 0, 0)
    assert merged.models == {"counting": {"vectors": 60, "missing": 0}}
    assert merged.next == f"knowscape map {tmp_path / 'c.atlas'}"


def test_atlases_of_several_corpora_give_all_their_documents_in_the_order_of_the_sources(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL[40:]), shard(tmp_path / "2", ALL[:40])
    merge([one, two], tmp_path / "c")
    atlas = holds(tmp_path / "c", ALL[40:] + ALL[:40])
    assert atlas.folder.info()["corpus"] == atlas.corpus.digest == corpus(ALL[40:] + ALL[:40]).digest
    assert links(tmp_path / "c") == [2] * 8


def test_what_two_sources_both_hold_is_kept_once(tmp_path: Path) -> None:
    """Rows 12 to 24 are in both: all of the second one's first part, and three rows of its next."""
    merged = merge([shard(tmp_path / "1", ALL[:25]), shard(tmp_path / "2", ALL[12:])], tmp_path / "c")
    atlas = holds(tmp_path / "c", ALL)
    assert atlas.folder.vectors(SPEC.name, SPEC.fingerprint).parts.rows() == 60
    assert (merged.parts, merged.written) == (2 + 3 + 4, 2)


def test_vectors_that_differ_in_their_last_bits_are_the_same(tmp_path: Path) -> None:
    def elsewhere(found: np.ndarray) -> None:
        found *= np.float32(1 + 1e-6)

    one, two = shard(tmp_path / "1", ALL), shard(tmp_path / "2", ALL, spoil=elsewhere)
    merge([one, two], tmp_path / "c")
    holds(tmp_path / "c", ALL)


def test_documents_with_equal_texts_share_a_vector(tmp_path: Path) -> None:
    twins = [*stars(range(5)), *(type(each)(f"twin {each.id}", each.text) for each in stars(range(5)))]
    checkpoint(tmp_path / "a.pkl", 0, twins)
    merge([tmp_path / "a.pkl"], tmp_path / "c", MergeOptions(corpus(twins), SPEC))
    atlas = holds(tmp_path / "c", twins)
    assert atlas.folder.vectors(SPEC.name, SPEC.fingerprint).parts.rows() == 5


def test_a_folder_of_vectors_from_another_host_is_merged_into_the_corpus_that_is_named(tmp_path: Path) -> None:
    for name, rows in (("1", ALL[:30]), ("2", ALL[30:])):
        folder = shard(tmp_path / "host" / name, rows) / "vectors"
        shutil.move(next(folder.iterdir()), tmp_path / name)
    shutil.rmtree(tmp_path / "host")
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "c", MergeOptions(corpus(ALL)))
    holds(tmp_path / "c", ALL)


def test_rows_of_checkpoints_belong_to_the_documents_at_their_positions(tmp_path: Path) -> None:
    names = [checkpoint(tmp_path / f"cluster{n}_gpu0.pkl", n * 20, ALL[n * 20 : n * 20 + 20]) for n in (2, 0, 1)]
    merged = merge(names, tmp_path / "c", MergeOptions(corpus(ALL), SPEC))
    holds(tmp_path / "c", ALL)
    assert (merged.parts, merged.written) == (4, 4)


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_checkpoints_of_other_floats_become_float32(tmp_path: Path, kind: type[np.floating]) -> None:
    given = vectors([each.text for each in ALL]).astype(kind)
    checkpoint(tmp_path / "a.pkl", 0, ALL, embeddings=given)
    merge([tmp_path / "a.pkl"], tmp_path / "c", MergeOptions(corpus(ALL), SPEC))
    np.testing.assert_array_equal(open_atlas(tmp_path / "c").vectors(), given.astype(np.float32))


def test_atlases_folders_and_checkpoints_go_together(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL, ALL[:20])
    two = next((shard(tmp_path / "2", ALL, ALL[20:45]) / "vectors").iterdir())
    three = checkpoint(tmp_path / "a.pkl", 40, ALL[40:])
    merge([one, two, three], tmp_path / "c", MergeOptions(corpus(ALL), SPEC))
    holds(tmp_path / "c", ALL)


def test_an_atlas_with_the_whole_corpus_takes_in_what_others_embedded(tmp_path: Path) -> None:
    whole = shard(tmp_path / "c", ALL, ALL[:15])
    merge([shard(tmp_path / "1", ALL[10:40]), shard(tmp_path / "2", ALL[40:])], whole)
    holds(whole, ALL)


def test_an_atlas_may_be_source_and_output(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL[:30]), shard(tmp_path / "2", ALL[30:])
    for _ in range(2):
        merge([one, two], one)
        holds(one, ALL)


def test_the_same_command_again_changes_nothing(tmp_path: Path) -> None:
    sources = [shard(tmp_path / "1", ALL[:25]), shard(tmp_path / "2", ALL[15:])]
    merge(sources, tmp_path / "c")
    before = tree(tmp_path / "c")
    merge(sources, tmp_path / "c")
    assert tree(tmp_path / "c") == before


def test_a_source_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL)
    (tmp_path / "link").symlink_to(one)
    merged = merge([one, tmp_path / "1", tmp_path / "link", tmp_path / "x" / ".." / "1"], tmp_path / "c")
    assert merged.parts == 7


def test_a_source_that_is_being_written_is_merged_as_it_was_committed_last(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL)
    with (next((one / "vectors").iterdir()) / ".lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        merge([one], tmp_path / "c")
    holds(tmp_path / "c", ALL)


def test_several_models_stay_apart(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL), shard(tmp_path / "2", ALL, spec=OTHER)
    merge([one, two], tmp_path / "c")
    atlas = holds(tmp_path / "c", ALL)
    assert atlas.folder.info()["models"] == {"counting": SPEC.fingerprint, "other": OTHER.fingerprint}
    assert atlas.model() == ("counting", SPEC.fingerprint)
    assert atlas.vectors("other").shape == (60, 8)


def test_questions_and_their_vectors_are_united(tmp_path: Path) -> None:
    asked = [Question(str(n), f"Which is star {n}?", ("Moon", f"Star {n}"), 1) for n in range(5)]
    one = shard(tmp_path / "1", ALL[:30], questions=asked[:3])
    two = shard(tmp_path / "2", ALL[30:], questions=asked[2:])
    merge([one, two], tmp_path / "c")
    atlas = holds(tmp_path / "c", ALL)
    assert atlas.questions == asked
    np.testing.assert_array_equal(atlas.question_vectors(), vectors([each.embedding_text for each in asked]))


def test_what_could_not_be_embedded_stays_in_quarantine_unless_another_source_has_it(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL, ALL[2:30]), shard(tmp_path / "2", ALL[1:2] + ALL[30:])
    digests = [sha256_text(each.text) for each in ALL[:2]]
    store = AtlasFolder.open(one).vectors(SPEC.name, SPEC.fingerprint)
    store.set_quarantine(dict.fromkeys(digests, "too long"))
    merge([one, two], tmp_path / "c")
    atlas = open_atlas(tmp_path / "c")
    assert atlas.folder.vectors(*atlas.model()).quarantine() == {digests[0]: "too long"}
    assert [each.id for each in atlas.documents()] == [each.id for each in ALL[1:]]


def test_the_work_of_the_sources_is_added_up(tmp_path: Path) -> None:
    sources = [shard(tmp_path / "1", ALL[:30]), shard(tmp_path / "2", ALL[30:])]
    for path in sources:
        run = {"processing_time": 1.5, "texts_computed": 30, "device": "cpu"}
        AtlasFolder.open(path).update({"runs": {"counting": run}})
    for _ in range(2):
        merge(sources, tmp_path / "c")
        told = open_atlas(tmp_path / "c").how_embedded()
        assert (told["processing_time"], told["texts_computed"], told["device"]) == (3.0, 60, "cpu")


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    for place in ("/dev/shm", "/run", str(Path.home())):
        if os.access(place, os.W_OK) and Path(place).stat().st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                yield Path(folder)
            return
    pytest.skip("there is no second file system that can be written")


def test_parts_on_another_disk_are_copied(tmp_path: Path, other_disk: Path) -> None:
    merged = merge([shard(other_disk / "1", ALL[:30]), shard(tmp_path / "2", ALL[30:])], tmp_path / "c")
    holds(tmp_path / "c", ALL)
    assert (merged.parts, merged.copied) == (8, 4)
    assert sorted(links(tmp_path / "c")) == [1] * 4 + [2] * 4


def test_more_documents_make_more_parts_and_no_source_changes(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL[:30])
    before = tree(one)
    merge([one, shard(tmp_path / "2", ALL[20:])], tmp_path / "c")
    embedded(tmp_path / "c", stars(range(60, 65)))
    assert tree(one) == before

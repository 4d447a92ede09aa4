"""What does not go together is refused with all reasons at once, and nothing is written."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fakes import SPEC
from shards import OTHER, checkpoint, corpus, shard, stars, tree, vectors

from knowscape.corpus.readers import read_corpus
from knowscape.errors import KnowscapeError, UsageError
from knowscape.merge.objections import MergeRefusedError, spans
from knowscape.merge.run import MergeOptions, merge
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import PartFolder
from knowscape.store.vectors import vector_table

ALL = stars(range(60))
WHOLE, ALONE = MergeOptions(corpus(ALL), SPEC), MergeOptions()


def refused(tmp_path: Path, sources: list[Path], options: MergeOptions = ALONE) -> MergeRefusedError:
    """Merge into `c`, which must fail and leave everything as it was."""
    before = tree(tmp_path)
    with pytest.raises(MergeRefusedError) as caught:
        merge(sources, tmp_path / "deep" / "c", options)
    assert tree(tmp_path) == before
    assert not (tmp_path / "deep").exists()
    return caught.value


def part(path: Path) -> Path:
    return min((path / "vectors").glob("*/part-*"))


def spoil(rows: slice, value: float) -> Callable[[np.ndarray], None]:
    def change(found: np.ndarray) -> None:
        found[rows] = value

    return change


def test_a_gap_is_named_by_its_rows(tmp_path: Path) -> None:
    sources = [checkpoint(tmp_path / "a.pkl", 0, ALL[:20]), checkpoint(tmp_path / "b.pkl", 35, ALL[35:59])]
    error = refused(tmp_path, sources, WHOLE)
    assert "gap: rows 20 to 34 and 59 are in no part (counting)" in str(error)
    assert "--allow-gaps" in str(error)
    assert error.exit_code == 2


def test_rows_are_written_as_ranges() -> None:
    assert spans(np.r_[100_000:115_625]) == "rows 100,000 to 115,624"
    assert spans(np.array([7])) == "row 7"
    assert spans(np.r_[1:3, 5, 8:11]) == "rows 1 to 2, 5 and 8 to 10"
    assert spans(np.arange(0, 60, 2)).endswith(", 14 and 22 more ranges")


def test_a_gap_in_an_atlas_is_named_with_its_model(tmp_path: Path) -> None:
    error = refused(tmp_path, [shard(tmp_path / "1", ALL, ALL[:20]), shard(tmp_path / "2", ALL, ALL[30:])])
    assert [fault.says for fault in error.faults] == ["rows 20 to 29 are in no part (counting)"]


def test_shards_of_two_models_are_not_mixed_but_have_gaps_both(tmp_path: Path) -> None:
    error = refused(tmp_path, [shard(tmp_path / "1", ALL[:30]), shard(tmp_path / "2", ALL[30:], spec=OTHER)])
    assert [fault.says for fault in error.faults] == [
        "rows 30 to 59 are in no part (counting)",
        "rows 0 to 29 are in no part (other)",
    ]


def test_different_vectors_of_a_text_are_named_with_rows_ids_and_both_values(tmp_path: Path) -> None:
    moved = vectors([each.text for each in ALL[20:]])
    moved[5:8, 3] += 0.25
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    sources = [
        checkpoint(tmp_path / "a.pkl", 0, ALL[:40]),
        checkpoint(tmp_path / "b.pkl", 20, ALL[20:], embeddings=moved),
    ]
    (fault,) = refused(tmp_path, sources, WHOLE).faults
    first = vectors([ALL[25].text])[0]
    component = int(np.abs(first - moved[5]).argmax())
    assert fault.kind == "overlap"
    assert f"{sources[0]} and {sources[1]} have different vectors of rows 25 to 27" in fault.says
    assert "('25', '26', '27')" in fault.says
    assert f"component {component} is {first[component]:.6g} and {moved[5, component]:.6g}" in fault.says


def test_an_id_with_two_texts_is_named_with_both_digests_and_both_sources(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL[:30]), shard(tmp_path / "2", [*stars([29], "Moon"), *ALL[30:]])
    (fault,) = refused(tmp_path, [one, two]).faults
    assert fault.kind == "duplicate id"
    digests = [each.text_digest[:16] for each in (ALL[29], *stars([29], "Moon"))]
    assert f"'29' is {digests[0]} in {one}" in fault.says
    assert f"and {digests[1]} in {two}" in fault.says


def test_an_id_with_two_questions_is_named(tmp_path: Path) -> None:
    asked = [Question("q", "Which is a star?", ("Moon", "Sun"), index) for index in (0, 1)]
    one, two = (shard(tmp_path / str(n), ALL, questions=[each]) for n, each in enumerate(asked))
    (fault,) = refused(tmp_path, [one, two]).faults
    assert (fault.kind, "'q'" in fault.says) == ("duplicate question", True)


def test_another_dimension_is_named_with_both(tmp_path: Path) -> None:
    wide = checkpoint(tmp_path / "a.pkl", 0, ALL, embeddings=np.ones((60, 12), np.float32))
    (fault,) = [each for each in refused(tmp_path, [wide], WHOLE).faults if each.kind != "gap"]
    assert (fault.kind, fault.says) == ("dimension", f"{wide} has 12 dimensions, counting has 8")


def test_another_encoder_of_the_same_name_is_named_with_both_fingerprints_and_dimensions(tmp_path: Path) -> None:
    wider = replace(SPEC, dimension=12)
    one, two = shard(tmp_path / "1", ALL), shard(tmp_path / "2", ALL[:1], [])
    store = AtlasFolder.open(two).vectors(wider.name, wider.fingerprint)
    with store.writing(wider.about()) as append:
        append(["0"], [ALL[0].text_digest], np.full((1, 12), 12**-0.5, np.float32))
    (fault,) = [each for each in refused(tmp_path, [one, two]).faults if each.kind != "gap"]
    assert fault.kind == "model"
    for words in (
        f"{SPEC.fingerprint[:16]} (dimension 8) in {one}",
        f"{wider.fingerprint[:16]} (dimension 12) in {two}",
    ):
        assert words in fault.says


def test_a_manifest_that_contradicts_its_encoder_is_refused(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL, [])
    store = AtlasFolder.open(one).vectors(SPEC.name, SPEC.fingerprint)
    with store.writing({**SPEC.about(), "fingerprint": "f" * 64}) as append:
        append(["0"], [ALL[0].text_digest], vectors([ALL[0].text]))
    (fault,) = refused(tmp_path, [one]).faults
    assert fault.kind == "model"
    assert f"fingerprint {'f' * 64}, its encoder's is {SPEC.fingerprint}" in fault.says


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.nan, "not finite"), (np.inf, "not finite"), (0, "all zero"), (0.5, "not of length one"), (1e38, "not finite")],
)
@pytest.mark.parametrize("given", ["checkpoint", "atlas"])
def test_vectors_of_no_use_are_named_by_rows_and_file(tmp_path: Path, value: float, kind: str, given: str) -> None:
    found = vectors([each.text for each in ALL[:30]])
    found[4:7] = value
    if given == "checkpoint":
        sources = [
            checkpoint(tmp_path / "a.pkl", 30, ALL[30:], embeddings=found),
            checkpoint(tmp_path / "b.pkl", 0, ALL[:30]),
        ]
        where, options = f"rows 34 to 36 of {sources[0]}", WHOLE
    else:
        sources, options = [shard(tmp_path / "1", ALL), shard(tmp_path / "2", ALL[:1], [])], MergeOptions()
        table = AtlasFolder.open(sources[0]).vectors(SPEC.name, SPEC.fingerprint).parts
        with table.writing() as writer:  # the usual way refuses some of these itself
            ids = [f"x{n}" for n in range(30)]
            name = writer.append(vector_table(ids, ids, found), SPEC.about()).file
        where = f"rows 4 to 6 of {table.folder / name}"
    error = refused(tmp_path, sources, options)
    assert (kind, where) in {(fault.kind, fault.says) for fault in error.faults}
    assert error.exit_code == 3


def test_a_norm_within_a_thousandth_is_accepted(tmp_path: Path) -> None:
    found = vectors([each.text for each in ALL]) * np.float32(1.0009)
    merge([checkpoint(tmp_path / "a.pkl", 0, ALL, embeddings=found)], tmp_path / "c", WHOLE)


def test_a_checkpoint_with_fewer_rows_than_it_says_is_named_with_both_numbers(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pkl", 10, ALL[10:20], end_index=25)
    error = refused(tmp_path, [path], WHOLE)
    assert f"length: {path} says rows 10 to before 25, 15, and has 10" in str(error)
    assert error.exit_code == 3


@pytest.mark.parametrize("start", [-5, 51, 10**12])
def test_rows_beyond_the_corpus_are_named_with_its_size(tmp_path: Path, start: int) -> None:
    path = checkpoint(tmp_path / "a.pkl", start, ALL[:10])
    says = str(refused(tmp_path, [path], WHOLE))
    assert f"beyond: {path} says rows {start:,} to before {start + 10:,}, and the corpus has 60 documents" in says


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no pickle", "invalid load key"),
        (pickle.dumps([1, 2]), "not a dict with start_index, end_index, embeddings"),
        (pickle.dumps({"start_index": 0, "end_index": 1, "embeddings": [[1.0]]}), "embeddings is list"),
        (pickle.dumps({"start_index": 0.5, "end_index": 1, "embeddings": np.ones((1, 8))}), "0.5 and 1, not whole"),
        (pickle.dumps({"start_index": 0, "end_index": 1, "embeddings": np.ones((1, 8), int)}), "int64[1, 8]"),
        (pickle.dumps({"start_index": 0, "end_index": 1, "embeddings": np.ones(8)}), "float64[8]"),
        (pickle.dumps({"start_index": 0, "end_index": 60, "embeddings": np.ones((60, 8))})[:-999], "truncated"),
        (b"cos\nsystem\n(S'touch MARK'\ntR.", "asks for os.system, which is not data"),
    ],
    ids=["no pickle", "list", "nested list", "half a row", "integers", "one axis", "truncated", "a call"],
)
def test_what_is_no_checkpoint_is_named_with_the_reason(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content.replace(b"MARK", bytes(tmp_path / "mark")))
    (fault,) = [each for each in refused(tmp_path, [path], WHOLE).faults if each.kind != "gap"]
    assert fault.kind == "unreadable"
    assert str(path) in fault.says
    assert says in fault.says
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("place", ["vectors", "corpus"])
def test_a_damaged_part_is_named(tmp_path: Path, place: str) -> None:
    one = shard(tmp_path / "1", ALL)
    path = min((one / place).rglob("part-*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    error = refused(tmp_path, [one])
    assert any(fault.kind == "damaged" and str(path) in fault.says for fault in error.faults)
    assert error.exit_code == 3


def test_a_part_that_is_not_there_and_a_damaged_manifest_are_named(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL), shard(tmp_path / "2", ALL)
    part(one).unlink()
    manifest = max((two / "vectors").glob("*/manifest-*"))
    manifest.write_bytes(manifest.read_bytes()[:-9])
    says = str(refused(tmp_path, [one, two]))
    assert f"{part(one).parent}" in says
    assert str(manifest) in says


def test_all_faults_of_all_sources_are_in_one_report(tmp_path: Path) -> None:
    bad = vectors([each.text for each in ALL[40:50]])
    bad[0], bad[1] = 0, np.nan
    sources = [
        shard(tmp_path / "1", ALL[:20]),
        shard(tmp_path / "2", stars([5], "Moon")),
        checkpoint(tmp_path / "a.pkl", 40, ALL[40:50], embeddings=bad),
        checkpoint(tmp_path / "b.pkl", 55, ALL[:10]),
        checkpoint(tmp_path / "c.pkl", 0, ALL[:10], end_index=3),
        tmp_path / "nowhere",
    ]
    kinds = {fault.kind for fault in refused(tmp_path, sources, WHOLE).faults}
    assert kinds == {"duplicate id", "all zero", "not finite", "beyond", "length", "source", "gap"}


def test_checkpoints_need_the_corpus_and_the_model(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pkl", 0, ALL)
    with pytest.raises(UsageError, match="--corpus CORPUS --model NAME"):
        merge([path], tmp_path / "c")


def test_a_corpus_with_records_left_out_does_not_place_checkpoints(tmp_path: Path) -> None:
    """The rows of a checkpoint count every record: behind one that was left out, all vectors would be another's."""
    lines = [f'{{"id": "{n}", "text": "{text}"}}' for n, text in enumerate(["one", "", "three"])]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    path = checkpoint(tmp_path / "a.pkl", 0, ALL[:2])
    with pytest.raises(UsageError, match=r"of 3 records 2 were kept \(1 x empty text skipped"):
        merge([path], tmp_path / "c", MergeOptions(read_corpus(tmp_path / "x.jsonl"), SPEC))


def test_vectors_without_documents_ask_for_the_corpus(tmp_path: Path) -> None:
    folder = part(shard(tmp_path / "1", ALL)).parent
    with pytest.raises(UsageError, match="--corpus CORPUS"):
        merge([folder], tmp_path / "c")


def test_an_atlas_of_other_documents_is_not_merged_into_unless_it_is_a_source(tmp_path: Path) -> None:
    one, target = shard(tmp_path / "1", ALL[:20]), shard(tmp_path / "c", ALL[20:])
    before = tree(target)
    with pytest.raises(MergeRefusedError, match="documents that no source has"):
        merge([one], target)
    assert tree(target) == before
    merge([target, one], target)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_that_is_no_atlas_is_refused(tmp_path: Path, kind: str) -> None:
    one, target = shard(tmp_path / "1", ALL), tmp_path / "c"
    if kind == "file":
        target.touch()
    else:
        target.mkdir()
        (target / "thesis.tex").touch()
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="Name"):
        merge([one], target)
    assert tree(tmp_path) == before


def test_of_two_merges_into_one_atlas_the_second_is_told_of_the_first(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL)
    with PartFolder(tmp_path / ".c.merging").writing(), pytest.raises(KnowscapeError, match="being written by"):
        merge([one], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_unknown_columns_are_refused(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ALL)
    parts = AtlasFolder.open(one).vectors(SPEC.name, SPEC.fingerprint).parts
    with parts.writing() as writer:
        writer.append(pa.table({"id": ["x"], "text_digest": ["x"], "vector": [[1.0] * 8]}), SPEC.about())
    (fault,) = refused(tmp_path, [one]).faults
    assert fault.kind == "damaged"
    assert "vector (list<element: double>)" in fault.says

"""Whatever befell a file, reading says so or gives what was written, and never anything else."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import put_corpus, put_questions
from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import DamageError, KnowscapeError, UsageError
from knowscape.files import sha256_text
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import FORMAT, PartFolder


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> PartFolder:
    parts = PartFolder(tmp_path_factory.mktemp("parts"))
    with parts.writing() as writer:
        for first in (0, 40):
            writer.append(pa.table({"n": range(first, first + 40), "text": ["a few words"] * 40}), {"kind": "test"})
    return parts


def damaged(path: Path, content: bytes, then: Callable[[], None]) -> None:
    """Do `then` while `path` has other bytes."""
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        then()
    finally:
        path.write_bytes(whole)


@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_a_part_is_found_by_reading_and_by_the_full_check(
    parts: PartFolder, position: int, bit: int
) -> None:
    path = parts.folder / parts.parts()[1].file
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << bit

    def found() -> None:
        assert path.name in str(parts.check(full=True)[0])
        with pytest.raises(DamageError, match=path.name):
            parts.read(["n"])

    damaged(path, content, found)


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_part_cut_at_any_length_is_found_by_the_quick_check(parts: PartFolder, share: float) -> None:
    path = parts.folder / parts.parts()[0].file
    whole = path.read_bytes()

    def found() -> None:
        assert f"its manifest says {len(whole):,}" in str(parts.check()[0])
        with pytest.raises(DamageError, match=path.name):
            parts.read()

    damaged(path, whole[: int(share * len(whole))], found)


def test_a_part_with_more_at_its_end_is_found_by_the_quick_check(parts: PartFolder) -> None:
    path = parts.folder / parts.parts()[0].file

    def found() -> None:
        assert path.name in str(parts.check()[0])

    damaged(path, path.read_bytes() + b"\0", found)


def test_no_flipped_bit_of_a_manifest_changes_what_is_read(parts: PartFolder) -> None:
    path = parts.folder / "manifest-2.json"
    whole = path.read_bytes()

    def refused() -> None:
        with pytest.raises(KnowscapeError, match=path.name):
            parts.read()

    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 1 << position % 8
        damaged(path, content, refused)


def test_no_cut_of_a_manifest_changes_what_is_read(parts: PartFolder) -> None:
    path = parts.folder / "manifest-2.json"

    def refused() -> None:
        with pytest.raises(DamageError, match=path.name):
            parts.read()

    for length in range(path.stat().st_size):
        damaged(path, path.read_bytes()[:length], refused)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    "damage", [a_folder, a_dead_link, lambda p: p.write_text("[" * 10**5), lambda p: p.write_bytes(b"\xff\xfe\0")],
    ids=["folder", "dead link", "deep", "other encoding"],
)  # fmt: skip
def test_what_stands_in_the_place_of_a_manifest_is_named_by_reading_and_by_the_check(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    parts = PartFolder(tmp_path)
    with parts.writing() as writer:
        writer.append(pa.table({"n": [1]}), {})
    damage(tmp_path / "manifest-1.json")
    with pytest.raises(DamageError, match=r"manifest-1\.json"):
        parts.read()
    assert "manifest-1.json" in str(parts.check()[0])


def small_atlas(path: Path) -> Atlas:
    """Return an atlas of three documents and a question, with vectors that no model made, and no map."""
    folder = AtlasFolder.create(path)
    put_corpus(folder, Corpus.from_documents(Document(str(n), f"Star {n} shines.", f"Star {n}") for n in range(3)))
    question = Question("q", "Which is a star?", ("Moon", "Sun"), 1)
    put_questions(folder, [question])
    spec = EncoderSpec("m", "1", "0" * 64, "0" * 64, dimension=2, max_tokens=8)
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    with folder.vectors("m", spec.fingerprint).writing(spec.about()) as append:
        append(["0", "1", "2"], [sha256_text(f"Star {n} shines.") for n in range(3)], vectors)
    with folder.question_vectors("m", spec.fingerprint).writing(spec.about()) as append:
        append(["q"], [sha256_text(question.embedding_text)], vectors[:1])
    folder.update({"models": {"m": spec.fingerprint}, "model": "m"})
    return open_atlas(path)


def test_an_atlas_that_is_whole_has_no_faults(tmp_path: Path) -> None:
    atlas = small_atlas(tmp_path / "a.atlas")
    assert atlas.check() == atlas.check(full=True) == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("pattern", "damage", "says"),
    [
        ("corpus/part-*", flip, "part-"),
        ("corpus/manifest-*", flip, "manifest-1.json is damaged"),
        ("corpus/manifest-*", Path.unlink, "is missing: the corpus of m"),
        ("vectors/*/part-*", flip, "part-"),
        ("vectors/*/part-*", Path.unlink, "is missing"),
        ("vectors/*/manifest-*", Path.unlink, "3 documents have no vector of m"),
        ("questions/*/manifest-*", Path.unlink, "1 questions have no vector of m"),
        ("questions/questions.json", lambda path: path.write_text("[{"), "questions.json is damaged"),
    ],
)
def test_the_full_check_names_what_is_damaged(
    tmp_path: Path, pattern: str, damage: Callable[[Path], None], says: str
) -> None:
    small_atlas(tmp_path)
    damage(next(tmp_path.glob(pattern)))
    (fault,) = open_atlas(tmp_path).check(full=True)
    assert says in str(fault)


def test_the_check_names_every_damaged_file_not_the_first_alone(tmp_path: Path) -> None:
    small_atlas(tmp_path)
    for pattern in ("corpus/manifest-*", "vectors/*/manifest-*", "questions/*/part-*"):
        flip(next(tmp_path.glob(pattern)))
    faults = open_atlas(tmp_path).check(full=True)
    rooms = [fault.path.relative_to(tmp_path).parts[0] for fault in faults]
    assert sorted(rooms) == ["corpus", "questions", "vectors"]


def test_vectors_of_a_model_whose_embedding_is_not_finished_are_checked_too(tmp_path: Path) -> None:
    small_atlas(tmp_path)
    AtlasFolder.open(tmp_path).update({"models": {}, "model": None})
    flip(next(tmp_path.glob("vectors/*/part-*")))
    assert "part-" in open_atlas(tmp_path).check(full=True)[0].path.name


def test_a_folder_with_other_things_is_never_made_an_atlas(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an atlas and not empty"):
        AtlasFolder.create(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        AtlasFolder.create(tmp_path / "thesis.txt")
    with pytest.raises(UsageError, match="no atlas"):
        AtlasFolder.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": "1"}', "\0"])
def test_a_damaged_atlas_json_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "atlas.json").write_text(content)
    with pytest.raises(DamageError, match=r"atlas\.json is damaged"):
        AtlasFolder.open(tmp_path)


def test_an_atlas_of_a_newer_format_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "atlas.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(KnowscapeError, match="pip install -U knowscape"):
        AtlasFolder.open(tmp_path)

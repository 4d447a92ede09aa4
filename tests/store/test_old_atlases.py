"""An atlas of every format ever released opens, is whole, and becomes one of this format when it is written."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import MapOptions, make_page, map_atlas, put_corpus, put_questions
from knowscape.corpus.document import Corpus
from knowscape.store.manifest import FORMAT
from knowscape.store.signed import read_signed

STORED = sorted((Path(__file__).parent / "atlases").iterdir())


@pytest.fixture(params=STORED, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Atlas:
    return open_atlas(shutil.copytree(request.param, tmp_path / "old.atlas"))


def test_every_format_up_to_this_one_is_kept() -> None:
    assert [path.name for path in STORED] == [f"format-{number}" for number in range(1, FORMAT + 1)]


def test_an_old_atlas_is_whole(old: Atlas) -> None:
    assert old.check() == old.check(full=True) == []


def test_an_old_atlas_is_read_as_it_was_written(old: Atlas) -> None:
    assert [document.id for document in old.corpus] == [f"d{n}" for n in range(8)]
    assert old.corpus[1].text == "Mars is red with rust."
    assert old.corpus[3].metadata == {"n": 3}
    assert [question.question for question in old.questions] == ["What circles the Earth?", "What makes bread rise?"]
    vectors = old.vectors()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0, :2] == pytest.approx([0.9592, 0.0573], abs=5e-2)
    np.testing.assert_array_equal(old.question_vectors(), vectors[[0, 4]])
    made = old.map()
    assert made.document_ids == old.corpus.ids
    assert made.coordinates.shape == (10, 2)
    assert old.to_table().num_rows == 10


def test_writing_to_an_old_atlas_makes_it_one_of_this_format(old: Atlas) -> None:
    before, corpus = old.vectors(), Corpus(old.corpus.table)
    put_corpus(old.folder, corpus)
    put_questions(old.folder, old.questions)
    old.folder.update({"runs": {}})
    shutil.rmtree(old.folder.map("by-hand"))
    map_atlas(old, MapOptions())
    make_page(old)
    again = open_atlas(old.path)
    for name in ("atlas.json", "questions/questions.json", "maps/by-hand/map.json", "page/files.json"):
        assert read_signed(old.path / name)["format"] == FORMAT
    assert again.check(full=True) == []
    np.testing.assert_array_equal(again.vectors(), before)

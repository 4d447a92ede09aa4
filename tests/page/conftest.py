"""An atlas of what nobody should write into an article, and its index, made once for all tests of the server."""

from pathlib import Path

import pytest
from hostile_texts import METADATA, TITLES, Hostile, id_of, text_of

from knowscape.build import build
from knowscape.corpus.document import Corpus, Document
from knowscape.page.api import Api


@pytest.fixture(scope="session")
def hostile(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """The atlas, embedded by a model that the catalogue lacks, and what answers for it."""
    rows = range(len(TITLES))
    documents = [Document(id_of(row), text_of(row), TITLES[row], metadata=METADATA) for row in rows]
    out = tmp_path_factory.mktemp("hostile") / "a.atlas"
    atlas = build(Corpus.from_documents(documents), out=out, model=str(small_model))
    api = Api(atlas, models=[str(small_model)])
    api.search.prepare()
    return Hostile(api, atlas.folder.page())

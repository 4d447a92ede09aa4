"""The digest of a corpus is what docs/format.md says, whatever is in titles and addresses."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from knowscape.corpus.document import Corpus, Document

NAMES = st.text(st.characters(codec="utf-8"), max_size=8)


def as_specified(corpus: Corpus) -> str:
    rows = zip(corpus.ids, corpus.titles, corpus.urls, corpus.text_digests, strict=True)
    return hashlib.sha256("".join(json.dumps(row) for row in rows).encode()).hexdigest()


@given(st.lists(st.tuples(NAMES, NAMES), max_size=12))
def test_the_digest_is_that_of_one_json_list_for_each_document(names: list[tuple[str, str]]) -> None:
    rows = enumerate(names)
    corpus = Corpus.from_documents(Document(f'"{n}\n', f"Text {n}", title, url) for n, (title, url) in rows)
    assert corpus.digest == as_specified(corpus)
    rest = Corpus(corpus.table.slice(1))
    assert rest.digest == as_specified(rest)


def test_the_digest_of_many_documents() -> None:
    corpus = Corpus.from_documents(Document(str(n), "one text", f"title {n}é") for n in range(70_000))
    assert corpus.digest == as_specified(corpus)

"""Meaning counts as often as it finds a document by a part of it, beside words."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from searchable import SPEC, WordSums

from knowscape.corpus.document import Corpus, Document
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path
from knowscape.encoders.spec import Encoder
from knowscape.search.building import WEIGHT, build_generation
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import Passages
from knowscape.search.weighing import weighed


class Deaf(WordSums):
    """A fake encoder that hears one word in five, as a model does that does not know the language."""

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        return super().encode_documents([" ".join(text.split()[::5]) for text in texts])

    encode_queries = encode_documents


def made(folder: Path, corpus: Corpus, encoder: Encoder) -> tuple[Generations, Generation]:
    generations, count = Generations(folder), len(corpus)
    spans = np.array([[0, len(text)] for text in corpus.texts], np.int64).reshape(-1, 2)
    passages = Passages(np.arange(count), spans, encoder.encode_documents(corpus.texts))
    with generations.writing():
        found, _ = build_generation(generations, SPEC, corpus, passages)
        generations.switch(found, keep=None)
    return generations, found


def weight(folder: Path, corpus: Corpus, encoder: Encoder) -> float:
    generations, generation = made(folder, corpus, encoder)
    return float(weighed(generations, generation, lambda _: encoder).about[WEIGHT])


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus(sample_articles_path(), limit=200)


def test_a_model_that_understands_less_of_the_texts_counts_less(corpus: Corpus, tmp_path: Path) -> None:
    good, bad = weight(tmp_path / "good", corpus, WordSums()), weight(tmp_path / "bad", corpus, Deaf())
    assert 0.2 < good <= 0.55
    assert bad < 0.7 * good


def test_the_same_documents_give_the_same_weight(corpus: Corpus, tmp_path: Path) -> None:
    assert weight(tmp_path / "a", corpus, WordSums()) == weight(tmp_path / "b", corpus, WordSums())


def test_of_few_documents_or_short_ones_both_count_the_same(tmp_path: Path) -> None:
    few = Corpus.from_documents([Document("a", "The sea is wide and the sky is high.")])
    short = Corpus.from_documents([Document(f"{n}", f"word{n}") for n in range(100)])
    assert weight(tmp_path / "few", few, WordSums()) == 0.5
    assert weight(tmp_path / "short", short, WordSums()) == 0.5
    assert weight(tmp_path / "none", Corpus.from_documents([]), WordSums()) == 0.5


def test_an_update_keeps_the_weight_and_it_is_measured_once(corpus: Corpus, tmp_path: Path) -> None:
    generations, generation = made(tmp_path / "a", corpus, WordSums())
    weighed(generations, generation, lambda _: WordSums())
    before = generations.current()
    assert before is not None

    def load(_: object) -> Encoder:
        raise AssertionError("it is measured again")

    assert weighed(generations, before, load) == before
    encoder, more = WordSums(), Corpus.from_documents([*corpus, Document("new", "Another text.")])
    spans = np.array([[0, len(text)] for text in more.texts])
    passages = Passages(np.arange(len(more)), spans, encoder.encode_documents(more.texts))
    with generations.writing():
        after, _ = build_generation(generations, SPEC, more, passages, base=before)
    assert after.about[WEIGHT] == before.about[WEIGHT]

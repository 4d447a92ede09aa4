"""What every index of searches promises, tried on each of them.

An index is added by one line of INDICES.  Those on a fake server are tried in every run; `make opensearch` tries the
same on a real one at OPENSEARCH_URL.
"""

import itertools
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_opensearch import FakeOpenSearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from searchable import DOCUMENTS, LONG, WordSums, corpus_of, passages_of

from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import Encoder
from knowscape.errors import UsageError
from knowscape.search.building import build_generation
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.filters import Filter
from knowscape.search.fusion import Fusion
from knowscape.search.generations import Generations
from knowscape.search.index import MODES, Changed, Hit, Passages, SearchIndex, SearchOptions
from knowscape.search.opensearch import OpenSearchIndex, create, delete, indices
from knowscape.search.opensearch_bodies import MappingOptions
from knowscape.search.opensearch_server import Server, ServerOptions, connect

Make = Callable[[Corpus, Passages, Encoder], SearchIndex]


def _on(server: Server, options: MappingOptions, corpus: Corpus, passages: Passages, encoder: Encoder) -> SearchIndex:
    name = create(server, f"conformance-{secrets.token_hex(4)}", encoder.spec, options)
    index = OpenSearchIndex(server, name, encoder)
    index.update(corpus, passages)
    return index


@contextmanager
def _fake(version: str, options: MappingOptions = MappingOptions(), **fake: Any) -> Iterator[Make]:
    with FakeOpenSearch(version, **fake) as running:
        server = connect(ServerOptions(running.url))
        yield partial(_on, server, options)
        server.close()


@contextmanager
def _real() -> Iterator[Make]:
    server = connect(ServerOptions())
    made: list[str] = []

    def make(corpus: Corpus, passages: Passages, encoder: Encoder) -> SearchIndex:
        index = _on(server, MappingOptions(replicas=0), corpus, passages, encoder)
        assert isinstance(index, OpenSearchIndex)
        made.append(index.stored.alias)
        return index

    yield make
    for alias in made:
        for one in indices(server, alias):
            delete(server, one.name)
    server.close()


@contextmanager
def _embedded() -> Iterator[Make]:
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()

        def make(corpus: Corpus, passages: Passages, encoder: Encoder) -> SearchIndex:
            generations = Generations(Path(folder) / f"{next(numbers)}")
            with generations.writing():
                made, _ = build_generation(generations, encoder.spec, corpus, passages)
                generations.switch(made, keep=None)
            return EmbeddedIndex(generations, lambda _: encoder)

        yield make


INDICES = [
    pytest.param(_embedded, id="embedded"),
    pytest.param(partial(_fake, "2.12.0"), id="opensearch-2.12-faiss"),
    pytest.param(
        partial(_fake, "2.12.0", MappingOptions(engine="lucene")), id="opensearch-2.12-lucene", marks=pytest.mark.soak
    ),
    pytest.param(partial(_fake, "2.19.1"), id="opensearch-2.19-fuses"),
    pytest.param(
        partial(_fake, "2.19.1", neural=False), id="opensearch-2.19-without-neural-search", marks=pytest.mark.soak
    ),
    pytest.param(
        partial(_fake, "3.5.0", MappingOptions(engine="lucene", shards=2)), id="opensearch-3.5-lucene-2-shards"
    ),
    pytest.param(_real, id="opensearch", marks=pytest.mark.opensearch),
]
ALL = SearchOptions(k=100)


@pytest.fixture(scope="module", params=INDICES)
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    with request.param() as made:
        yield made


@pytest.fixture(scope="module")
def index(make: Make) -> SearchIndex:
    """The small corpus, which no test changes."""
    return of(make, corpus_of())


def of(make: Make, corpus: Corpus, without: tuple[str, ...] = ()) -> SearchIndex:
    encoder = WordSums()
    return make(corpus, passages_of(corpus, encoder, without), encoder)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


def fields(document: Document) -> Mapping[str, Any]:
    """What a filter is held against: the metadata, and the document's own fields."""
    own = {name: getattr(document, name) for name in ("id", "title", "url", "source")}
    return {**document.metadata, **own}


def test_words_find_the_documents_that_hold_them(index: SearchIndex) -> None:
    assert ids(index.search("hospital", SearchOptions(mode="lexical"))) == ["doctor"]
    assert ids(index.search("nowhere", SearchOptions(mode="lexical"))) == []


def test_words_are_stemmed(index: SearchIndex) -> None:
    assert ids(index.search("comets", SearchOptions(mode="lexical"))) == ["comet"]


def test_a_word_in_the_title_weighs_more(make: Make) -> None:
    made = of(make, corpus_of(Document("in-text", "Zebra.", "Horse"), Document("in-title", "Horse.", "Zebra")))
    assert ids(made.search("zebra", SearchOptions(mode="lexical"))) == ["in-title", "in-text"]


def test_vectors_find_what_has_no_word_of_the_query(index: SearchIndex) -> None:
    assert ids(index.search("physician", SearchOptions(mode="dense")))[0] == "doctor"
    assert index.search("physician", SearchOptions(mode="lexical")) == []


def test_hybrid_finds_what_either_finds_and_ranks_what_both_find_first(index: SearchIndex) -> None:
    hits = index.search("automobile engine", SearchOptions(k=3))
    assert ids(hits)[0] == "engine"
    assert ids(index.search("physician", SearchOptions()))[0] == "doctor"


@pytest.mark.parametrize("mode", MODES)
def test_hits_are_ranked_by_falling_scores_and_come_once(index: SearchIndex, mode: str) -> None:
    hits = index.search("the orbit of a planet", SearchOptions(mode=mode))
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(set(ids(hits))) == len(hits)


def test_a_hit_tells_its_rank_under_each_retriever_that_is_known(index: SearchIndex) -> None:
    alone = {mode: ids(index.search("planet orbit", replace(ALL, mode=mode))) for mode in ("dense", "lexical")}
    for mode, found in alone.items():
        for hit in index.search("planet orbit", replace(ALL, mode=mode)):
            assert hit.ranks == {mode: found.index(hit.id) + 1}
    for hit in index.search("planet orbit", ALL):
        for mode, rank in hit.ranks.items():
            assert alone[mode].index(hit.id) + 1 == rank


def test_a_hit_has_all_that_the_document_has(index: SearchIndex) -> None:
    (hit,) = index.search("dust", SearchOptions(mode="lexical"))
    comet = DOCUMENTS[0]
    assert (hit.title, hit.url, dict(hit.metadata)) == (comet.title, comet.url, dict(comet.metadata))


@pytest.mark.parametrize(
    "words",
    [
        "year = 1986", "year = 1999", "year = 2021.5", "year != 1986", "year < 2000", "year <= 1999", "year > 1999",
        "year >= 2006", "year > -51", "year in 1986, 1999", "year in nineties", "year < later", "year > Z",
        "tags = sky", "tags != sky", "tags != ice", "tags in ice, fire", "bright = true", "bright != true",
        "bright = false", "note = 10", "note = 10.0", "note < 11", "note > a", "note != ten", "note in ten, 10",
        "place = Köln", "place >= K", "place < Kz", "source = wiki", "source in wiki, news", "source != wiki",
        "title >= P", "id = straße", "url != https://e.org/comet", "nothing = 1", "nothing != 1", "nothing < 1",
        "note = nan", "note != nan", "year < inf", "year > -inf",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", MODES)
def test_filters_mean_what_they_say(index: SearchIndex, mode: str, words: str) -> None:
    condition = Filter.parse(words)
    wanted = {one.id for one in DOCUMENTS if condition.meets(fields(one))}
    everything = " ".join(word for one in DOCUMENTS for word in one.title.split())
    hits = index.search(everything, replace(ALL, mode=mode, filters=(condition,)))
    assert set(ids(hits)) == wanted


def test_filters_take_names_with_any_sign(index: SearchIndex) -> None:
    condition = Filter("odd name.with dots", "=", "yes")
    assert ids(index.search("rain", replace(ALL, mode="dense", filters=(condition,)))) == ["house"]


@pytest.mark.parametrize("mode", MODES)
def test_all_filters_must_hold(index: SearchIndex, mode: str) -> None:
    both = (Filter.parse("source = wiki"), Filter.parse("year > 2000"))
    assert ids(index.search("planet comet", replace(ALL, mode=mode, filters=both))) == ["planet"]
    none = (Filter("year", "in", ()),)
    assert index.search("planet comet", replace(ALL, mode=mode, filters=none)) == []


def test_the_nearest_that_meet_a_filter_are_found_however_far_they_are(index: SearchIndex) -> None:
    options = SearchOptions(k=1, mode="dense", filters=(Filter.parse("source = book"),))
    assert len(index.search("planet star orbit", options)) == 1


@pytest.mark.parametrize("query", ["", " ", "\n\t "])
@pytest.mark.parametrize("mode", MODES)
def test_an_empty_query_is_an_error(index: SearchIndex, mode: str, query: str) -> None:
    with pytest.raises(UsageError, match="query is empty"):
        index.search(query, SearchOptions(mode=mode))


def test_a_query_without_a_word_finds_no_words(index: SearchIndex) -> None:
    assert index.search('?! --- "" ()', SearchOptions(mode="lexical")) == []
    assert len(index.search("?!", ALL)) == len(DOCUMENTS)


SYNTAX = [
    '"', '"comet', 'comet"', "comet AND", "OR comet", "(comet", "comet)", "comet~", "comet^", "title:", "title:comet",
    "text:", ":comet", "nothing:comet", "comet*", "*", "-comet", "+comet", "NOT comet", "[comet TO", "{", "comet\\",
    "/comet/", "comet && dust", "comet || dust", "!comet", "title:(comet", "a:b:c", "https://e.org/comet?x=1&y=2",
    'title:"', 'title:"comet" dust', "<b>comet</b>", "comet; DROP", "\x00comet", "comet\udc80", "C++ & comet",
    "%comet_",
]  # fmt: skip


@pytest.mark.parametrize("query", SYNTAX)
@pytest.mark.parametrize("mode", MODES)
def test_signs_of_a_query_language_are_no_error(index: SearchIndex, mode: str, query: str) -> None:
    hits = index.search(query, replace(ALL, mode=mode))
    if mode != "lexical":
        assert len(hits) == len(DOCUMENTS)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=st.text(st.characters(codec=None), min_size=1), mode=st.sampled_from(MODES))
def test_no_text_is_an_error(index: SearchIndex, query: str, mode: str) -> None:
    if query.strip():
        index.search(query, SearchOptions(mode=mode))


def test_a_phrase_is_looked_for_as_such(index: SearchIndex) -> None:
    assert ids(index.search('"old cat"', SearchOptions(mode="lexical"))) == ["house"]
    assert index.search('"cat old"', SearchOptions(mode="lexical")) == []


def test_a_field_can_be_named(index: SearchIndex) -> None:
    assert ids(index.search("title:orbit", SearchOptions(mode="lexical"))) == ["orbit"]
    assert ids(index.search('title:"empty house"', SearchOptions(mode="lexical"))) == ["house"]


def test_a_query_may_be_longer_than_any_server_likes(index: SearchIndex) -> None:
    many = "comet " + " ".join(f"word{n}" for n in range(5000))
    assert ids(index.search(many, SearchOptions(mode="lexical"))) == ["comet"]
    assert len(index.search("東京都" * 3000, ALL)) == len(DOCUMENTS)


@pytest.mark.parametrize("mode", MODES)
def test_of_a_long_document_the_best_passage_is_shown(index: SearchIndex, mode: str) -> None:
    hits = index.search("old cat cried pantry", replace(ALL, mode=mode))
    hit = next(hit for hit in hits if hit.id == "house")
    assert hit.passage.startswith("Nobody had fed the old cat")
    assert LONG[slice(*hit.span)] == hit.passage


def test_a_document_is_as_good_as_its_best_passage(make: Make) -> None:
    noise = "\n".join(f"Paragraph {n} is about something else." for n in range(30))
    corpus = corpus_of(
        Document("long", f"{noise}\nThe kitten sleeps."),
        Document("mixed", "The kitten sleeps near paragraph 3 about something."),
    )
    assert ids(of(make, corpus).search("the feline sleeps", SearchOptions(mode="dense")))[0] == "long"


@pytest.mark.parametrize("mode", MODES)
def test_highlights_are_the_words_of_the_query_in_the_passage(index: SearchIndex, mode: str) -> None:
    hits = index.search("cats rain", replace(ALL, mode=mode))
    hit = next(hit for hit in hits if hit.id == "house")
    marked = [hit.passage[start:end] for start, end in hit.highlights]
    assert marked
    assert set(marked) <= {"cat", "rain"}


def test_characters_are_counted_as_python_counts_them(index: SearchIndex) -> None:
    (hit,) = index.search("köln", SearchOptions(mode="lexical"))
    assert hit.id == "straße"
    assert [hit.passage[start:end] for start, end in hit.highlights] == ["Köln"]


@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_more_hits_than_documents_can_be_asked_for(index: SearchIndex, mode: str) -> None:
    assert set(ids(index.search("comet", SearchOptions(k=20_000, mode=mode, depth=1)))) == {one.id for one in DOCUMENTS}
    assert len(index.search("comet", SearchOptions(k=1, mode=mode))) == 1


@pytest.mark.parametrize("dense", [0.0, 1.0])
def test_weights_move_the_ranking_from_words_to_vectors(index: SearchIndex, dense: float) -> None:
    weighted = replace(ALL, fusion=Fusion("weighted", dense=dense))
    alone = index.search("planet orbit", replace(ALL, mode="dense" if dense else "lexical"))
    assert ids(index.search("planet orbit", weighted))[: len(alone) - 1] == ids(alone)[:-1]


def test_a_document_that_could_not_be_embedded_is_found_by_its_words(make: Make) -> None:
    made = of(make, corpus_of(), without=("comet",))
    assert made.count() == len(DOCUMENTS)
    (hit,) = made.search("dust", SearchOptions(mode="lexical"))
    assert (hit.id, hit.passage) == ("comet", DOCUMENTS[0].text)
    assert "comet" not in ids(made.search("comet dust", replace(ALL, mode="dense")))
    assert "comet" in ids(made.search("comet dust", ALL))


def test_an_update_adds_replaces_and_removes(make: Make) -> None:
    encoder, first = WordSums(), corpus_of(*DOCUMENTS[:4])
    made = of(make, first)
    changed = replace(DOCUMENTS[1], text="A planet with rings of ice.")
    second = corpus_of(DOCUMENTS[0], changed, *DOCUMENTS[3:])
    assert made.update(second, passages_of(second, encoder)) == Changed(added=3, replaced=1, removed=1)
    assert made.count() == len(second)
    assert ids(made.search("rings", SearchOptions(mode="lexical"))) == ["planet"]
    assert made.search("hospital", SearchOptions(mode="lexical")) == []
    assert "doctor" not in ids(made.search("physician", replace(ALL, mode="dense")))
    assert made.update(second, passages_of(second, encoder)) == Changed()


@pytest.mark.parametrize("field", ["title", "url", "source", "text", "metadata"])
def test_a_change_of_any_field_is_seen(make: Make, field: str) -> None:
    made, encoder = of(make, corpus_of(*DOCUMENTS[:2])), WordSums()
    value: Any = {"year": 3} if field == "metadata" else "Something else altogether."
    corpus = corpus_of(DOCUMENTS[0], replace(DOCUMENTS[1], **{field: value}))
    assert made.update(corpus, passages_of(corpus, encoder)) == Changed(replaced=1)
    assert made.update(corpus, passages_of(corpus, encoder)) == Changed()


def test_an_index_may_become_empty(make: Make) -> None:
    made, none = of(make, corpus_of(*DOCUMENTS[:2])), Corpus.from_documents([])
    assert made.update(none, passages_of(none, WordSums())) == Changed(removed=2)
    assert made.count() == 0
    assert made.search("comet", ALL) == []


def test_metadata_may_be_of_any_shape(make: Make) -> None:
    odd = {
        "a": 1, "a.b": "x", "": [1, "1", None, True, {"deep": [1]}], "year": "MCM", "long": "x" * 40_000,
        "huge": 10**400, "inf": float("inf"), "nan": float("nan"), "né\u0000": "\u0000", "many": list(range(500)),
    }  # fmt: skip
    made = of(make, corpus_of(Document("odd", "An odd one.", metadata=odd), DOCUMENTS[0]))
    (hit,) = made.search("odd", SearchOptions(mode="lexical"))
    assert str(dict(hit.metadata)) == str(dict(corpus_of(Document("odd", "", metadata=odd))[0].metadata))
    for name in odd:
        condition = Filter(name, "!=", "x" * 40_000)
        wanted = {"comet"} if name == "long" else {"odd", "comet"}
        assert set(ids(made.search("odd", replace(ALL, mode="dense", filters=(condition,))))) == wanted


def test_ids_may_be_of_any_shape(make: Make) -> None:
    odd = ["", "x" * 600, "a/b", "a b", "ä" * 300, '"', "_underscore", "🌉"]
    made = of(make, corpus_of(*(Document(name, f"Text number {n}.") for n, name in enumerate(odd))))
    assert set(ids(made.search("text number", replace(ALL, mode="dense")))) == set(odd)
    assert made.update(corpus_of(), passages_of(corpus_of(), WordSums())).removed == len(odd)

"""What the index on OpenSearch does beyond what every index does: names, versions, ended loads, servers that refuse."""

import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_opensearch import FakeOpenSearch, Fault
from fake_queries import Searcher
from hypothesis import example, given
from hypothesis import strategies as st
from searchable import DOCUMENTS, SPEC, WordSums, corpus_of, other_model, passages_of

from knowscape.corpus.document import Document
from knowscape.errors import DamageError, KnowscapeError, UsageError
from knowscape.search import opensearch_load, opensearch_server
from knowscape.search.filters import OPERATORS, OWN_FIELDS, Filter
from knowscape.search.fusion import Fusion
from knowscape.search.index import Changed, SearchOptions
from knowscape.search.opensearch import OpenSearchIndex, create, delete, indices, point, pointed, stored
from knowscape.search.opensearch_bodies import MappingOptions
from knowscape.search.opensearch_facts import conditions, facts
from knowscape.search.opensearch_server import Server, ServerError, ServerOptions, connect

NAME = f"wiki-word-sums-{SPEC.fingerprint:.8}-1"
ALL = SearchOptions(k=100)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits, and no setting of the person who runs the tests is seen."""
    monkeypatch.setattr(opensearch_server, "_FIRST_WAIT", 0.0)
    for name in ("OPENSEARCH_URL", "OPENSEARCH_USER", "OPENSEARCH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fake() -> Iterator[FakeOpenSearch]:
    with FakeOpenSearch() as running:
        yield running


@pytest.fixture
def server(fake: FakeOpenSearch) -> Iterator[Server]:
    connected = connect(ServerOptions(fake.url))
    yield connected
    connected.close()


def loaded(server: Server, documents: list[Document] = DOCUMENTS, **options: Any) -> OpenSearchIndex:
    """Return an index of its own that holds some documents."""
    index = OpenSearchIndex(server, create(server, "wiki", SPEC, MappingOptions(**options)), WordSums())
    update(index, documents)
    return index


def update(index: OpenSearchIndex, documents: list[Document]) -> Changed:
    corpus = corpus_of(*documents)
    return index.update(corpus, passages_of(corpus, WordSums()))


def asked(fake: FakeOpenSearch, pattern: str) -> list[str]:
    return [one for one in map(" ".join, fake.requests) if re.search(pattern, one)]


# Names and the encoder


def test_the_name_and_the_mapping_tell_the_model(fake: FakeOpenSearch, server: Server) -> None:
    assert create(server, "wiki", SPEC) == NAME
    assert create(server, "wiki", SPEC) == NAME[:-1] + "2"
    meta = fake.indices[NAME].mappings["_meta"]
    assert (meta["fingerprint"], meta["alias"]) == (SPEC.fingerprint, "wiki")
    assert stored(server, NAME).spec == SPEC


def test_a_name_without_a_free_number_is_never_taken_twice(server: Server) -> None:
    first, second = create(server, "wiki", SPEC), create(server, "wiki", SPEC)
    delete(server, first)
    assert create(server, "wiki", SPEC) not in {first, second}


@pytest.mark.parametrize("alias", ["", "Wiki", "a b", "a/b", "_a", "-a", "a" * 101, "ä", "a*"])
def test_a_name_that_opensearch_refuses_is_refused_before_it_is_asked(server: Server, alias: str) -> None:
    for ask in (lambda: create(server, alias, SPEC), lambda: indices(server, alias)):
        with pytest.raises(UsageError, match="Accepted: lower-case letters"):
            ask()


@pytest.mark.parametrize("name", ["*", "wiki*", "_all", "a,b", "../_cluster", "a" * 256])
def test_a_name_is_never_another_request(fake: FakeOpenSearch, server: Server, name: str) -> None:
    fake.requests.clear()
    for ask in (stored, pointed, delete, lambda server, name: point(server, "wiki", name)):
        with pytest.raises(UsageError, match="is no name for an index"):
            ask(server, name)
    assert fake.requests == []


def test_an_index_is_never_searched_with_another_model(server: Server) -> None:
    name = loaded(server).stored.name
    point(server, "wiki", name)
    for opened in (name, "wiki"):
        with pytest.raises(UsageError, match=r"holds vectors of word-sums .* not of other-sums"):
            OpenSearchIndex(server, opened, other_model())


def test_the_encoder_is_told_before_it_is_loaded(server: Server) -> None:
    point(server, "wiki", create(server, "wiki", other_model().spec))
    assert stored(server, "wiki").spec == other_model().spec


def test_what_is_not_there_or_not_ours_is_said(fake: FakeOpenSearch, server: Server) -> None:
    with pytest.raises(UsageError, match="has no index and no alias 'wiki'"):
        stored(server, "wiki")
    server.ask("PUT", "/wiki-other", {"mappings": {"properties": {}}})
    with pytest.raises(UsageError, match="was not made by this version of Knowscape"):
        stored(server, "wiki-other")
    assert indices(server, "wiki") == []
    fake.indices[create(server, "wiki", SPEC)].mappings["_meta"]["spec"]["max_tokens"] = 3
    with pytest.raises(DamageError, match="has the fingerprint"):
        stored(server, NAME)


def test_the_indices_of_an_alias_are_its_own(server: Server) -> None:
    mine, others = create(server, "wiki", SPEC), create(server, "wiki-en", SPEC)
    assert [one.name for one in indices(server, "wiki")] == [mine]
    assert [one.name for one in indices(server, "wiki-en")] == [others]


# The alias


def test_an_alias_moves_in_one_request(fake: FakeOpenSearch, server: Server) -> None:
    old, new = create(server, "wiki", SPEC), create(server, "wiki", other_model().spec)
    assert pointed(server, "wiki") is None
    point(server, "wiki", old)
    fake.requests.clear()
    point(server, "wiki", new)
    assert len(asked(fake, "^POST")) == 1
    assert (pointed(server, "wiki"), stored(server, "wiki").name) == (new, new)
    point(server, "wiki", new)
    assert len(asked(fake, "^POST")) == 1


def test_an_alias_stays_where_the_new_index_is_not_there(server: Server) -> None:
    old = create(server, "wiki", SPEC)
    point(server, "wiki", old)
    with pytest.raises(UsageError, match="has no index"):
        point(server, "wiki", "wiki-none-00000000-1")
    assert pointed(server, "wiki") == old


def test_an_alias_of_two_indices_is_refused(fake: FakeOpenSearch, server: Server) -> None:
    for _ in range(2):
        fake.indices[create(server, "wiki", SPEC)].aliases.add("wiki")
    with pytest.raises(UsageError, match="cannot be mixed"):
        stored(server, "wiki")


def test_an_opened_index_stays_the_same_when_the_alias_moves(server: Server) -> None:
    point(server, "wiki", loaded(server).stored.name)
    opened = OpenSearchIndex(server, "wiki", WordSums())
    point(server, "wiki", create(server, "wiki", other_model().spec))
    assert opened.search("comet", ALL)


def test_an_index_that_people_search_is_not_deleted(server: Server) -> None:
    old, new = create(server, "wiki", SPEC), create(server, "wiki", SPEC)
    point(server, "wiki", old)
    for name in (old, "wiki"):
        with pytest.raises(UsageError, match="Point it at another index first"):
            delete(server, name)
    point(server, "wiki", new)
    delete(server, old)
    assert [one.name for one in indices(server, "wiki")] == [new]


# What each version offers


@pytest.mark.parametrize(
    ("version", "engine", "similarity", "space"),
    [
        ("2.12.0", "faiss", "cosine", "innerproduct"),
        ("2.18.0", "faiss", "cosine", "innerproduct"),
        ("2.19.0", "faiss", "cosine", "cosinesimil"),
        ("3.1.0", "faiss", "cosine", "cosinesimil"),
        ("2.12.0", "faiss", "dot", "innerproduct"),
        ("2.12.0", "lucene", "cosine", "cosinesimil"),
        ("2.13.0", "lucene", "dot", "innerproduct"),
    ],
)
def test_the_space_is_one_that_the_engine_has(version: str, engine: str, similarity: str, space: str) -> None:
    with FakeOpenSearch(version) as fake:
        server = connect(ServerOptions(fake.url))
        spec = replace(SPEC, similarity=similarity, normalised=False)
        name = create(server, "wiki", spec, MappingOptions(engine=engine))
        vector = fake.indices[name].mappings["properties"]["passages"]["properties"]["vector"]
        assert (vector["method"]["space_type"], vector["dimension"]) == (space, SPEC.dimension)
        server.close()


def test_what_no_engine_offers_is_refused_with_the_way_out(server: Server) -> None:
    with FakeOpenSearch("2.12.0") as old:
        connected = connect(ServerOptions(old.url))
        with pytest.raises(UsageError, match=r"lucene has from OpenSearch 2\.13\. Take faiss"):
            create(connected, "wiki", replace(SPEC, similarity="dot"), MappingOptions(engine="lucene"))
        connected.close()
    with pytest.raises(UsageError, match="compares by euclidean"):
        create(server, "wiki", replace(SPEC, similarity="euclidean"))


def test_vectors_compared_by_cosine_are_sent_with_length_one(fake: FakeOpenSearch, server: Server) -> None:
    spec = replace(SPEC, normalised=False)
    index = OpenSearchIndex(server, create(server, "wiki", spec), WordSums(spec))
    corpus = corpus_of()
    index.update(corpus, passages_of(corpus, WordSums(spec)))
    for source in fake.indices[index.stored.name].documents.values():
        for passage in source["passages"]:
            assert np.linalg.norm(passage["vector"]) == pytest.approx(1)


def test_vectors_are_sent_as_they_are_to_the_last_bit(fake: FakeOpenSearch, server: Server) -> None:
    spec = replace(SPEC, similarity="dot", normalised=False)
    corpus, encoder = corpus_of(), WordSums(spec)
    passages = passages_of(corpus, encoder)
    index = OpenSearchIndex(server, create(server, "wiki", spec), encoder)
    index.update(corpus, passages)
    held = fake.indices[index.stored.name].documents
    sent = [passage["vector"] for name in corpus.ids for passage in held[name]["passages"]]
    assert np.array_equal(np.array(sent, np.float32), passages.vectors)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"language": "tlh"}, "no analyser for 'tlh'"), ({"engine": "nmslib"}, "Accepted: faiss, lucene"),
        ({"shards": 0}, "shards is 0"), ({"replicas": -1}, "replicas -1"), ({"m": 1}, "m 1"),
    ],
)  # fmt: skip
def test_options_that_no_index_has_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        MappingOptions(**options)


@pytest.mark.parametrize(("language", "found"), [("en", 1), ("de", 0), ("", 0)])
def test_words_are_stemmed_by_the_language_of_the_texts(server: Server, language: str, found: int) -> None:
    index = loaded(server, language=language)
    assert len(index.search("comets", SearchOptions(mode="lexical"))) == found


# One ranking of two


FUSIONS = [Fusion(), Fusion(k=5), Fusion("weighted", dense=0.7)]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_server_makes_one_ranking_where_it_can(fake: FakeOpenSearch, server: Server, fusion: Fusion) -> None:
    index = loaded(server)
    fake.requests.clear()
    assert index.search("orbit of a planet", replace(ALL, fusion=fusion))
    assert len(asked(fake, "_search")) == 2
    assert not asked(fake, "_msearch")


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_server_ranks_as_we_do(fusion: Fusion) -> None:
    found = []
    for version in ("2.18.0", "2.19.0"):
        with FakeOpenSearch(version) as fake:
            server = connect(ServerOptions(fake.url))
            hits = loaded(server).search("orbit of a planet", replace(ALL, fusion=fusion))
            found.append({hit.id: hit.score for hit in hits})
            server.close()
    # The server's weighted fusion gives the least score 0.001.
    assert found[0] == pytest.approx(found[1], abs=0.0011 if fusion.method == "weighted" else 1e-6)


def test_without_the_plugin_we_make_the_ranking(fake: FakeOpenSearch, server: Server) -> None:
    index, fake.neural = loaded(server), False
    for _ in range(2):
        assert index.search("orbit of a planet", ALL)[0].ranks
    assert len(asked(fake, "_msearch")) == 2
    assert len(asked(fake, "POST .*/_search$")) == 3 + 1  # the load's page, one refusal, two descriptions


def test_over_several_shards_we_make_the_ranking(fake: FakeOpenSearch, server: Server) -> None:
    assert loaded(server, shards=3).search("orbit of a planet", ALL)[0].ranks
    assert asked(fake, "_msearch")


# Loads that end


def test_while_it_is_filled_an_index_is_neither_refreshed_nor_copied(fake: FakeOpenSearch, server: Server) -> None:
    index = OpenSearchIndex(server, create(server, "wiki", SPEC, MappingOptions(replicas=2)), WordSums())
    before = dict(fake.indices[NAME].settings)
    during: list[dict[str, Any]] = []
    fake.may = lambda method, path: not (path.endswith("_bulk") and during.append(dict(fake.indices[NAME].settings)))
    update(index, DOCUMENTS)
    assert during[0]["index.refresh_interval"] == "-1"
    assert during[0]["index.number_of_replicas"] == 0
    after = fake.indices[NAME].settings
    assert {name: str(value) for name, value in after.items()} == {name: str(value) for name, value in before.items()}
    assert "restore" not in fake.indices[NAME].mappings["_meta"]


def test_an_index_that_people_search_keeps_its_settings(fake: FakeOpenSearch, server: Server) -> None:
    index = loaded(server)
    fake.requests.clear()
    update(index, DOCUMENTS[:-1])
    assert not asked(fake, "PUT")


@pytest.mark.parametrize("after", [False, True], ids=["lost-request", "lost-answer"])
def test_a_load_that_ends_anywhere_goes_on(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    monkeypatch.setattr(opensearch_load, "_BULK_BYTES", 3000)
    monkeypatch.setattr(opensearch_load, "_PAGE", 2)
    old = [*DOCUMENTS[2:], Document("gone", "It will be gone."), replace(DOCUMENTS[1], title="Another")]
    steps = ended = 0
    while steps == ended:
        steps += 1
        with FakeOpenSearch() as fake:
            server = connect(ServerOptions(fake.url))
            index = OpenSearchIndex(server, create(server, "wiki", SPEC, MappingOptions(replicas=2)), WordSums())
            fake.faults = [Fault("", -1, steps - 1), Fault("", 0, 10_000, after=after)]
            ended += _ends(index, old)
            fake.faults = []
            update(index, old)
            update(index, DOCUMENTS)
            assert {name: one["title"] for name, one in fake.indices[NAME].seen.items()} == {
                one.id: one.title for one in DOCUMENTS
            }
            assert fake.indices[NAME].settings.get("index.refresh_interval") is None
            assert str(fake.indices[NAME].settings["index.number_of_replicas"]) == "2"
            assert "restore" not in fake.indices[NAME].mappings["_meta"]
            server.close()
    assert steps > 10


def _ends(index: OpenSearchIndex, documents: list[Document]) -> bool:
    try:
        update(index, documents)
    except KnowscapeError:
        return True
    return False


def test_only_what_is_missing_is_sent_again(
    fake: FakeOpenSearch, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opensearch_load, "_BULK_BYTES", 1)
    index = OpenSearchIndex(server, create(server, "wiki", SPEC), WordSums())
    fake.may = lambda method, path: not path.endswith("_bulk") or len(asked(fake, "_bulk")) <= 3
    with pytest.raises(UsageError, match=r"does not let this user POST /wiki-.*_bulk"):
        update(index, DOCUMENTS)
    fake.may = lambda method, path: True
    assert fake.indices[NAME].settings.get("index.refresh_interval") is None
    fake.requests.clear()
    assert update(index, DOCUMENTS) == Changed(added=len(DOCUMENTS) - 3)
    assert len(asked(fake, "_bulk")) == len(DOCUMENTS) - 3


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("_bulk", 429, 3)], [Fault("_bulk", 503, 3)], [Fault("_bulk", 0, 2)], [Fault("_bulk", 0, 2, after=True)],
        [Fault("", -429, 5)], [Fault("_bulk", 413, 2)], [Fault("point_in_time", 502)], [Fault("_refresh", 504)],
    ],
    ids=lambda faults: f"{faults[0].matching or 'item'}-{faults[0].status}",
)  # fmt: skip
def test_a_server_that_is_busy_for_a_while_gets_it_all(
    fake: FakeOpenSearch, server: Server, faults: list[Fault]
) -> None:
    index = OpenSearchIndex(server, create(server, "wiki", SPEC), WordSums())
    fake.faults = faults
    assert update(index, DOCUMENTS) == Changed(added=len(DOCUMENTS))
    assert not faults[0].times
    assert index.count() == len(DOCUMENTS)


@pytest.mark.parametrize("fault", [Fault("_bulk", 429, 10_000), Fault("", -429, 10_000), Fault("_bulk", 413, 10_000)])
def test_a_server_that_stays_busy_is_told_of(fake: FakeOpenSearch, server: Server, fault: Fault) -> None:
    index = OpenSearchIndex(server, create(server, "wiki", SPEC), WordSums())
    fake.faults = [fault]
    with pytest.raises(ServerError):
        update(index, DOCUMENTS)
    fake.faults = []
    assert update(index, DOCUMENTS) == Changed(added=len(DOCUMENTS))


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_document_that_the_server_refuses_is_named(server: Server, value: float) -> None:
    corpus = corpus_of()
    passages = passages_of(corpus, WordSums())
    passages.vectors[passages.documents == corpus.ids.index("engine")] = value
    index = OpenSearchIndex(server, create(server, "wiki", SPEC), WordSums())
    with pytest.raises(KnowscapeError, match="refuses the document 'engine'"):
        index.update(corpus, passages)


def test_vectors_of_another_length_are_refused(server: Server) -> None:
    corpus = corpus_of()
    passages = passages_of(corpus, WordSums(replace(SPEC, dimension=3)))
    index = OpenSearchIndex(server, create(server, "wiki", SPEC), WordSums())
    with pytest.raises(UsageError, match="have 3 dimensions, those of word-sums 48"):
        index.update(corpus, passages)


def test_another_cut_into_passages_is_a_change(server: Server) -> None:
    index, corpus = loaded(server), corpus_of()
    passages = passages_of(corpus, WordSums())
    passages.spans[0, 1] -= 1
    assert index.update(corpus, passages) == Changed(replaced=1)


def test_no_moment_of_the_past_stays_open(fake: FakeOpenSearch, server: Server) -> None:
    loaded(server)
    assert fake.pits == {}


# Searches


def test_a_search_survives_one_lost_connection(fake: FakeOpenSearch, server: Server) -> None:
    index = loaded(server)
    for fault in [Fault(matching, status) for matching in ("/_search", "_msearch") for status in (0, 503)]:
        fake.faults = [fault]
        assert index.search("comet", SearchOptions(mode="lexical"))


def test_an_index_that_is_gone_is_said(fake: FakeOpenSearch, server: Server) -> None:
    index = loaded(server)
    delete(server, index.stored.name)
    with pytest.raises(ServerError, match="index_not_found_exception"):
        index.search("comet")


def test_documents_deleted_between_two_requests_leave_no_gap(fake: FakeOpenSearch, server: Server) -> None:
    index = loaded(server)

    def may(method: str, path: str) -> bool:
        if path.endswith("/_search"):  # which describes what _msearch found
            fake.indices[NAME].seen.pop("planet", None)
        return True

    fake.may = may
    hits = index.search("planet orbit", SearchOptions(mode="lexical"))
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert "planet" not in {hit.id for hit in hits}


# Filters, as a property


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-3, 3), st.floats(), st.text(max_size=4),
    st.sampled_from(["1", "-0.0", "1e3", "nan", "inf", "ten", "Ten", " 1 ", "1_0", ""]), st.just({"a": 1}),
)  # fmt: skip
WANTED = st.one_of(
    st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=4),
    st.sampled_from(["1", "-0.0", "1e3", "nan", "inf", "-inf", "ten", "true", "null", '{"a": 1}', ""]),
)  # fmt: skip
CONDITION = st.one_of(
    st.builds(
        Filter, st.sampled_from(["f", "id", "g"]), st.sampled_from([one for one in OPERATORS if one != "in"]), WANTED
    ),
    st.builds(Filter, st.just("f"), st.just("in"), st.lists(WANTED, max_size=3).map(tuple)),
)


class Words:
    """The part of an index that a search of facts needs."""

    settings: dict[str, Any] = {}  # noqa: RUF012
    mappings = {"properties": {"facts": {"type": "keyword", "doc_values": False}}}  # noqa: RUF012


@example(-0.0, Filter("f", "=", 0))
@example([0.0, "x"], Filter("f", ">=", "-0.0"))
@example(float("nan"), Filter("f", ">", 0))
@example("nan", Filter("f", "<=", 0))
@example("x" * 8000 + "a", Filter("f", "=", "x" * 8000 + "b"))
@example("x" * 8000 + "a", Filter("f", "=", "x" * 8000 + "a"))
@example("🌉" * 8000, Filter("f", ">", "\uffff"))
@given(held=st.one_of(VALUES, st.lists(VALUES, max_size=3)), condition=CONDITION)
def test_a_condition_on_the_server_is_the_same_as_ours(held: Any, condition: Filter) -> None:
    own = dict.fromkeys(OWN_FIELDS, "1")
    document = Document("1", "", "1", "1", "1", {"f": held})
    kept = dict(corpus_of(document)[0].metadata)
    held_facts = {"facts": facts(own, kept)}
    assert all(len(word.encode()) <= 32_766 for word in held_facts["facts"])
    (query,) = conditions((condition,))
    found = Searcher((3, 5), Words(), {"1": held_facts}).run({"bool": {"filter": [query]}})
    assert bool(found) == condition.meets({**kept, **own})


# Servers that are none


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>a page</p>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"version": "2.11.1"}, "is OpenSearch 2.11.1. Needed: 2.12 or later"),
        ({"version": "7.10.2", "distribution": None}, "says that it is Elasticsearch 7.10.2"),
        ({"version": "3.0.0", "distribution": "other"}, "says that it is other 3.0.0"),
        ({"user": "me:secret"}, "does not know this user and password. Set OPENSEARCH_USER"),
        ({"may": lambda method, path: False}, "does not let this user GET /"),
        ({"version": "strange.1"}, "not as OpenSearch does"),
    ],
)
def test_a_server_that_does_not_suit_is_told_with_what_to_do(options: dict[str, Any], said: str) -> None:
    with FakeOpenSearch(**options) as fake, pytest.raises(UsageError, match=said):
        connect(ServerOptions(fake.url))


def test_a_page_is_no_server() -> None:
    page = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=page.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with pytest.raises(KnowscapeError, match="Is it OpenSearch"):
        connect(ServerOptions(f"http://127.0.0.1:{page.server_port}"))
    page.shutdown()
    thread.join()
    page.server_close()


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ServerError, match=r"127.0.0.1:9 cannot be reached: .*refused.* Is the server up"):
        connect(ServerOptions("http://me:secret@127.0.0.1:9"))


def test_without_the_plugin_for_vectors_that_is_said() -> None:
    with FakeOpenSearch(knn=False) as fake:
        server = connect(ServerOptions(fake.url))
        with pytest.raises(ServerError, match="The server lacks the k-NN plugin"):
            create(server, "wiki", SPEC)
        server.close()


@pytest.mark.parametrize(
    "url", ["localhost:9200", "ftp://host", "https://", "http://host:port", "http://me:secret@[::1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"is no address\. Accepted: http") as raised:
        connect(ServerOptions(url))
    assert "secret" not in str(raised.value)


def test_an_address_must_be_given() -> None:
    with pytest.raises(UsageError, match="Set OPENSEARCH_URL"):
        connect()


@pytest.mark.parametrize("where", ["environment", "url"])
def test_credentials_come_from_the_environment_or_the_url_and_are_never_shown(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with FakeOpenSearch(user="me@x:s/e cret") as fake:
        url = fake.url
        if where == "url":
            url = url.replace("//", "//me%40x:s%2Fe%20cret@")
        else:
            monkeypatch.setenv("OPENSEARCH_USER", "me@x")
            monkeypatch.setenv("OPENSEARCH_PASSWORD", "s/e cret")
        monkeypatch.setenv("OPENSEARCH_URL", url)
        server = connect()
        assert server.address == fake.url
        fake.user = "another"
        with pytest.raises(UsageError) as raised:
            create(server, "wiki", SPEC)
        assert "cret" not in str(raised.value)
        server.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl to make a certificate")
def test_a_certificate_is_verified_unless_asked_otherwise(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with FakeOpenSearch(tls=context) as fake:
        with pytest.raises(UsageError, match=r"certificate of https://127.0.0.1:.* cannot be verified"):
            connect(ServerOptions(fake.url))
        for options in (ServerOptions(fake.url, verify=False), ServerOptions(fake.url, authority=str(certificate))):
            server = connect(options)
            assert server.version == (2, 19)
            server.close()

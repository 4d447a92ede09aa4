"""The fake server refuses what the real one refuses; else the tests on it would say nothing."""

import copy
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_opensearch import FakeOpenSearch

from knowscape.search.opensearch_bodies import MappingOptions, dense_query, index_body, lexical_query
from knowscape.search.query import parse_query

VECTOR = [1.0, 0.0, 0.0]
PASSAGE = {"start": 0, "end": 3, "vector": VECTOR}
DOCUMENT = {
    "kind": "document",
    "key": "a",
    "digest": "d",
    "facts": [],
    "id": "a",
    "title": "A",
    "text": "one",
    "passages": [PASSAGE],
}


def body(space: str = "innerproduct", engine: str = "faiss") -> dict[str, Any]:
    return copy.deepcopy(index_body(3, space, MappingOptions(engine=engine), {"format": 1}))


def ask(
    fake: FakeOpenSearch, method: str, path: str, said: Any = None, kind: str = "application/json"
) -> tuple[int, Any]:
    """Send one request as it is; lines where `said` is a list, bytes as they are."""
    sent = said
    if isinstance(said, list):
        sent, kind = "".join(json.dumps(line) + "\n" for line in said), "application/x-ndjson"
    elif isinstance(said, dict):
        sent = json.dumps(said)
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"), timeout=10)
    connection.request(method, path, sent, {"content-type": kind} if sent is not None else {})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


@contextmanager
def filled(version: str = "2.19.0") -> Iterator[FakeOpenSearch]:
    with FakeOpenSearch(version) as fake:
        assert ask(fake, "PUT", "/i", body())[0] == 200
        status, answer = ask(fake, "POST", "/i/_bulk", [{"index": {"_id": "a"}}, DOCUMENT])
        assert (status, answer["errors"]) == (200, False)
        ask(fake, "POST", "/i/_refresh")
        yield fake


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return the body of a good index, spoiled."""
    made = body()
    change(made)
    return made


def vector(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["mappings"]["properties"]["passages"]["properties"]["vector"]
    return found


NEAREST = dense_query(VECTOR, 3, ())
HYBRID = {"hybrid": {"queries": [lexical_query(parse_query("one"), ()), NEAREST]}}
RRF = {"phase_results_processors": [{"score-ranker-processor": {"combination": {"technique": "rrf"}}}]}


@pytest.mark.parametrize(
    ("method", "path", "said", "status", "kind"),
    [
        ("GET", "/i/_nothing", None, 405, "invalid"),
        ("PUT", "/i/_search", {}, 405, "invalid"),
        ("POST", "/i/_search?nothing=1", {}, 400, "illegal_argument_exception"),
        ("POST", "/none/_search", {}, 404, "index_not_found_exception"),
        ("POST", "/i/_search", {"nothing": 1}, 400, "parsing_exception"),
        ("POST", "/i/_search", {"query": {"nothing": {}}}, 400, "parsing_exception"),
        ("POST", "/i/_search", {"query": {"match_all": {}, "match_none": {}}}, 400, "parsing_exception"),
        ("POST", "/i/_search", {"query": {"bool": {"shall": []}}}, 400, "parsing_exception"),
        ("POST", "/i/_search", {"size": 10_001}, 400, "illegal_argument_exception"),
        ("POST", "/i/_search", b"{not json", 400, "json_parse_exception"),
        ("POST", "/i/_search", {"query": {"bool": {"must": [HYBRID]}}}, 400, "illegal_argument_exception"),
        ("POST", "/i/_search", {"query": HYBRID}, 400, "illegal_argument_exception"),
        ("POST", "/i/_search", {"query": dense_query([1.0], 3, ())}, 400, "query_shard_exception"),
        ("POST", "/i/_search", {"query": dense_query(VECTOR, 10_001, ())}, 400, "illegal_argument_exception"),
        ("POST", "/i/_search", {"query": {"term": {"digest": "d"}}}, 400, "query_shard_exception"),
        ("POST", "/i/_search", {"sort": [{"facts": "asc"}]}, 400, "query_shard_exception"),
        ("POST", "/i/_search", {"search_after": ["a"]}, 400, "illegal_argument_exception"),
        ("POST", "/_search", {"pit": {"id": "none"}}, 404, "search_context_missing_exception"),
        ("POST", "/i/_search/point_in_time", None, 400, "action_request_validation_exception"),
        ("POST", "/i/_bulk", b'{"index": {"_id": "a"}}\n{}', 400, "illegal_argument_exception"),
        ("POST", "/i/_bulk", [{"insert": {"_id": "a"}}, {}], 400, "illegal_argument_exception"),
        ("POST", "/i/_bulk", [{"index": {"id": "a"}}, {}], 400, "illegal_argument_exception"),
        ("POST", "/i/_bulk", [{"index": {"_id": "a"}}], 400, "illegal_argument_exception"),
        ("PUT", "/Upper", {}, 400, "invalid_index_name_exception"),
        ("PUT", "/i", {}, 400, "resource_already_exists_exception"),
        ("PUT", "/j", {"nothing": 1}, 400, "parse_exception"),
        ("PUT", "/j", {"settings": {"index": {"nothing": 1}}}, 400, "illegal_argument_exception"),
        ("PUT", "/j", changed(lambda one: vector(one).update(dimension=0)), 400, "mapper_parsing_exception"),
        ("PUT", "/j", changed(lambda one: vector(one).update(nothing=0)), 400, "mapper_parsing_exception"),
        ("PUT", "/j", changed(lambda one: vector(one)["method"].update(name="flat")), 400, "mapper_parsing_exception"),
        ("PUT", "/i/_settings", {"index.number_of_shards": 2}, 400, "illegal_argument_exception"),
        ("PUT", "/i/_mapping", {"nothing": 1}, 400, "parse_exception"),
        ("GET", "/_alias/none", None, 404, "aliases_not_found_exception"),
        ("POST", "/_aliases", {"actions": [{"swap": {"index": "i"}}]}, 400, "x_content_parse_exception"),
        (
            "POST",
            "/_aliases",
            {"actions": [{"add": {"index": "i", "alias": "i"}}]},
            400,
            "invalid_alias_name_exception",
        ),
        ("DELETE", "/none", None, 404, "index_not_found_exception"),
    ],
)
def test_a_wrong_request_is_refused(method: str, path: str, said: Any, status: int, kind: str) -> None:
    with filled() as fake:
        found, answer = ask(fake, method, path, said)
        assert (found, answer["error"]["type"]) == (status, kind)


@pytest.mark.parametrize(
    ("version", "engine", "space", "status"),
    [
        ("2.18.0", "faiss", "cosinesimil", 400), ("2.19.0", "faiss", "cosinesimil", 200),
        ("2.12.0", "lucene", "innerproduct", 400), ("2.13.0", "lucene", "innerproduct", 200),
        ("2.19.0", "nmslib", "cosinesimil", 200), ("3.0.0", "nmslib", "cosinesimil", 400),
        ("3.0.0", "other", "l2", 400), ("3.0.0", "lucene", "linf", 400),
    ],
)  # fmt: skip
def test_each_version_has_its_engines(version: str, engine: str, space: str, status: int) -> None:
    made = body(space)
    vector(made)["method"]["engine"] = engine
    with FakeOpenSearch(version) as fake:
        assert ask(fake, "PUT", "/i", made)[0] == status


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"nothing": 1}, "strict_dynamic_mapping_exception"),
        ({"passages": [{**PASSAGE, "nothing": 1}]}, "strict_dynamic_mapping_exception"),
        ({"passages": [{**PASSAGE, "vector": [1.0]}]}, "mapper_parsing_exception"),
        ({"passages": [{**PASSAGE, "start": "one"}]}, "mapper_parsing_exception"),
        ({"passages": "one"}, "mapper_parsing_exception"),
        ({"title": {"a": 1}}, "mapper_parsing_exception"),
        ({"facts": ["x" * 32_767]}, "illegal_argument_exception"),
    ],
)
def test_a_wrong_document_is_refused_and_the_others_are_taken(change: dict[str, Any], kind: str) -> None:
    lines = [{"index": {"_id": "b"}}, DOCUMENT | change, {"index": {"_id": "c"}}, DOCUMENT]
    with filled() as fake:
        status, answer = ask(fake, "POST", "/i/_bulk", lines)
        assert (status, answer["errors"], answer["items"][0]["index"]["error"]["type"]) == (200, True, kind)
        assert answer["items"][1]["index"]["status"] == 201


def test_what_was_not_refreshed_is_not_found() -> None:
    with filled() as fake:
        ask(fake, "POST", "/i/_bulk", [{"index": {"_id": "b"}}, DOCUMENT])
        assert ask(fake, "GET", "/i/_count")[1]["count"] == 1
        ask(fake, "POST", "/i/_refresh")
        assert ask(fake, "GET", "/i/_count")[1]["count"] == 2


def test_of_several_actions_on_aliases_all_are_done_or_none() -> None:
    actions = [{"add": {"index": "i", "alias": "now"}}, {"remove": {"index": "none", "alias": "now"}}]
    with filled() as fake:
        assert ask(fake, "POST", "/_aliases", {"actions": actions})[0] == 404
        assert fake.indices["i"].aliases == set()


@pytest.mark.parametrize(("version", "status"), [("2.18.0", 400), ("2.19.0", 200)])
def test_ranks_are_fused_from_2_19(version: str, status: int) -> None:
    with filled(version) as fake:
        assert ask(fake, "POST", "/i/_search", {"query": HYBRID, "search_pipeline": RRF})[0] == status


@pytest.mark.parametrize(("version", "found"), [("2.19.0", 0), ("3.5.0", 1)])
def test_before_3_5_a_range_alone_is_held_against_the_passages(version: str, found: int) -> None:
    query = copy.deepcopy(NEAREST)
    query["nested"]["query"]["knn"]["passages.vector"]["filter"] = {"range": {"key": {"gte": "a"}}}
    with filled(version) as fake:
        assert len(ask(fake, "POST", "/i/_search", {"query": query})[1]["hits"]["hits"]) == found

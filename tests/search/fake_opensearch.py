"""A server that speaks the part of OpenSearch's API that Knowscape uses, and refuses whatever the real one refuses.

It is a real HTTP server, for the real client, over a dictionary.  What it checks, and where that is published:

- methods, paths and query parameters: opensearch-project/opensearch-api-specification, `spec/namespaces/_core.yaml`
  and `indices.yaml`.  An unknown path, method or parameter is refused as by `BaseRestHandler`.
- settings, mappings and their parameters: docs.opensearch.org, "Create index", "Keyword", "Text", "Nested", "k-NN
  vector"; names of indices: "Create index", "Index naming restrictions"; analysers: "Language analyzers".
- the engines and spaces of each version: "Methods and engines", the k-NN plugin's release notes of 2.13 (inner product
  in lucene) and 2.19 (cosine in faiss), and "Breaking changes" of 3.0 (no new index with nmslib).
- documents: "Dynamic: strict", dimensions, finite numbers, no zero vector where cosine is compared (k-NN release notes,
  2.13), the 512 bytes of an _id, the 32,766 bytes of a term.
- `_bulk`, `_msearch`: "Bulk" and "Multi-search": lines of JSON, the last of which ends.
- `_search/point_in_time`, `search_after`: "Point in Time API", "Paginate results".  What was not refreshed is not seen.
- `_aliases`: "Manage aliases": all actions or none.
- queries, highlights and pipelines: see `fake_queries`.

What it does not do: several shards, approximate k-NN (its neighbours are exact), a refresh by itself, `Accept`.
"""

import base64
import json
import math
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import fake_queries
from fake_queries import Refusal

ANALYSERS = {
    "standard", "simple", "whitespace", "stop", "keyword", "arabic", "armenian", "basque", "bengali", "brazilian",
    "bulgarian", "catalan", "cjk", "czech", "danish", "dutch", "english", "estonian", "finnish", "french", "galician",
    "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "latvian", "lithuanian", "norwegian",
    "persian", "portuguese", "romanian", "russian", "sorani", "spanish", "swedish", "thai", "turkish",
}  # fmt: skip
PARAMETERS = {
    "keyword": {"index", "doc_values", "ignore_above", "store", "null_value", "norms", "fields"},
    "text": {"analyzer", "search_analyzer", "index", "index_options", "norms", "store", "term_vector", "fields"},
    "integer": {"index", "doc_values", "store", "coerce", "null_value"},
    "nested": {"dynamic", "properties", "include_in_parent", "include_in_root"},
    "knn_vector": {"dimension", "method", "data_type", "space_type", "mode", "compression_level", "model_id"},
}
SETTINGS = {"index.knn", "index.number_of_shards", "index.number_of_replicas", "index.refresh_interval"}
STATIC = {"index.knn", "index.number_of_shards"}
COMMON = {"pretty", "human", "error_trace", "filter_path", "source"}
LONGEST_TERM, LONGEST_ID = 32_766, 512
BULK_ITEM = {"_index", "_id", "routing", "if_seq_no", "if_primary_term", "version", "version_type", "require_alias"}


@dataclass
class Index:
    name: str
    settings: dict[str, Any]
    mappings: dict[str, Any]
    aliases: set[str] = field(default_factory=set)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)  # by searches, as of the last refresh


@dataclass
class Fault:
    """What befalls the next `times` requests that match.

    `status` is what is answered; 0 drops the connection, -1 does nothing, and -429 is a busy server for one document.
    """

    matching: str
    status: int
    times: int = 1
    after: bool = False  # the request is done before its answer is lost


class FakeOpenSearch:
    """Use as a context manager; `requests` are those that came, `faults` those that are to come."""

    def __init__(self, version: str = "2.19.1", **options: Any) -> None:
        self.number = version
        self.version = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        self.distribution: str | None = options.pop("distribution", "opensearch")
        self.neural: bool = options.pop("neural", True)
        self.knn: bool = options.pop("knn", True)
        self.user: str | None = options.pop("user", None)
        self.tls: ssl.SSLContext | None = options.pop("tls", None)
        self.may: Callable[[str, str], bool] = options.pop("may", lambda method, path: True)
        assert not options, options
        self.indices: dict[str, Index] = {}
        self.pits: dict[str, tuple[Index, dict[str, Any]]] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()

    def __enter__(self) -> "FakeOpenSearch":
        handler = type("Handler", (_Handler,), {"fake": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        if self.tls is not None:
            self.http.socket = self.tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.http.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def fault(self, method: str, path: str) -> Fault | None:
        for one in self.faults:
            if one.times and one.status != -429 and re.search(one.matching, f"{method} {path}"):
                one.times -= 1
                return None if one.status == -1 else one
        return None

    def busy_item(self) -> bool:
        for one in self.faults:
            if one.times and one.status == -429:
                one.times -= 1
                return True
        return False

    def answer(self, method: str, target: str, body: bytes, kind: str) -> Any:
        parts = urlsplit(target)
        for route, (methods, parameters, handle) in ROUTES.items():
            found = re.fullmatch(route, parts.path)
            if found and method in methods:
                given = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                for name in given:
                    if name not in parameters | COMMON:
                        raise Refusal(400, "illegal_argument_exception", _unrecognised(parts.path, name))
                return handle(self, *(unquote(name) for name in found.groups()), Request(given, body, kind))
        raise Refusal(
            405, "invalid", f"Incorrect HTTP method or no handler found for uri [{target}] and method [{method}]"
        )

    def index(self, name: str) -> Index:
        held = [one for one in self.indices.values() if name in {one.name, *one.aliases}]
        if len(held) != 1:
            raise Refusal(404, "index_not_found_exception", f"no such index [{name}]")
        return held[0]


@dataclass
class Request:
    parameters: dict[str, str]
    body: bytes
    kind: str

    def json(self, *accepted: str) -> dict[str, Any]:
        """Return the body; a key that is not accepted is refused."""
        if not self.body:
            return {}
        if self.kind.split(";")[0] != "application/json":
            raise Refusal(406, "media_type_header_exception", f"Content-Type header [{self.kind}] is not supported")
        found = _parsed(self.body)
        for key in found:
            if accepted and key not in accepted:
                raise Refusal(400, "parse_exception", f"unknown key [{key}]")
        return found

    def lines(self) -> list[bytes]:
        if self.kind.split(";")[0] not in {"application/x-ndjson", "application/json"}:
            raise Refusal(406, "media_type_header_exception", f"Content-Type header [{self.kind}] is not supported")
        if not self.body.endswith(b"\n"):
            raise Refusal(400, "illegal_argument_exception", "The request must be terminated by a newline [\\n]")
        return self.body.split(b"\n")[:-1]


def _parsed(body: bytes) -> Any:
    def no_constant(name: str) -> None:
        raise ValueError(f"Non-standard token '{name}'")

    try:
        return json.loads(body.decode("utf-8"), parse_constant=no_constant)
    except ValueError as error:
        raise Refusal(400, "json_parse_exception", str(error)) from error


def _unrecognised(path: str, name: str) -> str:
    return f"request [{path}] contains unrecognized parameter: [{name}]"


def _flat(settings: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        whole = f"{before}{name}"
        found |= _flat(value, f"{whole}.") if isinstance(value, dict) else {whole: value}
    return {name if name.startswith("index.") else f"index.{name}": value for name, value in found.items()}


def _settings(fake: FakeOpenSearch, given: dict[str, Any]) -> dict[str, Any]:
    flat = _flat(given)
    known = SETTINGS if fake.knn else SETTINGS - {"index.knn"}
    for name, value in flat.items():
        if name not in known:
            raise Refusal(
                400, "illegal_argument_exception", f"unknown setting [{name}] please check that any required plugins"
            )
        if name.endswith("number_of_replicas") and value is not None and int(value) < 0:
            raise Refusal(400, "illegal_argument_exception", f"Failed to parse value [{value}] for setting [{name}]")
        if name == "index.refresh_interval" and value is not None and not re.fullmatch(r"-1|\d+(ms|s|m)", str(value)):
            raise Refusal(400, "illegal_argument_exception", f"failed to parse setting [{name}] with value [{value}]")
    return flat


def _mapping(fake: FakeOpenSearch, properties: dict[str, Any]) -> None:
    for name, told in properties.items():
        kind = told.get("type")
        if kind not in PARAMETERS or (kind == "knn_vector" and not fake.knn):
            raise Refusal(400, "mapper_parsing_exception", f"No handler for type [{kind}] declared on field [{name}]")
        wrong = set(told) - PARAMETERS[kind] - {"type"}
        if wrong:
            raise Refusal(
                400,
                "mapper_parsing_exception",
                f"unknown parameter {sorted(wrong)} on mapper [{name}] of type [{kind}]",
            )
        if kind == "text" and told.get("analyzer", "standard") not in ANALYSERS:
            raise Refusal(
                400, "mapper_parsing_exception", f"analyzer [{told['analyzer']}] has not been configured in mappings"
            )
        if kind == "nested":
            _mapping(fake, told.get("properties", {}))
        if kind == "knn_vector":
            _method(fake, name, told)


def _method(fake: FakeOpenSearch, name: str, told: dict[str, Any]) -> None:
    if not isinstance(told.get("dimension"), int) or not 1 <= told["dimension"] <= 16_000:
        raise Refusal(400, "mapper_parsing_exception", f"Dimension value must be within 1 to 16000 for vector: {name}")
    method = told["method"]
    spaces = {"l2", "innerproduct"} | ({"cosinesimil"} if fake.version >= (2, 19) else set())
    if method["engine"] == "lucene":
        spaces = {"l2", "cosinesimil"} | ({"innerproduct"} if fake.version >= (2, 13) else set())
    elif method["engine"] == "nmslib" and fake.version < (3, 0):
        spaces = {"l2", "innerproduct", "cosinesimil", "l1", "linf"}
    elif method["engine"] != "faiss":
        raise Refusal(400, "mapper_parsing_exception", f"Invalid engine type: {method['engine']}")
    wrong = set(method) - {"name", "engine", "space_type", "parameters"}
    parameters = {"m", "ef_construction"} | ({"ef_search", "encoder"} if method["engine"] == "faiss" else set())
    wrong |= set(method.get("parameters", {})) - parameters
    if wrong or method["name"] != "hnsw" or method.get("space_type", "l2") not in spaces:
        said = f'"hnsw" with "{method["engine"]}" configuration does not support: {wrong or method["space_type"]}'
        raise Refusal(400, "mapper_parsing_exception", f"Validation Failed: 1: {said};")


def _check_value(kind: str, told: dict[str, Any], path: str, value: Any) -> None:  # noqa: PLR0912
    """Refuse a value that a field of this mapping does not take."""
    bad = Refusal(400, "mapper_parsing_exception", f"failed to parse field [{path}] of type [{kind}]")
    values = value if isinstance(value, list) else [value]
    if kind in {"keyword", "text"}:
        if not all(isinstance(one, str | int | float) for one in values):
            raise bad
        if kind == "keyword" and (told.get("index", True) or told.get("doc_values", True)):
            for one in values:
                if len(str(one).encode()) > LONGEST_TERM:
                    raise Refusal(
                        400,
                        "illegal_argument_exception",
                        f'Document contains at least one immense term in field="{path}"',
                    )
    elif kind == "integer":
        if not all(isinstance(one, int) and not isinstance(one, bool) for one in values):
            raise bad
    elif kind == "knn_vector":
        if len(values) != told["dimension"]:
            said = f"Vector dimension mismatch. Expected: {told['dimension']}, Given: {len(values)}"
            raise Refusal(400, "mapper_parsing_exception", said)
        if not all(isinstance(one, int | float) and math.isfinite(one) for one in values):
            raise bad
        if told["method"].get("space_type") == "cosinesimil" and not any(values):
            raise Refusal(
                400, "mapper_parsing_exception", "zero vector is not supported when space type is [cosinesimil]"
            )
    else:
        for one in values:
            if not isinstance(one, dict):
                raise bad
            _check_document(told["properties"], one, f"{path}.")


def _check_document(properties: dict[str, Any], source: dict[str, Any], before: str = "") -> None:
    for name, value in source.items():
        if name not in properties:
            said = f"mapping set to strict, dynamic introduction of [{name}] within [{before or '_doc'}] is not allowed"
            raise Refusal(400, "strict_dynamic_mapping_exception", said)
        if value is not None:
            _check_value(properties[name]["type"], properties[name], before + name, value)


def info(fake: FakeOpenSearch, request: Request) -> Any:
    told = {"number": fake.number, "distribution": fake.distribution}
    return {"name": "fake", "version": {name: value for name, value in told.items() if value is not None}}


def create(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    if not re.fullmatch(r'[^A-Z\\/*?"<>| ,#:+_.-][^A-Z\\/*?"<>| ,#:]{0,254}', name):
        raise Refusal(400, "invalid_index_name_exception", f"Invalid index name [{name}]")
    if any(name in {one.name, *one.aliases} for one in fake.indices.values()):
        raise Refusal(400, "resource_already_exists_exception", f"index [{name}] already exists")
    body = request.json("settings", "mappings", "aliases")
    mappings = body.get("mappings", {})
    if set(mappings) - {"dynamic", "_meta", "properties", "_source"}:
        raise Refusal(400, "mapper_parsing_exception", "Root mapping definition has unsupported parameters")
    chosen = {"index.number_of_shards": 1, "index.number_of_replicas": 1} | _settings(fake, body.get("settings", {}))
    _mapping(fake, mappings.get("properties", {}))
    fake.indices[name] = Index(name, chosen, mappings)
    return {"acknowledged": True, "shards_acknowledged": True, "index": name}


def delete(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    if name not in fake.indices:
        fake.index(name)
        raise Refusal(
            400, "illegal_argument_exception", f"The provided expression [{name}] matches an alias, specify the indices"
        )
    del fake.indices[name]
    return {"acknowledged": True}


def _as_nested(settings: dict[str, Any]) -> dict[str, Any]:
    return {"index": {name.removeprefix("index."): str(value).lower() for name, value in settings.items()}}


def get_index(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    one = fake.index(name)
    aliases = {alias: {} for alias in one.aliases}
    return {one.name: {"aliases": aliases, "mappings": one.mappings, "settings": _as_nested(one.settings)}}


def get_mapping(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    if "*" in name:
        pattern = re.escape(name).replace(r"\*", ".*")
        found = [one for one in fake.indices.values() if re.fullmatch(pattern, one.name)]
    else:
        found = [fake.index(name)]
    return {one.name: {"mappings": one.mappings} for one in found}


def put_mapping(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    fake.index(name).mappings.update(request.json("_meta"))
    return {"acknowledged": True}


def get_settings(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    one = fake.index(name)
    flat = request.parameters.get("flat_settings") == "true"
    told = {key: str(value).lower() for key, value in one.settings.items()} if flat else _as_nested(one.settings)
    return {one.name: {"settings": told}}


def put_settings(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    one, given = fake.index(name), _settings(fake, request.json())
    if STATIC & set(given):
        raise Refusal(
            400, "illegal_argument_exception", f"Can't update non dynamic settings [{sorted(STATIC & set(given))}]"
        )
    changed = one.settings | given
    one.settings = {key: value for key, value in changed.items() if value is not None}
    return {"acknowledged": True}


def refresh(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    one = fake.index(name)
    one.seen = dict(one.documents)
    return {"_shards": {"total": 1, "successful": 1, "failed": 0}}


def bulk(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    one, lines, items = fake.index(name), iter(request.lines()), []
    for one_line in lines:
        line = _parsed(one_line)
        if len(line) != 1 or next(iter(line)) not in {"index", "create", "delete"}:
            raise Refusal(400, "illegal_argument_exception", f"Malformed action/metadata line, found {line}")
        ((action, told),) = line.items()
        if set(told) - BULK_ITEM:
            raise Refusal(
                400, "illegal_argument_exception", f"Action/metadata line contains an unknown parameter {told}"
            )
        source = None if action == "delete" else next(lines, None)
        if source is None and action != "delete":
            raise Refusal(400, "illegal_argument_exception", "Malformed content, a source is missing")
        items.append({action: _item(fake, one, told, source)})
    failed = any("error" in next(iter(item.values())) for item in items)
    return {"took": 1, "errors": failed, "items": items}


def _item(fake: FakeOpenSearch, one: Index, told: dict[str, Any], line: bytes | None) -> dict[str, Any]:
    key = told.get("_id")
    base = {"_index": one.name, "_id": key}
    try:
        if key == "" or len((key or "").encode()) > LONGEST_ID:
            raise Refusal(400, "illegal_argument_exception", f"if _id is specified it must be 1 to {LONGEST_ID} bytes")
        if fake.busy_item():
            raise Refusal(429, "rejected_execution_exception", "rejected execution of coordinating operation")
        if line is None:
            found = one.documents.pop(key, None)
            return {**base, "status": 200 if found else 404, "result": "deleted" if found else "not_found"}
        source = _parsed(line)
        _check_document(one.mappings["properties"], source)
        new = key not in one.documents
        one.documents[key] = source
        return {**base, "status": 201 if new else 200, "result": "created" if new else "updated"}
    except Refusal as refusal:
        return {**base, "status": refusal.status, "error": {"type": refusal.kind, "reason": refusal.reason}}


def count(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    return {"count": len(fake.index(name).seen), "_shards": {"total": 1, "successful": 1, "failed": 0}}


def open_pit(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    if "keep_alive" not in request.parameters:
        raise Refusal(400, "action_request_validation_exception", "Validation Failed: 1: keep alive not specified;")
    one = fake.index(name)
    pit = base64.b64encode(f"{one.name}{len(fake.pits)}".encode()).decode()
    fake.pits[pit] = (one, dict(one.seen))
    return {"pit_id": pit, "_shards": {"total": 1, "successful": 1, "failed": 0}, "creation_time": 0}


def close_pit(fake: FakeOpenSearch, request: Request) -> Any:
    wanted = request.json("pit_id")["pit_id"]
    return {"pits": [{"pit_id": one, "successful": fake.pits.pop(one, None) is not None} for one in wanted]}


def search(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    one, body = fake.index(name), request.json()
    if "pit" in body:
        raise Refusal(400, "action_request_validation_exception", "[indices] cannot be used with point in time")
    return fake_queries.search(fake, one, one.seen, body)


def search_pit(fake: FakeOpenSearch, request: Request) -> Any:
    body = request.json()
    pit = body["pit"]["id"]
    if pit not in fake.pits:
        raise Refusal(404, "search_context_missing_exception", f"No search context found for id [{pit}]")
    one, documents = fake.pits[pit]
    return fake_queries.search(fake, one, documents, body) | {"pit_id": pit}


def search_many(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    lines, answers = [_parsed(line) for line in request.lines()], []
    for header, body in zip(lines[::2], lines[1::2], strict=True):
        if set(header) - {"index", "preference", "routing", "search_type", "request_cache", "allow_no_indices"}:
            raise Refusal(
                400, "illegal_argument_exception", f"key in {header} is not supported in the metadata section"
            )
        try:
            one = fake.index(header.get("index", name))
            answers.append(fake_queries.search(fake, one, one.seen, body) | {"status": 200})
        except Refusal as refusal:
            answers.append(refusal.body)
    return {"took": 1, "responses": answers}


def get_alias(fake: FakeOpenSearch, name: str, request: Request) -> Any:
    found = {one.name: {"aliases": {name: {}}} for one in fake.indices.values() if name in one.aliases}
    if not found:
        raise Refusal(404, "aliases_not_found_exception", f"alias [{name}] missing")
    return found


def change_aliases(fake: FakeOpenSearch, request: Request) -> Any:
    after = {name: set(one.aliases) for name, one in fake.indices.items()}
    for action in request.json("actions")["actions"]:
        ((what, told),) = action.items()
        if what not in {"add", "remove"} or set(told) - {"index", "alias", "must_exist", "is_write_index", "filter"}:
            raise Refusal(400, "x_content_parse_exception", f"[alias_action] unknown field in {action}")
        if told["index"] not in after:
            raise Refusal(404, "index_not_found_exception", f"no such index [{told['index']}]")
        if told["alias"] in after:
            raise Refusal(
                400,
                "invalid_alias_name_exception",
                f"an index exists with the same name as the alias [{told['alias']}]",
            )
        if what == "add":
            after[told["index"]].add(told["alias"])
        elif told["alias"] in after[told["index"]]:
            after[told["index"]].remove(told["alias"])
        else:
            raise Refusal(404, "aliases_not_found_exception", f"aliases [{told['alias']}] missing")
    for name, aliases in after.items():
        fake.indices[name].aliases = aliases
    return {"acknowledged": True}


_NAME = r"/([^/_][^/]*)"
Handle = Callable[..., Any]
ROUTES: dict[str, tuple[set[str], set[str], Handle]] = {
    "/": ({"GET"}, set(), info),
    "/_aliases": ({"POST"}, {"timeout", "cluster_manager_timeout"}, change_aliases),
    "/_alias/([^/]+)": ({"GET"}, {"ignore_unavailable", "expand_wildcards", "local"}, get_alias),
    "/_search": ({"GET", "POST"}, {"size", "timeout", "typed_keys"}, search_pit),
    "/_search/point_in_time": ({"DELETE"}, set(), close_pit),
    f"{_NAME}/_search/point_in_time": ({"POST"}, {"keep_alive", "preference", "routing"}, open_pit),
    f"{_NAME}/_search": ({"GET", "POST"}, {"search_pipeline", "preference", "routing", "search_type"}, search),
    f"{_NAME}/_msearch": ({"GET", "POST"}, {"search_type", "max_concurrent_searches"}, search_many),
    f"{_NAME}/_bulk": ({"POST", "PUT"}, {"refresh", "timeout", "pipeline", "routing"}, bulk),
    f"{_NAME}/_count": ({"GET", "POST"}, {"q", "df", "routing"}, count),
    f"{_NAME}/_refresh": ({"GET", "POST"}, {"ignore_unavailable"}, refresh),
    f"{_NAME}/_mapping": ({"GET"}, {"local", "expand_wildcards"}, get_mapping),
    f"{_NAME}/_mapping(?#put)": ({"PUT", "POST"}, {"timeout", "write_index_only"}, put_mapping),
    f"{_NAME}/_settings": ({"GET"}, {"flat_settings", "include_defaults", "local"}, get_settings),
    f"{_NAME}/_settings(?#put)": ({"PUT"}, {"flat_settings", "preserve_existing", "timeout"}, put_settings),
    _NAME: ({"PUT"}, {"timeout", "wait_for_active_shards"}, create),
    f"{_NAME}(?#get)": ({"GET"}, {"flat_settings", "include_defaults", "local"}, get_index),
    f"{_NAME}(?#delete)": ({"DELETE"}, {"timeout", "ignore_unavailable"}, delete),
}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeOpenSearch
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        with self.fake.lock:
            self.fake.requests.append((self.command, self.path))
            fault = self.fake.fault(self.command, path)
            if fault is None or fault.after:
                status, answer = self._answer(path, body)
        if fault is not None:
            status, answer = fault.status, Refusal(fault.status, "injected", "an injected fault").body
        if status == 0:
            self.close_connection = True
            return
        said = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def _answer(self, path: str, body: bytes) -> tuple[int, Any]:
        try:
            self._authorise(path)
            return 200, self.fake.answer(self.command, self.path, body, self.headers.get("content-type", ""))
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _authorise(self, path: str) -> None:
        if self.fake.user is not None:
            wanted = "Basic " + base64.b64encode(self.fake.user.encode()).decode()
            if self.headers.get("authorization") != wanted:
                raise Refusal(401, "security_exception", "Unauthorized")
        if not self.fake.may(self.command, path):
            raise Refusal(403, "security_exception", "no permissions for [indices:data/write/bulk]")

    def log_message(self, *_: object) -> None:
        pass

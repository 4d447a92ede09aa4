"""What the fake server makes of a search: each key is checked, and the answer computed from the documents.

Published rules, on docs.opensearch.org unless said otherwise: "Search" (keys of the body), "Term-level queries",
"Boolean", "Match", "Multi-match", "Nested", "k-NN query", "Nested field search" (one inner hit for each document),
"Hybrid query" (at the top only; five queries at most), "Normalization processor" (2.10), "Score ranker processor"
(2.19), "Using a search pipeline" (in the body), "Highlight query matches", "Spaces" (how a similarity becomes a score);
`NestedHelper` of opensearch-project/OpenSearch and issue 2222 of opensearch-project/k-NN (which filters of a nested
k-NN query are joined to the documents before 3.5; any other is held against the passages).  BM25 is Lucene's, with k1
1.2 and b 0.75.

The analysers are not the real ones: words of letters and digits in lower case, and for English no stop words and no -s,
-es, -ing or -ed.
"""

import fnmatch
import math
import re
from typing import Any

Source = dict[str, Any]
Scores = dict[str, float]
BODY = {
    "query", "size", "from", "_source", "highlight", "sort", "search_after", "pit", "docvalue_fields",
    "track_total_hits", "search_pipeline", "timeout",
}  # fmt: skip
WINDOW, CLAUSES = 10_000, 1024
STOP = {
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of",
    "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with",
}  # fmt: skip


class Refusal(Exception):  # noqa: N818 - as the server says it
    """What the server refuses, with its status and its own name for it."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.kind, self.reason = status, kind, reason

    @property
    def body(self) -> dict[str, Any]:
        cause = {"type": self.kind, "reason": self.reason}
        return {"error": {"root_cause": [cause], **cause}, "status": self.status}


def _keys(name: str, told: dict[str, Any], *accepted: str) -> None:
    if not isinstance(told, dict):
        raise Refusal(400, "parsing_exception", f"[{name}] query malformed, no start_object after query name")
    for key in told:
        if key not in accepted:
            raise Refusal(400, "parsing_exception", f"[{name}] query does not support [{key}]")


def tokens(text: str, analyser: str) -> list[tuple[str, int, int]]:
    """Return the terms of a text and the characters where they stand."""
    found = []
    for match in re.finditer(r"[^\W_]+", text):
        word = match[0].lower()
        if analyser == "english":
            if word in STOP:
                continue
            word = re.sub(r"(?<=\w{3})(ies|es|s|ing|ed)$", "", word).rstrip("y")
        found.append((word, *match.span()))
    return found


class Searcher:
    """The documents that one search sees."""

    def __init__(self, version: tuple[int, ...], index: Any, documents: dict[str, Source]) -> None:
        self.version, self.documents = version, documents
        self.properties = index.mappings["properties"]
        self.knn = str(index.settings.get("index.knn")).lower() == "true"
        self.clauses = 0
        self.inner: dict[str, dict[str, Any]] = {}

    def run(self, query: dict[str, Any]) -> Scores:
        """Return the score of each document that a query finds."""
        if not isinstance(query, dict) or len(query) != 1:
            raise Refusal(400, "parsing_exception", f"query malformed, expected one name: {query!s:.80}")
        ((name, told),) = query.items()
        method = getattr(self, f"_{name}", None)
        if method is None:
            raise Refusal(400, "parsing_exception", f"unknown query [{name}]")
        found: Scores = method(told)
        return found

    def _match_all(self, told: Any) -> Scores:
        _keys("match_all", told, "boost")
        return dict.fromkeys(self.documents, 1.0)

    def _match_none(self, told: Any) -> Scores:
        _keys("match_none", told)
        return {}

    def _values(self, field: str) -> dict[str, list[str]]:
        kind = self.properties.get(field)
        if kind is None:
            return {}
        if kind["type"] != "keyword" or not kind.get("index", True):
            raise Refusal(400, "query_shard_exception", f"Cannot search on field [{field}] since it is not indexed.")
        held = {key: source.get(field) for key, source in self.documents.items()}
        return {key: one if isinstance(one, list) else [one] for key, one in held.items() if one is not None}

    def _term(self, told: Any) -> Scores:
        ((field, wanted),) = told.items()
        if isinstance(wanted, dict):
            _keys("term", wanted, "value", "boost")
            wanted = wanted["value"]
        return {key: 1.0 for key, values in self._values(field).items() if wanted in values}

    def _terms(self, told: Any) -> Scores:
        ((field, wanted),) = told.items()
        if not isinstance(wanted, list) or len(wanted) > 65_536:
            raise Refusal(400, "parsing_exception", "[terms] query requires an array of terms, 65536 at most")
        return {key: 1.0 for key, values in self._values(field).items() if set(wanted) & set(values)}

    def _range(self, told: Any) -> Scores:
        ((field, bounds),) = told.items()
        _keys("range", bounds, "gt", "gte", "lt", "lte", "boost", "format", "time_zone", "relation")
        tests = {
            "gt": lambda one, other: one > other, "gte": lambda one, other: one >= other,
            "lt": lambda one, other: one < other, "lte": lambda one, other: one <= other,
        }  # fmt: skip

        def within(value: str) -> bool:
            return all(tests[name](value.encode(), bound.encode()) for name, bound in bounds.items())

        return {key: 1.0 for key, values in self._values(field).items() if any(map(within, values))}

    def _bool(self, told: Any) -> Scores:
        _keys("bool", told, "must", "should", "filter", "must_not", "minimum_should_match", "boost")
        clauses = {name: told.get(name, []) for name in ("must", "filter", "should", "must_not")}
        clauses = {name: one if isinstance(one, list) else [one] for name, one in clauses.items()}
        required = [self.run(one) for one in clauses["must"]]
        filters = [self.run(one) for one in clauses["filter"]]
        optional = [self.run(one) for one in clauses["should"]]
        forbidden = [self.run(one) for one in clauses["must_not"]]
        least = told.get("minimum_should_match", 0 if required or filters or not optional else 1)
        scores: Scores = {}
        for key in self.documents:
            matched = [one[key] for one in optional if key in one]
            met = all(key in one for one in required + filters) and not any(key in one for one in forbidden)
            if met and len(matched) >= least:
                scores[key] = sum(matched) + sum(one[key] for one in required)
        return scores

    def _match(self, told: Any) -> Scores:
        ((field, one),) = told.items()
        one = one if isinstance(one, dict) else {"query": one}
        _keys("match", one, "query", "operator", "boost", "analyzer", "fuzziness", "minimum_should_match")
        return self._scored(field, one["query"], phrase=False)

    def _multi_match(self, told: Any) -> Scores:
        _keys("multi_match", told, "query", "fields", "type", "tie_breaker", "operator", "boost", "analyzer")
        kind = told.get("type", "best_fields")
        if kind not in {"best_fields", "most_fields", "phrase"}:
            raise Refusal(400, "parsing_exception", f"failed to parse [multi_match] query type [{kind}]")
        found: list[Scores] = []
        for field in told["fields"]:
            name, _, boost = field.partition("^")
            scores = self._scored(name, told["query"], phrase=kind == "phrase")
            found.append({key: score * float(boost or 1) for key, score in scores.items()})
        together = sum if kind == "most_fields" else max
        return {key: together(one[key] for one in found if key in one) for key in set().union(*found)}

    def _scored(self, field: str, query: str, *, phrase: bool) -> Scores:
        """Return BM25 scores of the words of a query in a field of text, or of its words as a phrase."""
        told = self.properties.get(field)
        if told is None:
            return {}
        if told["type"] != "text":
            raise Refusal(400, "query_shard_exception", f"the fake matches words in fields of text, not in [{field}]")
        analyser = told.get("analyzer", "standard")
        terms = [term for term, _, _ in tokens(query, analyser)]
        self.clauses += len(terms)
        if self.clauses > CLAUSES:
            raise Refusal(400, "too_many_clauses", f"maxClauseCount is set to {CLAUSES}")
        texts = {
            key: [term for term, _, _ in tokens(source.get(field, ""), analyser)]
            for key, source in self.documents.items()
        }
        filled = {key: words for key, words in texts.items() if words}
        average = sum(map(len, filled.values())) / max(len(filled), 1)
        scores: Scores = {}
        for wanted in [tuple(terms)] if phrase and terms else [(term,) for term in terms]:
            counts = {key: _occurrences(words, wanted) for key, words in filled.items()}
            holding = sum(1 for count in counts.values() if count)
            rarity = math.log(1 + (len(filled) - holding + 0.5) / (holding + 0.5))
            for key, count in counts.items():
                if count:
                    length = 0.25 + 0.75 * len(filled[key]) / average
                    scores[key] = scores.get(key, 0.0) + rarity * count / (count + 1.2 * length)
        return scores

    def _knn(self, told: Any) -> Scores:
        raise Refusal(400, "query_shard_exception", "the fake has k-NN inside of nested alone")

    def _hybrid(self, told: Any) -> Scores:
        raise Refusal(
            400,
            "illegal_argument_exception",
            "hybrid query must be a top level query and cannot be wrapped into other queries",
        )

    def _nested(self, told: Any) -> Scores:
        _keys("nested", told, "path", "query", "score_mode", "inner_hits", "ignore_unmapped")
        path, knn = told["path"], told["query"].get("knn")
        if self.properties.get(path, {}).get("type") != "nested":
            raise Refusal(400, "query_shard_exception", f"[nested] failed to find nested object under path [{path}]")
        if knn is None or told.get("score_mode", "avg") not in {"avg", "max", "sum", "min", "none"}:
            raise Refusal(400, "parsing_exception", "the fake has k-NN alone inside of nested, and five score modes")
        ((field, wanted),) = knn.items()
        known = ["vector", "k", "filter", *(["expand_nested_docs"] if self.version >= (2, 19) else [])]
        _keys("knn", wanted, *known, *(["method_parameters"] if self.version >= (2, 16) else []))
        mapping = self.properties[path]["properties"].get(field.removeprefix(f"{path}."))
        if mapping is None or mapping["type"] != "knn_vector" or not self.knn:
            raise Refusal(400, "query_shard_exception", f"Field '{field}' is not knn_vector type.")
        if len(wanted["vector"]) != mapping["dimension"]:
            given, dimension = len(wanted["vector"]), mapping["dimension"]
            said = f"Query vector has invalid dimension: {given}. Dimension should be: {dimension}"
            raise Refusal(400, "query_shard_exception", said)
        if not 1 <= wanted["k"] <= WINDOW:
            raise Refusal(400, "illegal_argument_exception", "[knn] requires 0 < k <= 10000")
        allowed = self._allowed(wanted.get("filter"))
        best: dict[str, tuple[float, int]] = {}
        for key in allowed:
            scored = [
                (_similarity(wanted["vector"], one["vector"], mapping["method"]["space_type"]), -number)
                for number, one in enumerate(self.documents[key].get(path) or [])
            ]
            if scored:
                best[key] = max(scored)
        chosen = sorted(best, key=lambda key: -best[key][0])[: wanted["k"]]
        if "inner_hits" in told:
            _keys("inner_hits", told["inner_hits"], "size", "from", "_source", "name", "sort", "fields", "highlight")
            for key in chosen:
                score, number = best[key]
                hit = {"_id": key, "_nested": {"field": path, "offset": -number}, "_score": score}
                self.inner[key] = {path: {"hits": {"total": {"value": 1, "relation": "eq"}, "hits": [hit]}}}
        return {key: best[key][0] for key in chosen}

    def _allowed(self, condition: dict[str, Any] | None) -> list[str]:
        if condition is None:
            return list(self.documents)
        found = self.run(condition)  # also where it is not joined: a wrong query is refused all the same
        if self.version >= (3, 5) or _joined(condition):
            return list(found)
        # Held against passages, which have none of the fields: nothing is met, and every negation.
        passage = Searcher(self.version, _Bare(self.properties), {"passage": {}})
        return list(self.documents) if passage.run(condition) else []


class _Bare:
    settings: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, properties: dict[str, Any]) -> None:
        self.mappings = {"properties": properties}


def _joined(condition: dict[str, Any]) -> bool:
    """Return whether NestedHelper sees that a filter cannot match passages."""
    ((name, told),) = condition.items()
    if name in {"term", "terms", "match_none"}:
        return not next(iter(told), "").startswith("_")
    if name != "bool":
        return False
    required = [*told.get("must", []), *told.get("filter", [])]
    if required:
        return any(map(_joined, required))
    return all(map(_joined, told.get("should", [])))


def _occurrences(words: list[str], wanted: tuple[str, ...]) -> int:
    size = len(wanted)
    return sum(tuple(words[start : start + size]) == wanted for start in range(len(words) - size + 1))


def _similarity(one: list[float], other: list[float], space: str) -> float:
    product = math.fsum(a * b for a, b in zip(one, other, strict=True))
    if space == "cosinesimil":
        return (1 + product / (math.hypot(*one) * math.hypot(*other))) / 2
    if space == "innerproduct":
        return product + 1 if product >= 0 else 1 / (1 - product)
    return 1 / (1 + math.dist(one, other) ** 2)


def search(fake: Any, index: Any, documents: dict[str, Source], body: dict[str, Any]) -> dict[str, Any]:
    """Return what the server answers to a search, or raise its Refusal."""
    for key in body:
        if key not in BODY:
            raise Refusal(400, "parsing_exception", f"Unknown key for a value in [{key}].")
    size = body.get("size", 10)
    if not 0 <= size + body.get("from", 0) <= WINDOW:
        raise Refusal(
            400, "illegal_argument_exception", f"Result window is too large, from + size must be at most {WINDOW}"
        )
    searcher = Searcher(fake.version, index, documents)
    query = body.get("query", {"match_all": {}})
    if "hybrid" in query:
        ranked = _hybrid(fake, searcher, query["hybrid"], body, size)
    elif "search_pipeline" in body:
        raise Refusal(400, "illegal_argument_exception", "the fake has pipelines for hybrid queries alone")
    else:
        scores = searcher.run(query)
        ranked = sorted(scores.items(), key=lambda one: -one[1])
    hits = [_hit(searcher, index, key, score, body) for key, score in _sorted(searcher, ranked, body)[:size]]
    total = {} if body.get("track_total_hits") is False else {"total": {"value": len(ranked), "relation": "eq"}}
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    return {"took": 1, "timed_out": False, "_shards": shards, "hits": {**total, "max_score": None, "hits": hits}}


def _sorted(searcher: Searcher, ranked: list[tuple[str, float]], body: dict[str, Any]) -> list[tuple[str, float]]:
    if "sort" not in body:
        if "search_after" in body:
            raise Refusal(400, "illegal_argument_exception", "Sort must contain at least one field.")
        return ranked
    ((field, order),) = body["sort"][0].items()
    told = searcher.properties.get(field)
    if order != "asc" or told is None or told["type"] != "keyword" or not told.get("doc_values", True):
        raise Refusal(
            400, "query_shard_exception", f"the fake sorts by keywords with doc values, ascending, not by [{field}]"
        )
    found = sorted(ranked, key=lambda one: searcher.documents[one[0]][field].encode())
    after = body.get("search_after")
    return [one for one in found if after is None or searcher.documents[one[0]][field].encode() > after[0].encode()]


def _hybrid(fake: Any, searcher: Searcher, told: Any, body: dict[str, Any], size: int) -> list[tuple[str, float]]:
    if not fake.neural or fake.version < (2, 10):
        raise Refusal(400, "parsing_exception", "unknown query [hybrid]")
    _keys("hybrid", told, "queries", "filter", "pagination_depth")
    if not 1 <= len(told["queries"]) <= 5:
        raise Refusal(400, "parsing_exception", "Number of sub-queries exceeds maximum supported by [hybrid] query")
    pipeline = body.get("search_pipeline", {}).get("phase_results_processors")
    if not pipeline:
        raise Refusal(400, "illegal_argument_exception", "a hybrid query without a pipeline gives what nobody can use")
    ((name, given),) = pipeline[0].items()
    tops = [sorted(searcher.run(one).items(), key=lambda one: -one[1])[:size] for one in told["queries"]]
    found: Scores = {}
    for weight, top in zip(_weights(fake, name, given, len(tops)), tops, strict=True):
        scores = [score for _, score in top]
        for number, (key, score) in enumerate(top):
            if name == "score-ranker-processor":
                gain = 1 / (given["combination"].get("rank_constant", 60) + number + 1)
            else:
                spread = max(scores) - min(scores)
                gain = weight * (max((score - min(scores)) / spread, 0.001) if spread else 1.0)
            found[key] = found.get(key, 0.0) + gain
    return sorted(found.items(), key=lambda one: -one[1])


def _weights(fake: Any, name: str, given: dict[str, Any], count: int) -> list[float]:
    """Return the weight of each query, and refuse a processor that the version lacks or its keys."""
    combination = given["combination"]
    _keys("combination", combination, "technique", "parameters", "rank_constant")
    if name == "score-ranker-processor" and fake.version >= (2, 19):
        _keys(name, given, "combination", "tag", "description")
        if combination["technique"] != "rrf" or not 1 <= combination.get("rank_constant", 60) <= 10_000:
            raise Refusal(
                400, "illegal_argument_exception", "rank constant must be in the interval between 1 and 10000"
            )
        return [1.0] * count
    if name != "normalization-processor":
        raise Refusal(400, "illegal_argument_exception", f"Invalid processor type {name}")
    _keys(name, given, "normalization", "combination", "tag", "description")
    if given["normalization"] != {"technique": "min_max"} or combination["technique"] != "arithmetic_mean":
        raise Refusal(400, "illegal_argument_exception", "the fake has min_max and arithmetic_mean alone")
    weights: list[float] = combination["parameters"]["weights"]
    if len(weights) != count or abs(sum(weights) - 1) > 0.01:
        raise Refusal(
            400, "illegal_argument_exception", f"sum of weights for combination must be equal to 1.0: {weights}"
        )
    return weights


def _hit(searcher: Searcher, index: Any, key: str, score: float, body: dict[str, Any]) -> dict[str, Any]:
    source = searcher.documents[key]
    hit: dict[str, Any] = {"_index": index.name, "_id": key, "_score": None if "sort" in body else score}
    if "sort" in body:
        hit["sort"] = [source[next(iter(body["sort"][0]))]]
    if body.get("_source", True) is not False:
        hit["_source"] = _chosen(source, body.get("_source", True))
    for field in body.get("docvalue_fields", []):
        if not searcher.properties[field].get("doc_values", True):
            raise Refusal(
                400, "illegal_argument_exception", f"Can't load fielddata on [{field}] because fielddata is unsupported"
            )
        hit.setdefault("fields", {})[field] = [source[field]]
    if key in searcher.inner:
        hit["inner_hits"] = searcher.inner[key]
    elif "inner_hits" in str(body.get("query")):
        hit["inner_hits"] = {"passages": {"hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}}
    if "highlight" in body:
        _keys("highlight", body["highlight"], "fields", "pre_tags", "post_tags", "type", "encoder")
        marked = {
            field: _highlight(searcher, source, field, told) for field, told in body["highlight"]["fields"].items()
        }
        found = {field: [text] for field, text in marked.items() if text is not None}
        if found:
            hit["highlight"] = found
    return hit


def _chosen(source: Any, wanted: Any, before: str = "") -> Any:
    if wanted is True:
        return source
    if isinstance(source, list):
        return [_chosen(one, wanted, before) for one in source]
    found = {}
    for name, value in source.items():
        whole = f"{before}{name}"
        if any(fnmatch.fnmatchcase(whole, pattern) for pattern in wanted):
            found[name] = value
        elif any(pattern.startswith(f"{whole}.") for pattern in wanted):
            found[name] = _chosen(value, wanted, f"{whole}.")
    return found


def _highlight(searcher: Searcher, source: Source, field: str, told: dict[str, Any]) -> str | None:
    accepted = (
        "type",
        "number_of_fragments",
        "fragment_size",
        "max_analyzer_offset",
        "highlight_query",
        "pre_tags",
        "post_tags",
    )
    _keys("highlight", told, *accepted)
    if told.get("number_of_fragments") != 0 or "highlight_query" not in told or told["max_analyzer_offset"] > 1_000_000:
        raise Refusal(400, "illegal_argument_exception", "the fake marks whole texts, by a query of their own")
    searcher.run(told["highlight_query"])
    analyser = searcher.properties[field].get("analyzer", "standard")
    text = source.get(field, "")
    found = tokens(text[: told["max_analyzer_offset"]], analyser)
    marked: set[int] = set()
    for phrase in _phrases(told["highlight_query"], field, analyser):
        size = len(phrase)
        for start in range(len(found) - size + 1):
            if [term for term, _, _ in found[start : start + size]] == phrase:
                marked |= set(range(start, start + size))
    if not marked:
        return None
    out, last = "", 0
    for number in sorted(marked):
        _, start, end = found[number]
        out += text[last:start] + told["pre_tags"][0] + text[start:end] + told["post_tags"][0]
        last = end
    return out + text[last:]


def _phrases(query: dict[str, Any], field: str, analyser: str) -> list[list[str]]:
    """Return the terms that a query looks for in a field, and the phrases."""
    ((name, told),) = query.items()
    if name == "bool":
        return [one for clause in told.get("should", []) for one in _phrases(clause, field, analyser)]
    if name == "match":
        ((where, one),) = told.items()
        return [[term] for term, _, _ in tokens(one["query"], analyser)] if where == field else []
    if field not in {one.partition("^")[0] for one in told["fields"]}:
        return []
    terms = [term for term, _, _ in tokens(told["query"], analyser)]
    return [terms] if told.get("type") == "phrase" else [[term] for term in terms]

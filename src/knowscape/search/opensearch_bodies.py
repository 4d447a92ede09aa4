"""The bodies of the requests to OpenSearch, and nothing else: an index, a query, a fusion.

One OpenSearch document is one document of the corpus, with a nested object for each passage.  The other way, one for
each passage and a collapse, would weigh words by passages where the embedded index weighs them by documents, would let
a document with many passages crowd out others from the k nearest before the collapse, and would count passages as hits.
Sources, all on docs.opensearch.org unless they name an issue: "Methods and engines" (spaces of each engine), "Nested
field search", "Efficient k-NN filtering", "Hybrid query", "Normalization processor", "Score ranker processor",
"Highlight query matches", "Language analyzers".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.search.filters import Filter
from knowscape.search.fusion import Fusion
from knowscape.search.opensearch_facts import conditions
from knowscape.search.query import Query

__all__ = [
    "ENGINES", "LANGUAGES", "MOST", "MappingOptions", "dense_query", "describe", "hybrid_search", "index_body",
    "lexical_query", "ranking", "similarity", "space_of",
]  # fmt: skip

ENGINES = ("faiss", "lucene")
LANGUAGES = {
    "ar": "arabic", "bg": "bulgarian", "bn": "bengali", "ca": "catalan", "ckb": "sorani", "cs": "czech",
    "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "gl": "galician", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "ja": "cjk", "ko": "cjk",
    "lt": "lithuanian", "lv": "latvian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "pt-br": "brazilian",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "th": "thai", "tr": "turkish", "zh": "cjk", "": "standard",
}  # fmt: skip
# index.max_result_window, and the largest k of a k-NN query.
MOST = 10_000
# Each word is looked up in two fields, and a query has 1,024 clauses at most (indices.query.bool.max_clause_count).
_MOST_WORDS, _LONGEST_TOKEN = 300, 255
# index.highlight.max_analyzed_offset is 1,000,000; what lies beyond is not highlighted, where it would be an error.
_HIGHLIGHTED = 999_999
_FIELDS = ["title^2", "text"]
# Words of letters that are written together; of other scripts an analyser may make a word of each character.
_TOKEN = re.compile(r"[0-9A-Za-z\u00c0-\u0dff]+|\w")
_UNSEARCHED = {"type": "keyword", "index": False, "doc_values": False}


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """How an index is made.

    `language` is the ISO code of the texts' language, "" for none or many, where words are not stemmed.  `engine` holds
    the vectors in an HNSW graph of `m` links a vector, built with a list of `ef_construction`.
    """

    language: str = "en"
    engine: str = "faiss"
    shards: int = 1
    replicas: int = 1
    m: int = 16
    ef_construction: int = 128

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            known = ", ".join(code for code in LANGUAGES if code)
            raise UsageError(f'There is no analyser for {self.language!r}. Accepted: {known}, or "" for none of them.')
        if self.engine not in ENGINES:
            raise UsageError(f"There is no engine {self.engine!r}. Accepted: {', '.join(ENGINES)}.")
        if self.shards < 1 or self.replicas < 0 or not 2 <= self.m <= 100 or self.ef_construction < 1:
            raise UsageError(
                f"shards is {self.shards}, which must be at least 1, replicas {self.replicas}, at least 0, m {self.m}, "
                f"2 to 100, and ef_construction {self.ef_construction}, at least 1."
            )


def index_body(dimension: int, space: str, options: MappingOptions, meta: dict[str, Any]) -> dict[str, Any]:
    """Return what makes an index for vectors of a dimension, compared as `space` does; `meta` is kept with it."""
    text = {"type": "text", "analyzer": LANGUAGES[options.language]}
    method = {
        "name": "hnsw", "engine": options.engine, "space_type": space,
        "parameters": {"m": options.m, "ef_construction": options.ef_construction},
    }  # fmt: skip
    passage = {
        "vector": {"type": "knn_vector", "dimension": dimension, "method": method},
        "start": {"type": "integer", "index": False, "doc_values": False},
        "end": {"type": "integer", "index": False, "doc_values": False},
    }
    properties = {
        "kind": {"type": "keyword"}, "key": {"type": "keyword"}, "digest": {"type": "keyword", "index": False},
        "facts": {"type": "keyword", "doc_values": False}, "id": _UNSEARCHED, "url": _UNSEARCHED,
        "metadata": _UNSEARCHED, "title": text, "text": text,
        "passages": {"type": "nested", "dynamic": "strict", "properties": passage},
    }  # fmt: skip
    counts = {"number_of_shards": options.shards, "number_of_replicas": options.replicas}
    return {
        "settings": {"index": {"knn": True, **counts}},
        "mappings": {"dynamic": "strict", "_meta": meta, "properties": properties},
    }


def space_of(spec: EncoderSpec, engine: str, version: tuple[int, int]) -> str:
    """Return the server's name of the similarity; for cosine vectors are sent with length one, so that both suit."""
    if spec.similarity not in ("cosine", "dot"):
        raise UsageError(f"{spec.name} compares by {spec.similarity}, which OpenSearch is not asked for here.")
    if engine == "faiss":
        return "cosinesimil" if spec.similarity == "cosine" and version >= (2, 19) else "innerproduct"
    if spec.similarity == "dot" and version < (2, 13):
        raise UsageError(f"{spec.name} compares by inner product, which lucene has from OpenSearch 2.13. Take faiss.")
    return "cosinesimil" if spec.similarity == "cosine" else "innerproduct"


def similarity(score: float, space: str) -> float:
    """Return the cosine or inner product that a score was made of ("Spaces"); the score has another slope below 0."""
    if space == "cosinesimil":
        return 2 * score - 1
    return score - 1 if score >= 1 else 1 - 1 / score


def lexical_query(query: Query, filters: tuple[Filter, ...]) -> dict[str, Any] | None:
    """Return the query for a person's words, None where there is no word.

    A document needs one of the words or clauses; more score more.  Words beyond what a query may have are left out.
    """
    clauses: list[dict[str, Any]] = []
    left = _MOST_WORDS
    for clause in query.clauses:
        left -= _count(clause.words)
        if left >= 0:
            fields = [clause.field] if clause.field else _FIELDS
            clauses.append({"multi_match": {"query": clause.words, "fields": fields, "type": "phrase"}})
    words = []
    for word in query.words.split():
        left -= _count(word)
        if left < 0:
            break
        words.append(word)
    if words:
        clauses.append({"multi_match": {"query": " ".join(words), "fields": _FIELDS, "type": "most_fields"}})
    return {"bool": {"should": clauses, "minimum_should_match": 1, "filter": conditions(filters)}} if clauses else None


def _count(text: str) -> int:
    """Return how many words an analyser may make of a text, at the most."""
    return sum(1 + len(token) // _LONGEST_TOKEN for token in _TOKEN.findall(text))


def dense_query(vector: Sequence[float], k: int, filters: tuple[Filter, ...]) -> dict[str, Any]:
    """Return the query for the k documents whose best passages are nearest to a vector."""
    return _nearest(vector, k, conditions(filters))


def _nearest(vector: Sequence[float], k: int, among: list[dict[str, Any]]) -> dict[str, Any]:
    nearest: dict[str, Any] = {"vector": list(vector), "k": k}
    if among:
        # A filter is taken for one of documents only where it surely matches no passage, which before 3.5 the plugin
        # sees of a required term, not of a range or a negation (opensearch-project/k-NN, issue 2222).
        nearest["filter"] = {"bool": {"filter": [{"term": {"kind": "document"}}, *among]}}
    query = {"knn": {"passages.vector": nearest}}
    return {"nested": {"path": "passages", "score_mode": "max", "query": query}}


def ranking(query: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the body of a search for keys and scores alone."""
    return {"query": query, "size": size, "_source": False, "track_total_hits": False}


def hybrid_search(lexical: dict[str, Any], dense: dict[str, Any], size: int, fusion: Fusion) -> dict[str, Any]:
    """Return the body of a search whose rankings the server makes one, by a pipeline that lives as long as it.

    Each query gives as many candidates as hits are asked for.  The server's weighted fusion gives the least score 0.001
    where ours gives 0, and scales scores where ours scales inner products, which differ where these are negative.
    """
    if fusion.method == "rrf":
        processor: dict[str, Any] = {
            "score-ranker-processor": {"combination": {"technique": "rrf", "rank_constant": fusion.k}}
        }
    else:
        weights = {"weights": [1 - fusion.dense, fusion.dense]}
        combination = {"technique": "arithmetic_mean", "parameters": weights}
        processor = {"normalization-processor": {"normalization": {"technique": "min_max"}, "combination": combination}}
    query = {"hybrid": {"queries": [lexical, dense]}}
    pipeline = {"phase_results_processors": [processor]}
    return {"query": query, "size": size, "_source": False, "search_pipeline": pipeline}


def describe(
    keys: list[str], lexical: dict[str, Any] | None, vector: Sequence[float] | None, tags: tuple[str, str]
) -> dict[str, Any]:
    """Return the body of a search that tells what there is to show of some documents.

    `tags` stand before and behind each word of the query in the whole text; of the passages the nearest to `vector` is
    told, as its number.
    """
    chosen = {"terms": {"key": keys}}
    query: dict[str, Any] = {"bool": {"filter": [chosen]}}
    if vector is not None:
        nearest = _nearest(vector, len(keys), [chosen])
        nearest["nested"]["inner_hits"] = {"size": 1, "_source": False}
        query["bool"]["should"] = [nearest]
    body = {
        **ranking(query, len(keys)),
        "_source": ["id", "title", "url", "metadata", "text", "passages.start", "passages.end"],
    }
    if lexical is None:
        return body
    whole = {"type": "unified", "number_of_fragments": 0, "max_analyzer_offset": _HIGHLIGHTED}
    text = {**whole, "highlight_query": lexical, "pre_tags": [tags[0]], "post_tags": [tags[1]]}
    return {**body, "highlight": {"fields": {"text": text}}}

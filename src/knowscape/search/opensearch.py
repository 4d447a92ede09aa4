"""An index on an OpenSearch server, used as the embedded one is; and the names by which it is found.

An index is called `<alias>-<model>-<first 8 digits of the fingerprint>-<n>` and keeps the encoder's whole spec in its
mapping, so that a query is never embedded by another.  People search by the alias, which points at one index.
"""

import itertools
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.errors import DamageError, UsageError
from knowscape.progress import SILENT, Progress
from knowscape.search.fusion import Fusion, Ranking, fuse
from knowscape.search.index import Changed, Hit, Passages, SearchOptions
from knowscape.search.opensearch_bodies import (
    MOST,
    MappingOptions,
    dense_query,
    describe,
    hybrid_search,
    index_body,
    lexical_query,
    ranking,
    similarity,
    space_of,
)
from knowscape.search.opensearch_load import load
from knowscape.search.opensearch_server import Server, ServerError
from knowscape.search.query import Query, parse_query

__all__ = ["OpenSearchIndex", "Stored", "create", "delete", "indices", "point", "pointed", "previous", "stored"]

_FORMAT = 1
# What the second alias has behind the first one's name.
_BEFORE = ".before"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_LARGEST_RANK_CONSTANT = 10_000
# From 2.19 the server has both of our fusions.
_FUSES = (2, 19)


@dataclass(frozen=True, slots=True)
class Stored:
    """An index as the server names it, the alias it was made for, the spec of its vectors, their space, its shards."""

    name: str
    alias: str
    spec: EncoderSpec
    space: str
    shards: int


def create(server: Server, alias: str, spec: EncoderSpec, options: MappingOptions = MappingOptions()) -> str:
    """Make an empty index for vectors of an encoder and return its name; the alias is not pointed at it."""
    _check_name(alias, 100)
    model = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()).strip("-")[:100]
    stem = f"{alias}-{model}-{spec.fingerprint:.8}-"
    taken = [int(end) for one in indices(server, alias) if (end := one.name.removeprefix(stem)).isdecimal()]
    name = f"{stem}{max(taken, default=0) + 1}"
    space = space_of(spec, options.engine, server.version)
    meta = {"format": _FORMAT, "alias": alias, "fingerprint": spec.fingerprint, "spec": asdict(spec), "space": space}
    server.ask("PUT", f"/{name}", index_body(spec.dimension, space, options, meta), patience=0)
    return name


def indices(server: Server, alias: str) -> list[Stored]:
    """Return the indices that were made for an alias, by name; indices of other programs are passed over."""
    _check_name(alias, 100)
    found = server.ask("GET", f"/{alias}-*/_mapping")
    ours = [name for name, told in found.items() if told["mappings"].get("_meta", {}).get("alias") == alias]
    return [stored(server, name) for name in sorted(ours)]


def stored(server: Server, name: str) -> Stored:
    """Return the index of this name, or the one that the alias of this name points at.

    Raises UsageError where there is none or it is not ours, DamageError where its spec is not that of its fingerprint.
    """
    index = pointed(server, name) or name
    try:
        told = server.ask("GET", f"/{index}")[index]
    except ServerError as error:
        if error.status != 404:
            raise
        raise UsageError(f"{server.address} has no index and no alias {name!r}.") from error
    meta = told["mappings"].get("_meta", {})
    if meta.get("format") != _FORMAT:
        raise UsageError(f"{index} was not made by this version of Knowscape. Make an index of your own beside it.")
    spec = EncoderSpec(**meta["spec"])
    if spec.fingerprint != meta["fingerprint"]:
        raise DamageError(f"{index} has the fingerprint {meta['fingerprint']:.16}, its spec {spec.fingerprint:.16}.")
    return Stored(index, meta["alias"], spec, meta["space"], int(told["settings"]["index"]["number_of_shards"]))


def pointed(server: Server, alias: str) -> str | None:
    """Return the index that an alias points at, None where there is no such alias; UsageError where it has several."""
    _check_name(alias, 255)
    try:
        found: list[str] = sorted(server.ask("GET", f"/_alias/{alias}"))
    except ServerError as error:
        if error.status == 404:
            return None
        raise
    if len(found) > 1:
        raise UsageError(f"{alias} points at {', '.join(found)}; their vectors cannot be mixed. Leave one of them.")
    return found[0]


def previous(server: Server, alias: str) -> str | None:
    """Return the index that an alias pointed at before, None where that was not kept."""
    return pointed(server, f"{alias}{_BEFORE}")


def point(server: Server, alias: str, index: str, *, keep: bool = True) -> None:
    """Point an alias at an index instead of where it pointed, in one step that every search sees whole.

    A second alias then says where it pointed, unless `keep` is False.
    """
    chosen, before, oldest = stored(server, index), pointed(server, alias), previous(server, alias)
    if before == chosen.name:
        return
    actions: list[dict[str, Any]] = []
    for name, other in ((alias, before), (f"{alias}{_BEFORE}", oldest)):
        if other:
            actions.append({"remove": {"index": other, "alias": name, "must_exist": True}})
    actions.append({"add": {"index": chosen.name, "alias": alias}})
    if before and keep:
        actions.append({"add": {"index": before, "alias": f"{alias}{_BEFORE}"}})
    server.ask("POST", "/_aliases", {"actions": actions}, patience=0)


def delete(server: Server, index: str) -> None:
    """Delete an index; UsageError where its alias points at it, since people search it."""
    alias = stored(server, index).alias
    if pointed(server, alias) == index or index == alias:
        raise UsageError(f"{alias} points at {index}. Point it at another index first.")
    server.ask("DELETE", f"/{index}", patience=0)


def _check_name(name: str, longest: int) -> None:
    """Refuse a name that would be another request, or that no index can have."""
    if not _NAME.fullmatch(name) or len(name) > longest:
        accepted = f"lower-case letters, digits and -_., up to {longest}"
        raise UsageError(f"{name!r} is no name for an index. Accepted: {accepted}.")


class OpenSearchIndex:
    """An index on a server, searched with its own encoder.

    `name` is an index or an alias.  An alias is followed once, when it is opened: all that one object finds comes from
    one index.  `pointed` says where the alias points later.
    """

    def __init__(self, server: Server, name: str, encoder: Encoder, *, progress: Progress = SILENT) -> None:
        """Open an index; UsageError where its vectors are not of this encoder."""
        self.stored = stored(server, name)
        if encoder.spec.fingerprint != self.stored.spec.fingerprint:
            raise UsageError(
                f"{self.stored.name} holds vectors of {self.spec.name} ({self.spec.fingerprint:.16}), not of "
                f"{encoder.spec.name} ({encoder.spec.fingerprint:.16}); queries must be embedded by the same model."
            )
        self._server, self._encoder, self._progress = server, encoder, progress
        # Of several shards the server ranks documents by numbers that repeat between them (neural-search,
        # RRFNormalizationTechnique), and takes as many candidates of each.
        self._server_fuses = server.version >= _FUSES and self.stored.shards == 1

    @property
    def spec(self) -> EncoderSpec:
        """The encoder whose vectors are here."""
        return self.stored.spec

    def count(self) -> int:
        """Return how many documents can be found."""
        return int(self._server.ask("GET", f"/{self.stored.name}/_count")["count"])

    def update(self, corpus: Corpus, passages: Passages) -> Changed:
        """Make the index that of `corpus`; after an interruption the same call goes on."""
        return load((self._server, self.stored.name), self.spec, corpus, passages, progress=self._progress)

    def search(self, query: str, options: SearchOptions = SearchOptions()) -> list[Hit]:
        """Return the best hits, best first; `ranks` is empty where the server made one ranking of two.

        At most 10,000.  Raises UsageError for a query that is empty, ServerError where the server does not answer.
        """
        parsed = parse_query(query)
        vector = None if options.mode == "lexical" else self._vector(parsed.text)
        found = self._found(parsed, vector, options)[: min(options.k, MOST)]
        return self._hits(found, parsed, vector) if found else []

    def close(self) -> None:
        """Close the connections of the server, which other indices of it may share."""
        self._server.close()

    def _vector(self, query: str) -> list[float]:
        vector: list[float] = comparable(self._encoder.encode_queries([query]), self.spec.similarity)[0].tolist()
        return vector

    def _found(
        self, query: Query, vector: list[float] | None, options: SearchOptions
    ) -> list[tuple[str, float, Mapping[str, int]]]:
        """Return key, score and ranks of what was found, best first."""
        size = min(max(options.k, options.depth), MOST)
        queries = {
            "lexical": None if options.mode == "dense" else lexical_query(query, options.filters),
            "dense": None if vector is None else dense_query(vector, size, options.filters),
        }
        fusion = options.fusion or Fusion()
        asked = {retriever: body for retriever, body in queries.items() if body is not None}
        if len(asked) == 2 and self._server_fuses and fusion.k <= _LARGEST_RANK_CONSTANT:
            body = hybrid_search(asked["lexical"], asked["dense"], size, fusion)
            fused = self._fused(body)
            if fused is not None:
                return [(key, score, {}) for key, score in fused]
        rankings = self._rankings(asked, size)
        ranks: dict[str, dict[str, int]] = {}
        for retriever, found in rankings.items():
            for rank, (key, _) in enumerate(found, start=1):
                ranks.setdefault(key, {})[retriever] = rank
        whole = fuse(rankings, fusion) if len(rankings) == 2 else next(iter(rankings.values()), [])
        return [(key, score, ranks[key]) for key, score in whole]

    def _fused(self, body: Mapping[str, Any]) -> Ranking | None:
        """Return the ranking that the server makes of two, None where it lacks the plugin for that."""
        try:
            return _ranking(self._ask(body))
        except ServerError as error:
            said = str(error).partition(": ")[2]
            if error.status != 400 or not ("[hybrid]" in said or "processor" in said):
                raise
            self._server_fuses = False
            return None

    def _rankings(self, queries: Mapping[str, Mapping[str, Any]], size: int) -> dict[str, Ranking]:
        if not queries:
            return {}
        lines = [line for query in queries.values() for line in ("{}", json.dumps(ranking(dict(query), size)))]
        answers = self._server.ask("POST", f"/{self.stored.name}/_msearch", lines)["responses"]
        found = {retriever: _ranking(self._whole(one)) for retriever, one in zip(queries, answers, strict=True)}
        if "dense" in found:
            found["dense"] = [(key, similarity(score, self.stored.space)) for key, score in found["dense"]]
        return found

    def _ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._whole(self._server.ask("POST", f"/{self.stored.name}/_search", body))

    def _whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer; ServerError where it is a refusal, or only some of the shards gave theirs."""
        if "error" in answer or answer["timed_out"] or answer["_shards"]["failed"]:
            said = answer.get("error") or answer["_shards"].get("failures") or "it took too long"
            raise ServerError(f"{self._server.address} could not search {self.stored.name}: {json.dumps(said):.500}")
        return answer

    def _hits(
        self, found: Sequence[tuple[str, float, Mapping[str, int]]], query: Query, vector: list[float] | None
    ) -> list[Hit]:
        mark = secrets.token_hex(8)  # no text holds it
        tags = (f"<{mark}>", f"</{mark}>")
        body = describe([key for key, _, _ in found], lexical_query(query, ()), vector, tags)
        told = {hit["_id"]: hit for hit in self._ask(body)["hits"]["hits"]}
        there = [one for one in found if one[0] in told]  # some may have been deleted meanwhile
        hits = (_hit(told[key], score, ranks, tags) for key, score, ranks in there)
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)]


def _ranking(answer: Mapping[str, Any]) -> Ranking:
    """Return keys and scores, best first; equal scores by key, where the server goes by when they were written."""
    found = [(hit["_id"], float(hit["_score"])) for hit in answer["hits"]["hits"]]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _hit(told: Mapping[str, Any], score: float, ranks: Mapping[str, int], tags: tuple[str, str]) -> Hit:
    source = told["_source"]
    text = source["text"]
    marked = _marked(told.get("highlight", {}).get("text", [""])[0], text, tags)
    start, end = _best(told, text, marked)
    return Hit(
        id=source["id"], score=score, rank=0, title=source["title"], url=source["url"], passage=text[start:end],
        span=(start, end), ranks=ranks, metadata=json.loads(source["metadata"]),
        highlights=tuple((one - start, other - start) for one, other in marked if start <= one and other <= end),
    )  # fmt: skip


def _best(told: Mapping[str, Any], text: str, marked: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the span of the passage nearest to the query, else of the first one with the most of its words."""
    spans: list[tuple[int, int]] = [(one["start"], one["end"]) for one in told["_source"].get("passages", [])]
    nearest = told.get("inner_hits", {}).get("passages", {}).get("hits", {}).get("hits", [])
    if nearest:
        return spans[int(nearest[0]["_nested"]["offset"])]
    held = [sum(start <= one and other <= end for one, other in marked) for start, end in spans]
    return spans[held.index(max(held))] if spans else (0, len(text))


def _marked(highlighted: str, text: str, tags: tuple[str, str]) -> list[tuple[int, int]]:
    """Return the characters of a text that stand between tags in a copy of it; none where it is no copy."""
    pieces = re.split("|".join(map(re.escape, tags)), highlighted)
    ends = list(itertools.accumulate(map(len, pieces)))
    if not text.startswith("".join(pieces)):
        return []
    return list(zip(ends[0::2], ends[1::2], strict=False))

"""How the documents of a corpus get into an index: only what differs is sent, so that a load that ended goes on.

Sources on docs.opensearch.org: "Bulk", "Point in time", "Paginate results" (search_after), "Update settings", "Put
mapping", "Tuning your cluster for indexing speed" (no refresh, no replica).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.errors import KnowscapeError, UsageError
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress
from knowscape.search.index import Changed, Passages
from knowscape.search.opensearch_facts import facts
from knowscape.search.opensearch_server import PATIENCE, Server, ServerError, pause

__all__ = ["load"]

_BULK_BYTES = 8 << 20
_ROWS, _PAGE = 1024, 5000
_KEEP = "5m"
_LONGEST_ID = 512  # bytes of an _id
_BUSY = {429, 503}
_LOADING = {"index.refresh_interval": "-1", "index.number_of_replicas": 0}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line or two of a bulk request: a document that is put in, or without `source` one that is taken out."""

    key: str
    source: str = ""

    @property
    def lines(self) -> list[str]:
        action = json.dumps({"index" if self.source else "delete": {"_id": self.key}})
        return [action, self.source] if self.source else [action]


def load(
    place: tuple[Server, str], spec: EncoderSpec, corpus: Corpus, passages: Passages, *, progress: Progress = SILENT
) -> Changed:
    """Make an index on a server that of a corpus, with vectors of an encoder; the same call goes on where one ended.

    Raises KnowscapeError that names the document where the server refuses one, ServerError where it stays away.
    """
    if len(passages.vectors) and passages.vectors.shape[1] != spec.dimension:
        raise UsageError(
            f"The vectors have {passages.vectors.shape[1]} dimensions, those of {spec.name} {spec.dimension}."
        )
    server, index = place
    with _filling(server, index):
        server.ask("POST", f"/{index}/_refresh", patience=PATIENCE)
        there = dict(_stored(server, index))
        entries, counts = _Outgoing(server, index), {"added": 0, "replaced": 0}
        with progress.stage("Sending to OpenSearch", total=len(corpus)) as stage:
            for key, digest, fields, own in _documents(spec, corpus, passages):
                before = there.pop(key, None)
                if before != digest:
                    source = _source(
                        fields, passages.spans[own].tolist(), comparable(passages.vectors[own], spec.similarity)
                    )
                    entries.put(_Entry(key, json.dumps({**source, "key": key, "digest": digest})))
                    counts["added" if before is None else "replaced"] += 1
                stage.advance()
        for key in there:
            entries.put(_Entry(key))
        entries.send()
        server.ask("POST", f"/{index}/_refresh", patience=PATIENCE)
    return Changed(removed=len(there), **counts)


@contextmanager
def _filling(server: Server, index: str) -> Iterator[None]:
    """While an index is filled for the first time, neither refresh it nor keep replicas.

    What was set before is kept in the mapping's _meta until it is restored, so that the next load restores it where
    this one is killed.  An index that is filled stays as it is: people search it.
    """
    meta = server.ask("GET", f"/{index}/_mapping")[index]["mappings"]["_meta"]
    if "restore" not in meta:
        if server.ask("GET", f"/{index}/_count")["count"]:
            yield
            return
        flat = server.ask("GET", f"/{index}/_settings", params={"flat_settings": "true"})[index]["settings"]
        meta = {**meta, "restore": {name: flat.get(name) for name in _LOADING}}
        server.ask("PUT", f"/{index}/_mapping", {"_meta": meta})
    server.ask("PUT", f"/{index}/_settings", _LOADING)
    try:
        yield
    except BaseException:
        with suppress(KnowscapeError):  # what went wrong before says more
            _restore(server, index, meta)
        raise
    _restore(server, index, meta)


def _restore(server: Server, index: str, meta: Mapping[str, Any]) -> None:
    server.ask("PUT", f"/{index}/_settings", meta["restore"])
    left = {name: value for name, value in meta.items() if name != "restore"}
    server.ask("PUT", f"/{index}/_mapping", {"_meta": left})


def _stored(server: Server, index: str) -> Iterator[tuple[str, str]]:
    """Yield the key and the digest of each document that an index has, as of one moment."""
    pit = server.ask("POST", f"/{index}/_search/point_in_time", params={"keep_alive": _KEEP})["pit_id"]
    body: dict[str, Any] = {
        "size": _PAGE, "_source": False, "docvalue_fields": ["digest"], "sort": [{"key": "asc"}],
        "track_total_hits": False,
    }  # fmt: skip
    try:
        while True:
            answer = server.ask(
                "POST", "/_search", {**body, "pit": {"id": pit, "keep_alive": _KEEP}}, patience=PATIENCE
            )
            if answer["_shards"]["failed"]:
                raise ServerError(f"Some shards of {index} did not answer. Run the same command again.")
            hits = answer["hits"]["hits"]
            if not hits:
                return
            yield from ((hit["_id"], hit["fields"]["digest"][0]) for hit in hits)
            body["search_after"] = hits[-1]["sort"]
    finally:
        with suppress(KnowscapeError):  # it ends by itself
            server.ask("DELETE", "/_search/point_in_time", {"pit_id": [pit]})


def _documents(
    spec: EncoderSpec, corpus: Corpus, passages: Passages
) -> Iterator[tuple[str, str, dict[str, str], slice]]:
    """Yield each document's key and digest, its fields, and which passages are its own."""
    bounds = np.searchsorted(passages.documents, np.arange(len(corpus) + 1)).tolist()
    for start in range(0, len(corpus), _ROWS):
        for row, fields in enumerate(corpus.table.slice(start, _ROWS).to_pylist(), start):
            own = slice(bounds[row], bounds[row + 1])
            told = [fields[name] for name in ("title", "url", "source", "text_digest", "metadata")]
            digest = sha256_text(json.dumps([*told, passages.spans[own].tolist(), spec.fingerprint]))
            yield _key(fields["id"]), digest, fields, own


def _source(fields: Mapping[str, str], spans: list[list[int]], vectors: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "kind": "document", "id": fields["id"], "url": fields["url"], "title": fields["title"], "text": fields["text"],
        "metadata": fields["metadata"], "facts": facts(fields, json.loads(fields["metadata"])),
        # Nine digits name every float32.
        "passages": [
            {"start": start, "end": end, "vector": [float(f"{number:.9g}") for number in vector]}
            for (start, end), vector in zip(spans, vectors.tolist(), strict=True)
        ],
    }  # fmt: skip


def _key(name: str) -> str:
    """Return the _id of a document: its own id, or the digest of one that is longer than the server takes, or empty."""
    return name if 0 < len(name.encode()) <= _LONGEST_ID else f"sha256:{sha256_text(name)}"


class _Outgoing:
    """Entries on their way, sent when they are enough for a request."""

    def __init__(self, server: Server, index: str) -> None:
        self._server, self._index = server, index
        self._entries: list[_Entry] = []
        self._bytes = 0

    def put(self, entry: _Entry) -> None:
        size = sum(len(line) + 1 for line in entry.lines)  # ASCII, as json.dumps writes it
        if self._entries and self._bytes + size > _BULK_BYTES:
            self.send()
        self._entries.append(entry)
        self._bytes += size

    def send(self) -> None:
        entries, self._entries, self._bytes = self._entries, [], 0
        for attempt in range(PATIENCE + 1):
            if not entries:
                return
            if attempt:
                pause(attempt)
            entries = self._refused(entries)
        raise ServerError(
            f"{self._server.address} stays too busy. Run the same command again; what it took is kept.", 429
        )

    def _refused(self, entries: Sequence[_Entry]) -> list[_Entry]:
        """Send entries; return those that the server was too busy for."""
        lines = [line for entry in entries for line in entry.lines]
        try:
            answer = self._server.ask("POST", f"/{self._index}/_bulk", lines, patience=PATIENCE)
        except ServerError as error:
            if error.status != 413 or len(entries) == 1:
                raise
            half = len(entries) // 2
            return self._refused(entries[:half]) + self._refused(entries[half:])
        if len(answer["items"]) != len(entries):
            raise ServerError(f"{self._server.address} answered {len(answer['items'])} of {len(entries)} entries.")
        told = [next(iter(item.values())) for item in answer["items"]]
        return [entry for entry, one in zip(entries, told, strict=True) if _busy(entry, one)]


def _busy(entry: _Entry, told: Mapping[str, Any]) -> bool:
    """Return whether an entry may be sent again; KnowscapeError where it never can be taken."""
    error = told.get("error")
    if error is None:
        return False
    if told["status"] in _BUSY:
        return True
    cause = error.get("caused_by", {}).get("reason", "")
    reason = f"{error.get('reason')}{f' ({cause})' if cause else ''}"
    raise KnowscapeError(f"OpenSearch refuses the document {entry.key!r}: {error.get('type')}: {reason}")

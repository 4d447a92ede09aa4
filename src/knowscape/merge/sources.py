"""What can be merged: atlases, folders of vectors, and the predecessor's checkpoints."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from knowscape.corpus.checkpoints import Checkpoint, open_checkpoint
from knowscape.corpus.document import Corpus
from knowscape.encoders.devices import cores
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import KnowscapeError, UsageError
from knowscape.merge.look import Look
from knowscape.merge.objections import Objection
from knowscape.store.atlas import AtlasFolder
from knowscape.store.merge import Candidate, candidates
from knowscape.store.objects import find_url
from knowscape.store.parts import write_tables
from knowscape.store.vectors import VectorStore, vector_schema, vector_table

__all__ = ["Group", "Sources", "checkpoint_group", "open_sources", "store_groups", "threads", "why_no_positions"]

_PICKLES = {".pkl", ".pickle"}
# A record that befell one of these is not in the corpus, and the rows behind it have moved up.
_LOST = ("skipped", "dropped", "TRUNCATED")


@dataclass(slots=True)
class Sources:
    """What the sources are."""

    atlases: list[AtlasFolder] = field(default_factory=list)
    stores: list[VectorStore] = field(default_factory=list)
    checkpoints: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """The vectors of one encoder, from all sources; `partial` where some part of them cannot be read.

    `seen` is what is known of files that have just been written.
    """

    questions: bool
    about: dict[str, Any]
    origin: str
    candidates: list[Candidate] = field(default_factory=list)
    quarantine: dict[str, str] = field(default_factory=dict)
    partial: bool = False
    seen: dict[Path, Look] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return str(self.about["spec"]["name"])

    @property
    def fingerprint(self) -> str:
        return str(self.about["fingerprint"])


def threads() -> int:
    """Return how many parts are looked at at once; each takes some memory."""
    return min(4, cores())


def open_sources(paths: Sequence[Path], faults: list[Objection]) -> Sources:
    """Return what the paths are, each once."""
    found, unique = Sources(), dict[Path, Path]()
    for path in paths:
        unique.setdefault(path.resolve(), path)
    for path in unique.values():
        try:
            if path.is_file() and path.suffix.lower() in _PICKLES:
                found.checkpoints.append(path)
            elif (path / "atlas.json").is_file():
                found.atlases.append(AtlasFolder.open(path))
            elif VectorStore(path).parts.exists():
                found.stores.append(VectorStore(path))
            else:
                raise UsageError(_what_it_is(path))
        except KnowscapeError as error:
            faults.append(Objection("source" if isinstance(error, UsageError) else "damaged", str(error)))
    return found


def _what_it_is(path: Path) -> str:
    accepted = "an atlas, a folder of vectors (vectors/NAME-FINGERPRINT of an atlas), a checkpoint (.pkl)"
    url = find_url(path)
    if url is not None:
        return f"{url} is in an object store. Bring it here first: knowscape pull {url} DIR"
    return f"{path} is {'none of these' if path.exists() else 'not there'}. Accepted: {accepted}"


def store_groups(stores: Sequence[VectorStore], faults: list[Objection]) -> list[Group]:
    """Return stores by what they hold: documents or questions, and the encoder."""
    groups: dict[tuple[bool, str], Group] = {}
    for store in stores:
        folder = store.parts.folder
        try:
            about, found = store.parts.about(), candidates(store.parts)
            quarantine = store.quarantine()
        except (KnowscapeError, ValueError) as error:
            faults.append(Objection("damaged", str(error)))
            continue
        if not found and not quarantine:
            continue
        if (why := _why_no_encoder(about)) is not None:
            faults.append(Objection("model", f"{folder}: {why}"))
            continue
        questions = folder.parent.name == "questions"
        group = groups.setdefault((questions, about["fingerprint"]), Group(questions, about, str(folder)))
        group.candidates += found
        group.quarantine = {**quarantine, **group.quarantine}
    return list(groups.values())


def _why_no_encoder(about: dict[str, Any]) -> str | None:
    """Return why a manifest does not say whose vectors these are, None where it does."""
    try:
        spec = EncoderSpec(**about["spec"])
    except (KeyError, TypeError):
        return "its manifest does not say which encoder made the vectors"
    for name, found in spec.about().items():
        if about.get(name) != found:
            return f"its manifest says {name} {about.get(name)}, its encoder's is {found}"
    return None


def why_no_positions(corpus: Corpus) -> str | None:
    """Return why a row of the corpus may not be that of a checkpoint, None where they are the same."""
    report = corpus.report
    lost = [line for line in report.lines() if any(word in line for word in _LOST)]
    if not lost and report.read in (0, len(corpus)):
        return None
    return (
        f"of {report.read:,} records {len(corpus):,} were kept ({'; '.join(lost) or 'some were left out'}), "
        "so that the rows behind one that was left out are not those that the checkpoints count"
    )


def checkpoint_group(
    paths: Sequence[Path], corpus: Corpus, spec: EncoderSpec, *, staging: Path, faults: list[Objection]
) -> Group:
    """Return the checkpoints' vectors as parts in `staging`, each row with the document that has its position."""
    group = Group(False, spec.about(), "the checkpoints")
    rows = pa.table({name: corpus.table[name].cast(pa.string()) for name in ("id", "text_digest")})
    with ThreadPoolExecutor(threads()) as pool:
        for made in pool.map(partial(_stage_if_fit, rows=rows, spec=spec, staging=staging), paths):
            if isinstance(made, Objection):
                faults.append(made)
                group.partial = True
            else:
                candidate, look = made
                group.candidates.append(candidate)
                group.seen[candidate.path] = look
    return group


def _stage_if_fit(path: Path, rows: pa.Table, spec: EncoderSpec, staging: Path) -> tuple[Candidate, Look] | Objection:
    try:
        with open_checkpoint(path) as checkpoint:
            return _misfit(path, checkpoint, len(rows), spec) or _stage(
                path, checkpoint, rows, staging, normalised=spec.normalised
            )
    except (ValueError, UsageError) as error:
        return Objection("unreadable", f"{path} was not read: {error}")


def _misfit(path: Path, checkpoint: Checkpoint, documents: int, spec: EncoderSpec) -> Objection | None:
    start, end, rows = checkpoint.start, checkpoint.end, checkpoint.rows
    if end - start != rows:
        return Objection("length", f"{path} says rows {start:,} to before {end:,}, {end - start:,}, and has {rows:,}")
    if start < 0 or end > documents:
        return Objection(
            "beyond", f"{path} says rows {start:,} to before {end:,}, and the corpus has {documents:,} documents"
        )
    if checkpoint.dimension != spec.dimension:
        return Objection(
            "dimension", f"{path} has {checkpoint.dimension:,} dimensions, {spec.name} has {spec.dimension:,}"
        )
    return None


def _stage(
    path: Path, checkpoint: Checkpoint, rows: pa.Table, staging: Path, *, normalised: bool
) -> tuple[Candidate, Look]:
    """Write a checkpoint as a part, and look at its vectors on the way."""
    look = Look(str(path), checkpoint.start, normalised=normalised)

    def tables() -> Iterator[pa.Table]:
        start = checkpoint.start
        for block in checkpoint.blocks:
            here = rows.slice(start, len(block))
            yield look.see(vector_table(here["id"], here["text_digest"], block))
            start += len(block)

    part = write_tables(staging, vector_schema(checkpoint.dimension), tables())
    return Candidate(staging / part.file, part, str(path), checkpoint.start), look

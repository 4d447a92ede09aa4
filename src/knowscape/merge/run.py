"""Merge: sources -> what they hold -> what speaks against it -> one commit for each folder of the new atlas."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.files import sha256_text
from knowscape.merge.commit import Merged, Plan, commit, told
from knowscape.merge.documents import Documents, put_aside, union_of_documents, union_of_questions
from knowscape.merge.objections import MergeRefusedError, Objection
from knowscape.merge.sources import Group, Sources, checkpoint_group, open_sources, store_groups, why_no_positions
from knowscape.merge.vectors import Owner, Vectors, union_of_vectors
from knowscape.progress import SILENT, Progress
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import PartFolder

__all__ = ["MergeOptions", "merge"]


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What checkpoints do not say themselves, corpus and model, and whether documents may lack a vector."""

    corpus: Corpus | None = None
    spec: EncoderSpec | None = None
    allow_gaps: bool = False


def merge(
    sources: Sequence[str | Path],
    out: str | Path,
    options: MergeOptions = MergeOptions(),
    *,
    progress: Progress = SILENT,
) -> Merged:
    """Make the atlas `out` from atlases, folders of vectors and checkpoints, or continue it.

    Parts are linked where the disk is the same.  Everything is looked at before anything is written: MergeRefusedError
    holds all that speaks against it.  Stopped at any moment and typed again, it ends with the same atlas.
    """
    out = Path(out)
    with _staging(out) as staging:
        plan = _plan([Path(source) for source in sources], out, staging, options, progress)
        with progress.stage("Linking"):
            return commit(plan, out, staging)


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside the atlas, which one process can have; it vanishes with what lies in it."""
    folder = out.absolute().parent / f".{out.absolute().name}.merging"
    made = [parent for parent in folder.parents if not parent.exists()]
    with PartFolder(folder).writing():
        try:
            for left in folder.glob("part-*"):
                left.unlink()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # they hold the atlas
                for parent in made:
                    parent.rmdir()


def _plan(  # noqa: PLR0917 - one private step of `merge`
    paths: list[Path], out: Path, staging: Path, options: MergeOptions, progress: Progress
) -> Plan:
    faults: list[Objection] = []
    sources, there = open_sources(paths, faults), AtlasFolder.find(out)
    named = {atlas.path.resolve() for atlas in sources.atlases}
    unnamed = there if there is not None and out.resolve() not in named else None
    _refuse_unplaced(sources, options)
    first = [put_aside(options.corpus, staging)] if options.corpus is not None else []
    documents = union_of_documents(first, sources.atlases, there, faults)
    if not len(documents.ids) and not faults:
        raise UsageError("No source holds the documents. Name them with: --corpus CORPUS")
    atlases = [unnamed, *sources.atlases] if unnamed is not None else sources.atlases
    groups = store_groups([store for atlas in atlases for store in atlas.vector_stores()] + sources.stores, faults)
    if sources.checkpoints and options.corpus is not None and options.spec is not None:
        with progress.stage("Reading checkpoints"):
            group = checkpoint_group(sources.checkpoints, options.corpus, options.spec, staging=staging, faults=faults)
        _add(groups, group)
    faults += _two_fingerprints(groups)
    questions = union_of_questions(atlases, faults)
    vectors = _vectors(groups, documents, questions, faults, options.allow_gaps, progress)
    if faults:
        faults = list(dict.fromkeys(faults))
        raise MergeRefusedError(faults, _hint(faults, out))
    return Plan(documents, questions, vectors, told(sources.atlases, there, groups))


def _refuse_unplaced(sources: Sources, options: MergeOptions) -> None:
    """Raise UsageError where it is not known which texts a checkpoint's rows belong to, or whose vectors they are."""
    if not sources.checkpoints:
        return
    name = sources.checkpoints[0]
    if options.corpus is None or options.spec is None:
        missing = " ".join(
            option
            for option, value in (("--corpus CORPUS", options.corpus), ("--model NAME", options.spec))
            if value is None
        )
        raise UsageError(f"{name} holds rows of a corpus and does not say which, nor the model. Add: {missing}")
    if (why := why_no_positions(options.corpus)) is not None:
        raise UsageError(f"{name} cannot be placed: {why}. Embed anew with: knowscape embed CORPUS -o ATLAS")


def _add(groups: list[Group], group: Group) -> None:
    """Add a group to the one of the same vectors, or to the list."""
    for known in groups:
        if (known.questions, known.fingerprint) == (group.questions, group.fingerprint):
            known.candidates += group.candidates
            known.partial |= group.partial
            known.seen |= group.seen
            return
    groups.append(group)


def _two_fingerprints(groups: list[Group]) -> list[Objection]:
    """Return a fault for each model whose vectors are of two encoders."""
    faults, known = [], dict[str, Group]()
    for group in groups:
        if not group.questions and (other := known.setdefault(group.model, group)) is not group:
            words = [
                f"{each.fingerprint[:16]} (dimension {each.about['dimension']:,}) in {each.origin}"
                for each in (other, group)
            ]
            faults.append(Objection("model", f"{group.model} has the fingerprint {words[0]}, and {words[1]}"))
    return faults


def _vectors(  # noqa: PLR0917 - one private step of `merge`
    groups: list[Group],
    documents: Documents,
    questions: list[Question],
    faults: list[Objection],
    allow_gaps: bool,
    progress: Progress,
) -> list[Vectors]:
    digests = [sha256_text(question.embedding_text) for question in questions]
    owners = {
        False: Owner("document", documents.ids, documents.text_digests),
        True: Owner("question", pa.array([each.id for each in questions], pa.large_string()),
                    pa.array(digests, pa.large_string())),
    }  # fmt: skip
    asked = {group.fingerprint for group in groups if group.questions}
    for group in list(groups):
        if questions and group.fingerprint not in asked:
            groups.append(Group(True, group.about, group.origin))
    total = sum(each.part.rows for group in groups for each in group.candidates)
    with progress.stage("Checking vectors", total=total) as stage:
        return [
            union_of_vectors(group, owners[group.questions], faults, allow_gaps=allow_gaps, advance=stage.advance)
            for group in groups
        ]


def _hint(faults: list[Objection], out: Path) -> str:
    if all(fault.kind == "gap" for fault in faults):
        return (
            "To embed what is missing later, add: --allow-gaps "
            f"(and then type: knowscape embed CORPUS -o {out} --model NAME)"
        )
    return "Leave out or mend the sources that are named, then run the same command again."

"""A merge that nothing speaks against, written: one commit for each folder of the new atlas."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import KnowscapeError
from knowscape.files import write_json
from knowscape.merge.documents import Documents
from knowscape.merge.sources import Group
from knowscape.merge.vectors import Vectors
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import PartFolder
from knowscape.store.merge import Candidate, rewrite
from knowscape.store.parts import Part

__all__ = ["Merged", "Plan", "commit", "told"]

_ADDED = ("processing_time", "texts_computed")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the atlas will hold; `told` goes into its atlas.json."""

    documents: Documents
    questions: list[Question]
    vectors: list[Vectors]
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """What the atlas holds: for each model its vectors of documents, and the documents without one.

    Of its parts, some were copied from another disk, and some written anew: those of checkpoints and of a corpus in
    another format, and those of which some rows were there already.
    """

    atlas: str
    documents: int
    questions: int
    models: dict[str, dict[str, int]]
    parts: int
    copied: int
    written: int
    next: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def told(sources: Sequence[AtlasFolder], there: AtlasFolder | None, groups: Sequence[Group]) -> dict[str, Any]:
    """Return what `atlas.json` says of models: fingerprints, the usual one, and the work that the sources took."""
    before: dict[str, Any] = there.info() if there is not None else {}
    infos = [atlas.info() for atlas in sources]
    models = before.get("models", {}) | {group.model: group.fingerprint for group in groups if not group.questions}
    usual = [name for info in [before, *infos] if (name := info.get("model")) in models] + list(models)
    runs: dict[str, Any] = {}
    for name in models:
        found = [run for info in infos if (run := info.get("runs", {}).get(name))]
        if found:
            runs[name] = {**found[0], **{key: sum(run.get(key, 0) for run in found) for key in _ADDED}}
    return {"models": models, **({"model": usual[0]} if usual else {}), "runs": runs | before.get("runs", {})}


def commit(plan: Plan, out: Path, staging: Path) -> Merged:
    """Write the atlas, and link its parts; a step that an earlier run has done is found done."""
    folder = AtlasFolder.create(out)
    documents = plan.documents
    files = _files(documents.files, folder.corpus, staging)
    with folder.corpus.writing() as writer:
        if folder.corpus.about().get("digest") != documents.before:
            raise KnowscapeError(f"The corpus of {out} changed meanwhile. Run the same command again.")
        copied = writer.adopt(files, {"kind": "corpus", "digest": documents.digest}, keep=False)
    for vectors in plan.vectors:
        more, other = _commit_vectors(vectors, folder, staging)
        files, copied = files + more, copied + other
    if plan.questions:
        write_json(folder.questions(), [question.to_json() for question in plan.questions])
    folder.update({"corpus": documents.digest, "documents": len(documents.ids), **plan.told})
    return Merged(
        atlas=str(out),
        documents=len(documents.ids),
        questions=len(plan.questions),
        models={
            each.group.model: {"vectors": sum(int(kept.sum()) for _, kept in each.files), "missing": len(each.missing)}
            for each in plan.vectors
            if not each.group.questions
        },
        parts=len(files),
        copied=copied,
        written=sum(path.parent == staging for path, _ in files),
        next=_next(plan, out),
    )


def _commit_vectors(vectors: Vectors, folder: AtlasFolder, staging: Path) -> tuple[list[tuple[Path, Part]], int]:
    """Commit the vectors of one encoder; return the parts, and how many of them were copied."""
    if not vectors.files and not vectors.quarantine:
        return [], 0
    group = vectors.group
    place = folder.question_vectors if group.questions else folder.vectors
    store = place(group.model, group.fingerprint)
    files = _files(vectors.files, store.parts, staging)
    with store.parts.writing() as writer:
        copied = writer.adopt(files, group.about, keep=True) if files else 0
        store.set_quarantine(vectors.quarantine)
    return files, copied


def _files(
    files: Sequence[tuple[Candidate, NDArray[np.bool_]]], parts: PartFolder, staging: Path
) -> list[tuple[Path, Part]]:
    """Return parts as they will be adopted, with those written anew of which not every row is kept."""
    home, found = parts.folder.resolve(), []
    for each, kept in files:
        whole = kept.all() or each.path.parent.resolve() == home
        taken = each if whole else rewrite(each, kept, staging)
        found.append((taken.path, taken.part))
    return found


def _next(plan: Plan, out: Path) -> str:
    missing = [each.group.model for each in plan.vectors if len(each.missing)]
    if missing:
        return f"knowscape embed CORPUS -o {out} --model {missing[0]}"
    return f"knowscape map {out}"

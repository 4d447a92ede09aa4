"""Why a score is not the published one: change one thing of the encoder at a time, and see what brings it back."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from knowscape.encoders.graph import POOLINGS
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import KnowscapeError
from knowscape.evaluate.expected import known_spec
from knowscape.evaluate.scores import PAIRS, Score
from knowscape.evaluate.similarity import Pairs, similarity_score
from knowscape.progress import SILENT, Progress

__all__ = ["Diagnosis", "diagnose", "explain"]

_TASK = "STS-B en"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What explains a score; `tried` has the score with each single change."""

    verdict: str
    tried: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def explain(
    scores: list[Score],
    spec: EncoderSpec,
    *,
    load: Callable[[EncoderSpec], Encoder],
    pairs: Pairs | None,
    progress: Progress = SILENT,
) -> Diagnosis | None:
    """Return what explains the scores that are off, None where none is.

    `load` returns the same weights under another spec.  The trials are made on the pairs of STS-B en, which takes
    seconds.
    """
    off = [score.task for score in scores if not score.ok]
    if not off:
        return None
    reference = next((score for score in scores if score.task == _TASK and score.published is not None), None)
    if reference is None or pairs is None:
        return Diagnosis(f"To find out why, {_TASK} with a published score is needed: DIR/{PAIRS[_TASK]}", {})
    if reference.ok:
        return Diagnosis(
            f"{_TASK} agrees, so weights, tokens and pooling do. What is left for {', '.join(dict.fromkeys(off))}: "
            "the prompts of queries and documents, the cut length, and the data itself",
            {},
        )
    return diagnose(reference, spec, load=load, pairs=pairs, progress=progress)


def diagnose(
    score: Score,
    spec: EncoderSpec,
    *,
    load: Callable[[EncoderSpec], Encoder],
    pairs: Pairs,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Return which single change of `spec` brings the score on `pairs` nearest to the published one."""
    tried = {}
    for change, changed in _changes(spec).items():
        try:
            tried[change] = similarity_score(load(changed), pairs, name=f"with {change}", progress=progress)
        except KnowscapeError as error:
            progress.note(f"with {change}: {error}")
    wanted, tolerance = score.published or 0.0, score.tolerance or 0.0
    best = min(tried, key=lambda change: abs(tried[change] - wanted), default=None)
    if best is None or abs(tried[best] - wanted) > tolerance:
        verdict = "No single change brings the published score: other weights, another tokenizer, or several faults"
    else:
        verdict = f"With {best} the score is the published one; that is the fault"
    return Diagnosis(verdict, tried)


def _changes(spec: EncoderSpec) -> dict[str, EncoderSpec]:
    """Return specs that differ in one respect, by what the change is called."""
    changes = {f"pooling by {p}": replace(spec, pooling=p) for p in POOLINGS if p != spec.pooling}
    if spec.similarity == "dot":  # the cosine does not see lengths
        turned = "no normalisation" if spec.normalised else "normalisation"
        changes[turned] = replace(spec, normalised=not spec.normalised)
    if spec.query_prompt or spec.document_prompt:
        changes["no prompts"] = replace(spec, query_prompt="", document_prompt="")
    known = known_spec(spec)
    if known is not None:
        prompts = {"query_prompt": known.query_prompt, "document_prompt": known.document_prompt}
        changes["the catalogue's prompts"] = replace(spec, **prompts)  # type: ignore[arg-type]
        changes[f"a cut at {known.max_tokens} tokens"] = replace(spec, max_tokens=known.max_tokens)
        changes[f"{known.similarity} similarity"] = replace(spec, similarity=known.similarity)
    return {change: changed for change, changed in changes.items() if changed != spec}

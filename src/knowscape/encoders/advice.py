"""Which model for which job: a request in plain words, and the catalogue's entries that suit it best."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from knowscape.encoders.catalogue import CATALOGUE, Entry
from knowscape.errors import UsageError

__all__ = ["Advice", "Need", "read_need", "recommend"]

_SCALE = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6}
_COUNT = re.compile(
    r"(\d[\d,.]*)\s*(k|m|thousand|million)?\s+"
    r"(?:\w+\s+){0,2}?(?:documents?|docs?|articles?|texts?|passages?|paragraphs?|abstracts?|papers?|sentences?)\b"
)
_LENGTH = re.compile(r"(\d[\d,.]*)\s*(k)?\s+(tokens?|words?)")
_TOKENS_PER_WORD, _USUAL_TOKENS, _USUAL_DOCUMENTS = 1.35, 128, 10_000
_TONGUES = [
    "arabic",
    "bengali",
    "bulgarian",
    "chinese",
    "croatian",
    "czech",
    "danish",
    "dutch",
    "finnish",
    "french",
    "german",
    "greek",
    "hebrew",
    "hindi",
    "hungarian",
    "indonesian",
    "italian",
    "japanese",
    "korean",
    "norwegian",
    "persian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "slovak",
    "spanish",
    "swedish",
    "thai",
    "turkish",
    "ukrainian",
    "urdu",
    "vietnamese",
]
_SUBJECTS = {
    "scientific": r"scien\w*|papers?|research|physics|chemistry|academic",
    "medical": r"medic\w*|bio\w*|clinical|health|pubmed",
}
# Hours that nobody wants to wait for a map.
_TOO_LONG = 24.0
# What stands in for a score that is not known, and what a model without any loses.
_TYPICAL = {"STS-B": 0.83, "SciFact": 0.65}
_UNSCORED = 0.1


@dataclass(frozen=True, slots=True)
class Need:
    """What a request asks for; `said` is how it was understood, for the reader to correct."""

    documents: int = _USUAL_DOCUMENTS
    tokens: int = _USUAL_TOKENS
    multilingual: bool = False
    subject: str | None = None
    search: bool = False
    gpu: bool = False
    fast: bool = False
    commercial: bool = False
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """One model for the job: its score, the seconds and bytes that it will take, and why."""

    entry: Entry
    score: float
    seconds: float
    bytes: int
    reasons: tuple[str, ...] = field(default=())


def read_need(request: str) -> Need:
    """Return what a request in plain English asks for; UsageError where nothing in it is understood."""
    text = request.lower()
    said: list[str] = []

    def has(pattern: str, meaning: str) -> bool:
        found = re.search(rf"\b(?:{pattern})\b", text) is not None
        if found:
            said.append(meaning)
        return found

    documents, tokens = _documents(text, said), _tokens(text, said)
    tongue = rf"multilingual|multi-lingual|languages|{'|'.join(_TONGUES)}"
    need = Need(
        documents=documents,
        tokens=tokens,
        multilingual=has(tongue, "languages other than English"),
        subject=next((name for name, pattern in _SUBJECTS.items() if has(pattern, f"{name} texts")), None),
        search=has(r"search\w*|retriev\w*|questions?|quer(?:y|ies)|rag", "searching"),
        gpu=has(r"gpus?|cuda|nvidia|mps", "a GPU"),
        fast=has(r"fast\w*|quick\w*|draft|laptop|minutes", "soon rather than best"),
        commercial=has(r"commercial\w*|company|product|business", "a licence for commercial use"),
    )
    has("cpus?", "the CPU")
    if not said:
        raise UsageError(
            f"Nothing in {request!r} is understood. Say for example: "
            "--for 'scientific text, CPU, 250k documents of 200 words, search, commercial'"
        )
    return replace(need, said=tuple(said))


def recommend(need: Need, speed: Callable[[Entry], float | None]) -> list[Advice]:
    """Return the models for a need, the best first.

    `speed` gives an entry's tokens a second on this machine, None where it cannot run.  The score is MTEB's for the
    kind of job, less for waiting, for texts cut short, and for a model without a score.
    """
    found = []
    for entry in CATALOGUE.values():
        pace = speed(entry)
        if pace is None or not _allowed(entry, need):
            continue
        tokens = min(need.tokens, entry.spec.max_tokens)
        seconds = need.documents * tokens / pace
        reasons = [f"good for {entry.good_for}"]
        score = _quality(entry, need, reasons) - _waiting(seconds, need, reasons)
        if tokens < need.tokens:
            score -= 0.05
            reasons.append(f"it reads {tokens:,} of {need.tokens:,} tokens of a text")
        if entry.engine == "transformer":
            reasons.append("needs pip install 'knowscape[torch]'")
        size = 4 * entry.spec.dimension * need.documents + entry.shape.megabytes * 1_000_000
        found.append(Advice(entry, score, seconds, size, tuple(reasons)))
    return sorted(found, key=lambda advice: -advice.score)


def _documents(text: str, said: list[str]) -> int:
    if not (match := _COUNT.search(text)):
        return _USUAL_DOCUMENTS
    count = round(_number(match[1]) * _SCALE.get(match[2] or "", 1))
    said.append(f"{count:,} documents")
    return max(1, count)


def _tokens(text: str, said: list[str]) -> int:
    if not (match := _LENGTH.search(text)):
        return _USUAL_TOKENS
    count = _number(match[1]) * _SCALE.get(match[2] or "", 1)
    tokens = max(1, round(count * (_TOKENS_PER_WORD if match[3].startswith("word") else 1)))
    said.append(f"{tokens:,} tokens each")
    return tokens


def _number(written: str) -> float:
    return float(written.rstrip(".,").replace(",", ""))


def _allowed(entry: Entry, need: Need) -> bool:
    free = not re.search("NC|non-commercial|not stated", entry.licence)
    known = not entry.trust_remote_code and (need.gpu or entry.engine != "transformer")
    return known and (free or not need.commercial) and (entry.languages != "English" or not need.multilingual)


def _quality(entry: Entry, need: Need, reasons: list[str]) -> float:
    scores = {"STS-B": entry.sts, "SciFact": entry.scifact}
    if need.search or need.subject:
        scores.pop("STS-B")
    known = {name: score for name, score in scores.items() if score is not None}
    if known:
        reasons.append(", ".join(f"{name} {score:.3f}" for name, score in known.items()))
    else:
        reasons.append("no published score is known to us")
    below = 0.0 if known else _UNSCORED
    quality = sum(known.get(name, _TYPICAL[name]) for name in scores) / len(scores) - below
    medical = need.subject == "medical" and "medical" in entry.good_for
    return quality + (0.15 if medical else 0.0)


def _waiting(seconds: float, need: Need, reasons: list[str]) -> float:
    """Return what the wait costs: nothing up to ten minutes, or one where it is to be soon, then for each doubling."""
    hours = seconds / 3600
    over = hours > _TOO_LONG
    if over:
        reasons.append("takes more than a day here")
    free = 1 / 60 if need.fast else 1 / 6
    return (0.05 if need.fast else 0.02) * max(0.0, math.log2(max(hours, 1e-9) / free)) + (0.15 if over else 0.0)

"""A self-test of an encoder that names the likely fault: vectors that are wrong look as good as right ones.

A missing prompt, another pooling, a missing normalisation or another cut length gives no error, only a worse map.
Each is looked for twice: in what the model's files and the catalogue say, and in what the vectors do.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.evaluate.expected import Expected, expectations

__all__ = ["Check", "self_test"]

# Each sentence and its paraphrase; the pairs have nothing to do with each other.
_PARAPHRASES = (
    ("The sun is the star nearest to us.", "Of all stars, our sun is the closest one."),
    ("She bought bread at the bakery this morning.", "This morning she went to the baker's to buy a loaf."),
    ("The parliament passed a law on taxes.", "Lawmakers approved new tax legislation."),
    ("A violin has four strings.", "There are four strings on a violin."),
    ("Heavy rain flooded the streets of the town.", "The town's roads were under water after a downpour."),
)
# Each is one token in the vocabularies of BERT, RoBERTa and XLM-R.
_WORDS = ("sun", "moon", "river", "music", "city", "water")
_LAST = ("king", "bread")
# Longer texts are not tried: the cost grows with the square, and the fault is no other.
_LONGEST_TRIED = 512
# Share of the largest component.  In bf16 two rows of one batch with the same tokens differ by 0.002; one other word
# among 254 makes 0.14.
_SAME = 0.005
# Where a model's folder says what it is.
_FILE = {
    "prompt": "config_sentence_transformers.json",
    "pooling": "1_Pooling/config.json",
    "normalisation": "modules.json",
    "cut length": "sentence_bert_config.json",
}
# Vectors without meaning would have about one of the ten right, a static model may miss some.
_ENOUGH = 7
# A vector store refuses what is further from length one.
_NORM = 1e-3


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to an encoder; `fault` is the likely fault in two words, None where there is none."""

    name: str
    detail: str
    fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields, and `ok`."""
        return {**asdict(self), "ok": self.fault is None}


def self_test(encoder: Encoder, folder: Path | None = None) -> list[Check]:
    """Return a check each for numbers, repetition, prompt, pooling, normalisation, cut length and meaning.

    `folder` holds the model's own files, where it has more than the weights.
    """
    spec = encoder.spec
    expected = expectations(spec, folder)
    sentences = [sentence for pair in _PARAPHRASES for sentence in pair]
    vectors = encoder.encode_documents(sentences)
    if not np.isfinite(vectors).all():
        return [
            Check("numbers", "Some vectors hold a NaN or an infinity; the weights or the precision are wrong", "NaN")
        ]
    again = encoder.encode_documents(sentences)
    return [
        Check("numbers", "all finite"),
        _repetition(vectors, again),
        _prompt(encoder, expected),
        _pooling(spec, expected),
        _normalisation(spec, vectors, expected),
        _cut_length(encoder, expected),
        _meaning(spec, vectors),
    ]


def _contradiction(name: str, detail: str, fault: str) -> Check:
    return Check(name, f"{detail}. A model's folder sets it in {_FILE[name]}", fault)


def _repetition(vectors: NDArray[np.float32], again: NDArray[np.float32]) -> Check:
    if vectors.tobytes() == again.tobytes():
        return Check("repetition", "the same texts give the same bytes")
    worst = float(np.abs(vectors - again).max())
    return Check("repetition", f"The same texts give vectors that differ by {worst:.1e}", "not repeatable")


def _prompt(encoder: Encoder, expected: list[Expected]) -> Check:
    spec = encoder.spec
    for source in expected:
        if source.prompts is not None and (fault := _prompt_fault(spec, source)):
            return _contradiction("prompt", *fault)
    text = [_PARAPHRASES[0][0]]
    as_query, as_document = encoder.encode_queries(text), encoder.encode_documents(text)
    if (spec.query_prompt == spec.document_prompt) != _same(as_query, as_document):
        detail = f"Queries have the prompt {spec.query_prompt!r}, documents {spec.document_prompt!r}, but their vectors"
        return Check("prompt", f"{detail} do not show it", "prompt ignored")
    return Check("prompt", f"queries {spec.query_prompt!r}, documents {spec.document_prompt!r}")


def _prompt_fault(spec: EncoderSpec, source: Expected) -> tuple[str, str] | None:
    """Return the detail and the fault where the prompts in use are not those of `source`."""
    named = source.prompts or {}
    for use, prompt, keys in (
        ("queries", spec.query_prompt, ("query",)),
        ("documents", spec.document_prompt, ("document", "passage")),
    ):
        right = next((named[key] for key in keys if key in named), None)
        if right is not None and prompt != right:
            fault = "wrong prompt" if prompt else "missing prompt"
            return f"{source.source} has the prompt {right!r} for {use}; in use is {prompt!r}", fault
        if prompt and prompt not in named.values():
            return f"{source.source} has no such prompt for {use} as {prompt!r}, which is in use", "wrong prompt"
    if named and not {spec.query_prompt, spec.document_prompt} & set(named.values()):
        return f"{source.source} has the prompts {', '.join(named)}; none of them is in use", "missing prompt"
    return None


def _pooling(spec: EncoderSpec, expected: list[Expected]) -> Check:
    for source in expected:
        if source.pooling is not None and source.pooling != spec.pooling:
            detail = f"{source.source} pools by {source.pooling}; in use is {spec.pooling}"
            return _contradiction("pooling", detail, "wrong pooling")
    return Check("pooling", spec.pooling)


def _normalisation(spec: EncoderSpec, vectors: NDArray[np.float32], expected: list[Expected]) -> Check:
    norms = np.linalg.norm(vectors, axis=1)
    lengths = f"{norms.min():.4f} to {norms.max():.4f}"
    if spec.normalised and np.abs(norms - 1).max() > _NORM:
        detail = f"Vectors should have length one; they have {lengths}"
        return Check("normalisation", detail, "no normalisation")
    for source in expected:
        if source.normalised is None or source.normalised == spec.normalised:
            continue
        if source.normalised:
            detail = f"{source.source} gives vectors of length one; here they have {lengths}"
            return _contradiction("normalisation", detail, "no normalisation")
        detail = f"{source.source} leaves vectors at their lengths; here they have length one"
        return _contradiction("normalisation", detail, "needless normalisation")
    return Check("normalisation", f"lengths {lengths}")


def _cut_length(encoder: Encoder, expected: list[Expected]) -> Check:
    limit = encoder.spec.max_tokens
    for source in expected:
        if source.max_tokens is not None and source.max_tokens != limit:
            side = "texts are cut early" if limit < source.max_tokens else "more is read than the model was made for"
            detail = f"{source.source} reads {source.max_tokens} tokens; in use are {limit}: {side}"
            return _contradiction("cut length", detail, "wrong cut length")
    prompt = encoder.spec.document_prompt
    # No tokenizer has more tokens than this for the prompt, and two mark the ends of a text.
    within = min(limit, _LONGEST_TRIED) - 2 - 2 * len(re.findall(r"\w+|[^\w\s]", prompt))
    if within > 1 and _same(*_ending(encoder, within - 1)):
        detail = f"{limit} tokens should be read, but the last of {within} words changes nothing"
        return Check("cut length", detail, "wrong cut length")
    if limit <= _LONGEST_TRIED and not _same(*_ending(encoder, limit)):
        detail = f"{limit} tokens should be read, but word {limit + 1} still changes the vector"
        return Check("cut length", detail, "wrong cut length")
    return Check("cut length", f"{limit} tokens")


def _ending(encoder: Encoder, words: int) -> NDArray[np.float32]:
    """Return the vectors of two texts that agree in so many words and then end differently."""
    start = " ".join((_WORDS * (words // len(_WORDS) + 1))[:words])
    return encoder.encode_documents([f"{start} {last}" for last in _LAST])


def _meaning(spec: EncoderSpec, vectors: NDArray[np.float32]) -> Check:
    """Most sentences must be nearer to their paraphrase than to every other sentence."""
    ready = comparable(vectors, spec.similarity)
    similarities = ready @ ready.T
    np.fill_diagonal(similarities, -np.inf)
    partner = np.arange(len(vectors)) ^ 1  # 0 and 1, 2 and 3, ...
    right = int((similarities.argmax(axis=1) == partner).sum())
    detail = f"{right} of {len(vectors)} sentences are nearest to their paraphrase"
    return Check("meaning", detail, None if right >= _ENOUGH else "no meaning")


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return bool(np.abs(one - other).max() <= _SAME * np.abs(one).max())

"""The cross-encoders that are known by name, each pinned to a revision of its repository on the hub.

The revisions are those that sentence-transformers wrote into the cards of models trained from these, or that others
pinned; `score` is nDCG@10 on TREC Deep Learning 2019 as the models' authors give it, None where they give none.
"""

from dataclasses import dataclass

from knowscape.encoders.catalogue import Shape
from knowscape.errors import UsageError

__all__ = ["CROSS_ENCODERS", "DEFAULT_CROSS_ENCODER", "CrossEntry", "cross_entry"]

DEFAULT_CROSS_ENCODER = "ms-marco-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class CrossEntry:
    """A cross-encoder's repository and revision, and what it is good for; `max_tokens` are those of both texts."""

    repository: str
    revision: str
    shape: Shape
    max_tokens: int
    good_for: str
    licence: str = "Apache-2.0"
    languages: str = "English"
    score: float | None = None

    @property
    def name(self) -> str:
        """The repository without its owner."""
        return self.repository.split("/")[1]


_ENTRIES = (
    CrossEntry(
        "cross-encoder/ms-marco-MiniLM-L6-v2",
        "c5ee24cb16019beea0893ab7796b1df96625c6b8",
        Shape(22.7, 91, 6, hidden=384, inner=1536),
        512,
        "passages for web queries, as good as the one with twelve layers in half the time",
        score=0.7430,
    ),
    CrossEntry(
        "cross-encoder/ms-marco-MiniLM-L12-v2",
        "7b0235231ca2674cb8ca8f022859a6eba2b1c968",
        Shape(33.4, 134, 12, hidden=384, inner=1536),
        512,
        "passages for web queries, where time does not matter",
        score=0.7431,
    ),
    CrossEntry(
        "cross-encoder/ms-marco-TinyBERT-L2-v2",
        "81d1926f67cb8eee2c2be17ca9f793c7c3bd20cc",
        Shape(4.4, 18, 2, hidden=128, inner=512),
        512,
        "the fastest: searches that must answer at once",
        score=0.6984,
    ),
    CrossEntry(
        "cross-encoder/mmarco-mMiniLMv2-L12-H384-v1",
        "1427fd652930e4ba29e8149678df786c240d8825",
        Shape(117.6, 471, 12, hidden=384, inner=1536),
        512,
        "queries and passages in different languages, on a CPU",
        languages="14",
    ),
    CrossEntry(
        "BAAI/bge-reranker-base",
        "2cfc18c9415c912f9d8155881c133215df768a70",
        Shape(278.0, 1112, 12, hidden=768, inner=3072),
        512,
        "English and Chinese, where quality matters more than time",
        licence="MIT",
        languages="English, Chinese",
    ),
    CrossEntry(
        "BAAI/bge-reranker-v2-m3",
        "953dc6f6f85a1b2dbfca4c34a2796e7dde08d41e",
        Shape(567.8, 2271, 24, hidden=1024, inner=4096),
        8192,
        "long passages in many languages, on a GPU",
        languages="about 100",
    ),
)
CROSS_ENCODERS = {one.name: one for one in _ENTRIES}


def cross_entry(name: str) -> CrossEntry:
    """Return the entry by name or by repository; UsageError lists the names there are."""
    for known, found in CROSS_ENCODERS.items():
        if name in (known, found.repository):
            return found
    raise UsageError(
        f"There is no cross-encoder {name!r} in the catalogue and no folder of that name. "
        f"Known: {', '.join(CROSS_ENCODERS)}. Any other one of the hub: hf:OWNER/NAME[@REVISION]"
    )

"""What identifies an encoder: two encoders with the same fingerprint live in the same vector space.

And what identifies a cross-encoder, which reads a query and a text together and gives a score.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["CrossEncoder", "CrossSpec", "Encoder", "EncoderSpec", "Tokens"]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """A model's identity; `fingerprint` digests every field."""

    name: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str
    dimension: int
    max_tokens: int
    pooling: str = "mean"
    normalised: bool = True
    similarity: str = "cosine"
    document_prompt: str = ""
    query_prompt: str = ""

    @property
    def fingerprint(self) -> str:
        """The hexadecimal SHA-256 of all fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def about(self) -> dict[str, Any]:
        """Return what a vector store keeps beside the vectors."""
        return {
            "spec": asdict(self),
            "fingerprint": self.fingerprint,
            "dimension": self.dimension,
            "normalised": self.normalised,
        }


class Tokens(Protocol):
    """What knows the tokens of a model's texts."""

    @property
    def spec(self) -> EncoderSpec: ...

    @property
    def room(self) -> int:
        """How many tokens of its own a document may have so that nothing of it is cut.

        The most that the model takes, less special tokens and those of the prompt for documents.
        """

    def token_starts(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Return the characters at which the tokens of each text begin, int64[tokens], ascending.

        Nothing is cut; neither special tokens nor a prompt are there.
        """


class Encoder(Tokens, Protocol):
    """A loaded model."""

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension]; the same list gives the same bytes."""

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], with the prompt for queries where the model has one."""

    def token_counts(self, texts: list[str]) -> list[int]:
        """Return how many tokens each text has, after it is cut to the most that the model takes."""

    def close(self) -> None:
        """End what is running in other threads soon; the encoder cannot be used again."""


@dataclass(frozen=True, slots=True)
class CrossSpec:
    """A cross-encoder's identity; `max_tokens` are those of a query and a text together."""

    name: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str
    max_tokens: int


class CrossEncoder(Protocol):
    """A loaded cross-encoder (Nogueira & Cho 2019)."""

    @property
    def spec(self) -> CrossSpec: ...

    def score(self, query: str, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n], higher for a text that answers the query better.

        They are logits: the model's own activation would not change their order, and in float32 it makes high ones
        equal.  A pair that is too long loses tokens of the longer of the two first, as sentence-transformers cuts it.
        """

    def close(self) -> None:
        """End what is running in other threads soon; the cross-encoder cannot be used again."""

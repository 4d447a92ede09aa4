"""Where a text belongs on a map, and whether to believe it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import Encoder
from knowscape.errors import UsageError
from knowscape.maps.neighbours import Nearest, NeighbourGraph
from knowscape.maps.placing import DEPTH, Ground

__all__ = ["Neighbour", "Placement", "Placer"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An article near a text in meaning: its cosine, and where it lies on the map; `z` only in three dimensions."""

    id: str
    title: str
    similarity: float
    x: float
    y: float
    z: float | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a text belongs on a map, in [0, 1], and in `refused` why not to believe it, None where it may be believed.

    `confidence` is the smaller of two shares of the map's own articles: those that are at most as similar to their
    nearest, and those whose nearest lie at least as scattered.  `neighbours` are its nearest articles in meaning, and
    `spread` their mean distance to it on the map, those that are more alike counting for more.
    """

    x: float
    y: float
    spread: float
    confidence: float
    neighbours: tuple[Neighbour, ...]
    refused: str | None
    z: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Placer:
    """What it takes to place one text after the other on one map.

    `vectors` float32[n, d] are those of the `corpus`, `coordinates` float32[n or more, dims] its places, `graph` its
    neighbours; `encoder` is the one that made the vectors.
    """

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        vectors: NDArray[np.float32],
        *,
        coordinates: NDArray[np.float32],
        graph: NeighbourGraph,
    ) -> None:
        self._encoder, self._corpus, self._nearest = encoder, corpus, Nearest(vectors)
        self._places = coordinates[: len(corpus)]
        self._ground = Ground(self._places, graph)

    def place(self, text: str) -> Placement:
        """Return where a text belongs; UsageError where it has no words."""
        vector = self._encoder.encode_documents([text]) if text.strip() else np.zeros((1, 1), np.float32)
        if not vector.any():
            raise UsageError("There are no words in this text. Type some: knowscape place ATLAS 'A volcano erupts.'")
        indices, similarities = self._nearest.find(vector, DEPTH + 1)
        spot = self._ground.place(indices, similarities)
        trust = self._ground.judge(spot)
        x, y, *z = map(float, spot.places[0])
        near = zip(indices[0, :DEPTH].tolist(), similarities[0, :DEPTH].tolist(), strict=True)
        neighbours = tuple(self._neighbour(row, cosine) for row, cosine in near)
        spread, confidence = float(spot.scatter[0]), float(trust.confidence[0])
        return Placement(x, y, spread, confidence, neighbours, trust.doubt(0), *z)

    def _neighbour(self, row: int, cosine: float) -> Neighbour:
        return Neighbour(self._corpus.ids[row], self._corpus.titles[row], cosine, *map(float, self._places[row]))

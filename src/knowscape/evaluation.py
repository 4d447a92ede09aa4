"""A run on judged data by each way of searching that there is."""

from knowscape.encoders.catalogue import DEFAULT_MODEL
from knowscape.encoders.load import load_encoder
from knowscape.errors import UsageError
from knowscape.evaluate.dense import dense_run
from knowscape.evaluate.retrieval import RetrievalSet
from knowscape.evaluate.runs import DEPTH, Run
from knowscape.progress import SILENT, Progress
from knowscape.search.index import MODES

__all__ = ["DEFAULT_MODE", "run_of"]

DEFAULT_MODE = "dense"


def run_of(
    data: RetrievalSet,
    mode: str = DEFAULT_MODE,
    model: str = DEFAULT_MODEL,
    *,
    depth: int = DEPTH,
    progress: Progress = SILENT,
) -> Run:
    """Return the best `depth` documents for each judged query.

    `model` is what `load_encoder` takes.  The dense search is exact.  Raises UsageError for a mode that there is not.
    """
    if mode not in MODES:
        raise UsageError(f"There is no mode of search {mode!r}. Accepted: {', '.join(MODES)}.")
    if mode != "dense":
        raise UsageError(
            f"The mode {mode} cannot be evaluated yet. Type: knowscape evaluate retrieval DIR --mode dense"
        )
    encoder = load_encoder(model, progress=progress)
    try:
        return dense_run(encoder, data, depth, progress=progress)
    finally:
        encoder.close()

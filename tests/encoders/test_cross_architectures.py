"""Each architecture gives the scores of sentence-transformers' CrossEncoder, on small models with random weights.

Needs torch and sentence-transformers: `make torch`.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import TEXTS, save_small_cross_encoder, save_small_model

from knowscape.encoders import cross_transformer
from knowscape.encoders.configuration import read_cross_spec, why_not_native_cross
from knowscape.encoders.cross import load_cross_encoder
from knowscape.encoders.cross_native import NativeCrossEncoder
from knowscape.encoders.cross_transformer import TransformerCrossEncoder
from knowscape.errors import DeviceLostError, TextTooLargeError, UsageError

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

NATIVE = ("bert", "bert-tanh", "roberta", "xlm-roberta", "mpnet", "distilbert")
# The longest is cut together with each text, and the long texts with each query.
QUERIES = ("sun", "", "Wo ist die Sonne? ", " ".join(["which star shines, and why?"] * 25))


def expected(peer: Any, query: str) -> Any:
    import torch

    return peer.predict([[query, text] for text in TEXTS], batch_size=1, activation_fn=torch.nn.Identity())


@pytest.mark.parametrize("kind", NATIVE)
@pytest.mark.parametrize("batch_tokens", [1, 300, 100_000])
def test_scores_are_those_of_sentence_transformers(tmp_path: Path, kind: str, batch_tokens: int) -> None:
    peer = save_small_cross_encoder(tmp_path, kind)
    assert why_not_native_cross(tmp_path / "model") is None
    spec = read_cross_spec(tmp_path / "model")
    assert spec.max_tokens == 100
    own = NativeCrossEncoder(spec, tmp_path / "model", precision="f32", batch_tokens=batch_tokens)
    for query in QUERIES:
        scores = own.score(query, TEXTS)
        assert (scores.dtype, scores.shape) == (np.float32, (len(TEXTS),))
        np.testing.assert_allclose(scores, expected(peer, query), atol=1e-4)
        assert np.ptp(scores) > 0.1


def test_the_folder_that_transformers_saves_gives_the_same_scores(tmp_path: Path) -> None:
    peer = save_small_cross_encoder(tmp_path, "bert")
    peer.max_seq_length = 128
    own = load_cross_encoder(str(tmp_path / "plain"))
    assert isinstance(own, NativeCrossEncoder)
    np.testing.assert_allclose(
        own.score("sun", TEXTS), expected(peer, "sun"), atol=1e-4 if own.precision == "f32" else 0.2
    )


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_any_architecture_is_read_through_torch(tmp_path: Path, kind: str) -> None:
    peer = save_small_cross_encoder(tmp_path, kind)
    spec = read_cross_spec(tmp_path / "model")
    own = TransformerCrossEncoder(spec, tmp_path / "model", device="cpu", batch_tokens=300)
    for query in QUERIES:
        scores = own.score(query, TEXTS)
        assert (scores.dtype, scores.shape) == (np.float32, (len(TEXTS),))
        np.testing.assert_allclose(scores, expected(peer, query), atol=1e-4)
    assert own.score("sun", []).shape == (0,)
    own.close()
    with pytest.raises(DeviceLostError, match="closed"):
        own.score("sun", TEXTS)


def test_what_the_native_engine_lacks_is_left_to_the_other(tmp_path: Path) -> None:
    save_small_cross_encoder(tmp_path, "modernbert")
    assert why_not_native_cross(tmp_path / "model") == "a 'modernbert' model"
    assert isinstance(load_cross_encoder(str(tmp_path / "model")), TransformerCrossEncoder)


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_a_model_with_several_scores_is_refused(tmp_path: Path, kind: str) -> None:
    save_small_cross_encoder(tmp_path, kind, scores=3)
    with pytest.raises(UsageError, match="gives 3 scores for a pair"):
        load_cross_encoder(str(tmp_path / "model"))


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_an_encoder_is_no_cross_encoder(tmp_path: Path, kind: str) -> None:
    """Libraries would give it a last layer of random numbers."""
    save_small_model(tmp_path, kind)
    for folder in ("model", "plain"):
        with pytest.raises(UsageError, match=r"no cross-encoder|not those of a cross-encoder"):
            load_cross_encoder(str(tmp_path / folder))


def test_memory_that_runs_out_now_and_then_changes_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    save_small_cross_encoder(tmp_path, "bert")
    own = TransformerCrossEncoder(read_cross_spec(tmp_path / "model"), tmp_path / "model", device="cpu")
    scores, predict, calls = own.score("sun", TEXTS), own._model.predict, 0

    def flaky(pairs: list[list[str]], **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if len(pairs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return predict(pairs, **options)

    monkeypatch.setattr(own._model, "predict", flaky)
    np.testing.assert_allclose(own.score("sun", TEXTS), scores, atol=1e-5)
    assert calls > len(TEXTS) / 2
    monkeypatch.setattr(own._model, "predict", lambda pairs, **options: torch.empty(10**15))
    with pytest.raises(TextTooLargeError):
        own.score("sun", TEXTS)


def test_in_half_precision_scores_are_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = save_small_cross_encoder(tmp_path, "bert")
    monkeypatch.setattr(cross_transformer, "choose_precision", lambda device: "bf16")
    half = TransformerCrossEncoder(read_cross_spec(tmp_path / "model"), tmp_path / "model", device="cpu")
    assert half.precision == "bf16"
    assert np.corrcoef(half.score("sun", TEXTS), expected(peer, "sun"))[0, 1] > 0.99


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_spec("torch")
    save_small_cross_encoder(tmp_path, "modernbert")
    monkeypatch.setattr("knowscape.encoders.cross.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"'modernbert'.*knowscape\[torch\]"):
        load_cross_encoder(str(tmp_path / "model"))

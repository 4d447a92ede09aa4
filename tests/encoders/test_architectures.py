"""Each architecture gives the vectors of sentence-transformers, shown on small models with random weights.

The weights of the catalogue's models need the hub; the formulas are the same in small.  Needs torch and
sentence-transformers: `make torch`.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import TEXTS, WIDTH, Steps, save_small_model

from knowscape.encoders.configuration import engine_of, why_not_native
from knowscape.encoders.load import load_encoder
from knowscape.encoders.native import NativeEncoder

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

# Those that the native engine has a graph for.
NATIVE = ("bert", "bert-tanh", "roberta", "xlm-roberta", "mpnet", "distilbert")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", NATIVE)
@pytest.mark.parametrize(("pooling", "normalised"), [("mean", True), ("cls", False)])
def test_vectors_are_those_of_sentence_transformers(tmp_path: Path, kind: str, pooling: str, normalised: bool) -> None:
    prompts = {"query": "query: ", "document": "passage: "}
    peer = save_small_model(tmp_path, kind, Steps(pooling, normalised, prompts=prompts))
    spec = load_encoder(str(tmp_path / "model")).spec
    assert (spec.pooling, spec.normalised, spec.max_tokens, spec.dimension) == (pooling, normalised, 100, WIDTH)
    assert (spec.query_prompt, spec.document_prompt) == ("query: ", "passage: ")
    own = NativeEncoder(spec, tmp_path / "model", precision="f32")
    for encode, name in ((own.encode_documents, "document"), (own.encode_queries, "query")):
        expected = peer.encode(TEXTS, prompt_name=name, batch_size=1)
        np.testing.assert_allclose(encode(TEXTS), expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_step_that_the_native_engine_lacks_is_left_to_the_other(tmp_path: Path) -> None:
    save_small_model(tmp_path, "bert")
    path = tmp_path / "model" / "modules.json"
    steps = json.loads(path.read_text())
    steps.append({"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    path.write_text(json.dumps(steps))
    assert why_not_native(tmp_path / "model") == "it has the module Dense"
    assert engine_of(tmp_path / "model") == "transformer"

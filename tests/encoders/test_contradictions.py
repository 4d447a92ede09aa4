"""A model folder that contradicts itself is refused when it is loaded, not by wrong vectors later."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from test_native import random_bert

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.load import load_encoder
from knowscape.encoders.native import NativeEncoder
from knowscape.encoders.weights import fetch_weights
from knowscape.errors import UsageError

CONFIG = {
    "model_type": "bert", "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
    "layer_norm_eps": 1e-12, "max_position_embeddings": 64,
}  # fmt: skip


def tiny(folder: Path, **config: Any) -> str:
    """Make a small model with random weights of 64 positions, and return its folder's name."""
    folder.mkdir()
    shutil.copyfile(fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json", folder / "tokenizer.json")
    save_file(random_bert(np.random.default_rng(0), 32, 1), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    return str(folder)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"max_position_embeddings": 512}, "64 positions, config.json names 512"),
        ({"num_attention_heads": 5}, "32 does not divide into 5"),
        ({"position_embedding_type": "relative_key"}, "'relative_key'"),
        ({"hidden_act": "swish"}, "'swish'"),
        ({"num_hidden_layers": 2}, "lack the tensor"),
        ({"hidden_size": 64}, "tiny"),
        ({"hidden_size": None}, "tiny"),
    ],
)
def test_a_configuration_that_its_weights_do_not_fit_is_refused(
    tmp_path: Path, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        load_encoder(tiny(tmp_path / "tiny", **config))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def lie(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:8] = (1 << 60).to_bytes(8, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, lie])
def test_a_weights_file_that_ends_early_or_lies_about_its_header_is_refused(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tiny(tmp_path / "tiny")
    damage(Path(folder) / "model.safetensors")
    with pytest.raises(UsageError, match="holds no model that can be read"):
        load_encoder(folder)


def test_a_text_longer_than_the_model_is_cut_and_not_an_error(tmp_path: Path) -> None:
    encoder = load_encoder(tiny(tmp_path / "tiny"))
    long, cut = encoder.encode_documents(["star " * 62, "star " * 5000])
    np.testing.assert_allclose(long, cut, atol=1e-6)


def test_the_mask_swamps_no_score_in_a_short_precision_either() -> None:
    """bf16 rounds a bias computed as (mask - 1) * 1e9 to something other than zero; OpenVINO emulates it elsewhere."""
    known, texts = entry(DEFAULT_MODEL), ["The sun is a star.", "a moon"]
    exact, short = (
        NativeEncoder(known.spec, fetch_weights(known), precision=name).encode_documents(texts)
        for name in ("f32", "bf16")
    )
    assert (exact * short).sum(axis=1).min() > 0.999


DROP = """
import sys
from knowscape.encoders.load import load_encoder
for _ in range(40):
    load_encoder(sys.argv[1]).encode_documents(["a star"] * 200)
print("done")
"""


def test_an_encoder_that_is_dropped_right_after_its_work_never_hangs(tmp_path: Path) -> None:
    """A process of its own, since a thread that waits for the interpreter's lock cannot be timed out within."""
    command = [sys.executable, "-c", DROP, tiny(tmp_path / "tiny")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr

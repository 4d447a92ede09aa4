"""Worlds that several tests share: the sample atlas, built once by the command that users type."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from hostile_texts import Hostile
    from visitor import Visit

# The time that one example takes is the machine's affair.
settings.register_profile("knowscape", deadline=None)
settings.load_profile("knowscape")
# What runs in the background may have been told to ignore it, and its children would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Each test computes its own vectors; those of the cache's own tests have a cache of their own.
os.environ["KNOWSCAPE_CACHE_GB"] = "0"

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-c", "from knowscape.cli import main; main()"]


@pytest.fixture(scope="session")
def knowscape() -> Run:
    """Run the command line in a process of its own."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture(scope="session")
def sample_atlas(knowscape: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample corpus, embedded with the real weights and mapped."""
    out = tmp_path_factory.mktemp("sample") / "sample.atlas"
    done = knowscape("demo", "--no-serve", "-o", out, "--json", env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for the tests of a file."""
    from visitor import chromium

    with chromium() as launched:
        yield launched


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator["Visit"]:
    """Open the page at the address that the file's own fixture gives, as often as the test likes."""
    from visitor import visits

    with visits(browser, address) as open_page:
        yield open_page


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer and 32 dimensions with random weights and the real tokenizer."""
    import shutil

    import numpy as np
    from safetensors.numpy import save_file

    from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
    from knowscape.encoders.weights import fetch_weights

    folder, random = tmp_path_factory.mktemp("models") / "small", np.random.default_rng(1)
    folder.mkdir()
    shutil.copyfile(fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json", folder / "tokenizer.json")
    hidden, layer = 32, "encoder.layer.0"
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30522, hidden), "embeddings.position_embeddings.weight": (64, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden), f"{layer}.intermediate.dense.weight": (64, hidden),
        f"{layer}.intermediate.dense.bias": (64,), f"{layer}.output.dense.weight": (hidden, 64),
        f"{layer}.output.dense.bias": (hidden,),
    }  # fmt: skip
    for part in ("self.query", "self.key", "self.value", "output.dense"):
        shapes |= {
            f"{layer}.attention.{part}.weight": (hidden, hidden),
            f"{layer}.attention.{part}.bias": (hidden,),
        }
    tensors = {name: random.standard_normal(shape).astype(np.float32) / 4 for name, shape in shapes.items()}
    for norm in ("embeddings.LayerNorm", f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"):
        tensors |= {f"{norm}.weight": np.ones(hidden, np.float32), f"{norm}.bias": np.zeros(hidden, np.float32)}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(
        '{"model_type": "bert", "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1,'
        ' "max_position_embeddings": 64}'
    )
    return folder


@pytest.fixture(scope="session")
def hostile(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> "Hostile":
    """An atlas of what nobody should write into an article, and what answers for it."""
    from hostile_texts import hostile_atlas

    return hostile_atlas(tmp_path_factory.mktemp("hostile") / "a.atlas", small_model)

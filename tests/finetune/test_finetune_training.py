"""Training with torch on a small model: it learns, it goes on after a kill, and what it saves every command takes.

Needs torch and sentence-transformers: `make torch`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path
from knowscape.encoders.configuration import engine_of, read_spec
from knowscape.encoders.load import find_model, load_encoder
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import DamageError, KnowscapeError, UsageError
from knowscape.finetune.checkpoints import Checkpoints
from knowscape.finetune.examples import Example, Examples
from knowscape.finetune.options import FinetuneOptions
from knowscape.finetune.run import Runner, Sources, finetune
from knowscape.finetune.training import Trainer, rate

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

FAST = FinetuneOptions(batch_size=16, learning_rate=3e-3, held_out=0.3, seed=5)
CPU = Runner("cpu")
KILLED = """
import sys
from pathlib import Path
from knowscape.finetune.options import FinetuneOptions
from knowscape.finetune.run import Runner, Sources, finetune
examples, out, model = sys.argv[1:]
options = FinetuneOptions(batch_size=16, learning_rate=3e-3, held_out=0.3, seed=5)
finetune(Sources(Path(examples)), Path(out), model=model, options=options, runner=Runner("cpu", 0.0))
"""


@pytest.fixture(scope="module")
def small(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small BERT, with the size in its configuration that the native engine reads off the weights."""
    folder = shutil.copytree(small_model, tmp_path_factory.mktemp("bases") / "small")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The titles of the sample's articles, each with its text's first words."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [{"anchor": d.title, "positive": d.text[:120]} for d in read_corpus(sample_articles_path(), limit=400)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tuned(pairs: Path, small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained without any disturbance."""
    out = tmp_path_factory.mktemp("tuned") / "mine"
    finetune(Sources(pairs), out, model=str(small), options=FAST, runner=CPU)
    return out


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "finetune.json").read_text())
    return record


def test_real_titles_and_texts_make_a_small_model_better_by_more_than_its_interval(tuned: Path) -> None:
    record = record_of(tuned)
    chief = record["scores"][0]
    assert chief["measure"] == "mrr@10"
    assert chief["difference"]["low"] > 0
    assert record["improved"]
    assert record["trained"] + record["held_out"] == 400
    assert "Better than its base" in (tuned / "README.md").read_text()


def test_the_result_is_a_model_with_a_fingerprint_of_its_own_that_needs_no_torch(tuned: Path, small: Path) -> None:
    spec, folder = find_model(str(tuned))
    base = read_spec(small)
    assert (folder, engine_of(folder)) == (tuned, "native")
    assert spec.fingerprint == record_of(tuned)["fingerprint"] != base.fingerprint
    assert (spec.tokenizer_sha256, spec.dimension, spec.max_tokens) == (base.tokenizer_sha256, 32, base.max_tokens)
    assert sorted(path.name for path in tuned.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".npy"}) == []
    code = (
        "import sys; from knowscape.encoders.load import load_encoder\n"
        "vectors = load_encoder(sys.argv[1]).encode_documents(['the sun is a star'])\n"
        "assert 'torch' not in sys.modules; print(vectors.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tuned)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "(1, 32)\n"), done.stderr


def test_sentence_transformers_gives_the_same_vectors_from_the_folder(tuned: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["the sun is a star", "rivers", "a map of many ideas " * 30]
    peer = SentenceTransformer(str(tuned), device="cpu").encode(texts)
    np.testing.assert_allclose(load_encoder(str(tuned), device="cpu").encode_documents(texts), peer, atol=2e-3)


def test_killed_on_the_way_it_ends_with_the_weights_of_an_undisturbed_run(
    tuned: Path, pairs: Path, small: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    work = tmp_path / "mine.training"
    command = [sys.executable, "-c", KILLED, str(pairs), str(out), str(small)]
    with (tmp_path / "said").open("w") as said, subprocess.Popen(command, stderr=said, env=dict(os.environ)) as process:
        until = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < until:
            steps = [int(path.name.split("-")[1]) for path in work.glob("checkpoints/checkpoint-*")]
            if max(steps, default=0) >= 3:
                os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (tmp_path / "said").read_text()
    kept = [int(path.name.split("-")[1]) for path in work.glob("checkpoints/checkpoint-*")]
    assert max(kept) < record_of(tuned)["steps"]
    assert not out.exists()
    record = finetune(Sources(pairs), out, model=str(small), options=FAST, runner=CPU)
    assert (out / "model.safetensors").read_bytes() == (tuned / "model.safetensors").read_bytes()
    assert record["scores"] == record_of(tuned)["scores"]
    assert record["fingerprint"] == record_of(tuned)["fingerprint"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "said"]


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def begin(pairs: Path, small: Path, out: Path, *, steps: int) -> None:
    """Train so many steps, with a checkpoint after each, and stop."""
    step = Trainer._step

    def stopping(self: Trainer) -> None:
        if self.steps == steps:
            raise StoppedError
        step(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(StoppedError):  # noqa: PT012 - the patch ends with it
        patch.setattr(Trainer, "_step", stopping)
        finetune(Sources(pairs), out, model=str(small), options=FAST, runner=Runner("cpu", 0))


def test_a_run_with_other_options_or_other_data_is_not_mixed_with_one_that_was_begun(
    pairs: Path, small: Path, tmp_path: Path
) -> None:
    begin(pairs, small, tmp_path / "mine", steps=3)
    other = FinetuneOptions(batch_size=8, learning_rate=3e-3, held_out=0.3, seed=5)
    with pytest.raises(UsageError, match=r"mine\.training is of a run that was not .*batch_size 16, not 8"):
        finetune(Sources(pairs), tmp_path / "mine", model=str(small), options=other, runner=CPU)
    more = tmp_path / "more.jsonl"
    more.write_text(pairs.read_text() + '\n{"anchor": "x", "positive": "y"}')
    with pytest.raises(UsageError, match="examples blake3:"):
        finetune(Sources(more), tmp_path / "mine", model=str(small), options=FAST, runner=CPU)
    moved = shutil.copytree(small, tmp_path / "elsewhere" / small.name)
    record = finetune(Sources(pairs), tmp_path / "mine", model=str(moved), options=FAST, runner=CPU)
    assert record["improved"], "the same model at another place is the same model"


def test_a_checkpoint_with_a_flipped_bit_is_refused(pairs: Path, small: Path, tmp_path: Path) -> None:
    begin(pairs, small, tmp_path / "mine", steps=2)
    (path,) = tmp_path.glob("mine.training/checkpoints/checkpoint-2/state.safetensors")
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamageError, match=r"is not what was written. Delete .*checkpoints and run the same command"):
        finetune(Sources(pairs), tmp_path / "mine", model=str(small), options=FAST, runner=CPU)


def test_a_finished_run_is_told_again_and_not_repeated(tuned: Path, pairs: Path, small: Path) -> None:
    before = (tuned / "model.safetensors").stat().st_mtime_ns
    record = finetune(Sources(pairs), tuned, model=str(small), options=FAST, runner=CPU)
    assert record == record_of(tuned)
    assert (tuned / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="is there already, with seed 5, not 0"):
        finetune(Sources(pairs), tuned, model=str(small), options=FinetuneOptions(
            batch_size=16, learning_rate=3e-3, held_out=0.3), runner=CPU)  # fmt: skip
    with pytest.raises(UsageError, match=r"is there already, with no finetune\.json"):
        finetune(Sources(pairs), small, model=str(small), options=FAST, runner=CPU)


def test_negatives_are_mined_once_from_the_corpus(pairs: Path, small: Path, tmp_path: Path) -> None:
    options = FinetuneOptions(loss="triplet", batch_size=16, held_out=0.3, negatives=2)
    sources = Sources(pairs, corpus=str(sample_articles_path()))
    record = finetune(sources, tmp_path / "hard", model=str(small), options=options, runner=CPU)
    assert (record["kind"], record["loss"], record["matryoshka"]) == ("triplets", "triplet", [])
    assert 280 < record["trained"] <= 560
    assert record["plan"]["corpus"] == read_corpus(sample_articles_path()).digest


def test_the_first_numbers_of_a_vector_become_a_vector_of_their_own(pairs: Path, small: Path, tmp_path: Path) -> None:
    options = FinetuneOptions(epochs=2, batch_size=16, learning_rate=3e-3, held_out=0.3, matryoshka=(8, 16))
    record = finetune(Sources(pairs), tmp_path / "cut", model=str(small), options=options, runner=CPU)
    chief = [one for one in record["scores"] if one["measure"].startswith("mrr@10")]
    assert [one["measure"] for one in chief] == ["mrr@10", "mrr@10, 16 dimensions", "mrr@10, 8 dimensions"]
    assert chief[2]["improved"], chief[2]
    assert record["matryoshka"] == [32, 16, 8]
    assert "32, 16, 8" in (tmp_path / "cut" / "README.md").read_text()


def test_triplets_are_learnt_by_their_distances(small: Path, tmp_path: Path) -> None:
    items = tuple(Example(f"sun {n}", f"moon {n + 1}", f"sun {n + 1}") for n in range(60))
    options = FinetuneOptions(loss="triplet", epochs=5, batch_size=8, learning_rate=5e-3)
    trainer = Trainer(read_spec(small), small, Examples("triplets", items), options, device="cpu")
    trainer._model.eval()
    before = trainer._loss_of(items).item()
    trainer.run(Checkpoints(tmp_path / "checkpoints", 60))
    assert trainer._loss_of(items).item() < 0.8 * before


def test_scored_pairs_are_learnt_by_their_order(small: Path, tmp_path: Path) -> None:
    """Two sentences are alike as they share words of one kind: what a model of random weights does not know."""
    random = np.random.default_rng(3)
    kinds = [["sun", "moon", "star", "planet", "comet"], ["river", "lake", "sea", "rain", "snow"]]
    rows = []
    for _ in range(300):
        counts = random.integers(0, 5, 2)
        sides = [[str(random.choice(kinds[int(n < count)])) for n in range(4)] for count in counts]
        first, second = (" ".join(side) for side in sides)
        rows.append({"sentence1": first, "sentence2": second, "score": -abs(int(counts[0] - counts[1]))})
    examples, held = tmp_path / "scored.jsonl", tmp_path / "held.jsonl"
    examples.write_text("\n".join(map(json.dumps, rows[:200])))
    held.write_text("\n".join(map(json.dumps, rows[200:])))
    options = FinetuneOptions(epochs=4, batch_size=16, learning_rate=3e-3)
    record = finetune(Sources(examples, held), tmp_path / "sts", model=str(small), options=options, runner=CPU)
    assert (record["loss"], record["scores"][0]["measure"]) == ("cosent", "spearman")
    assert record["improved"], record["scores"]


def test_held_out_examples_that_all_hang_together_tell_no_interval(pairs: Path, small: Path, tmp_path: Path) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text("\n".join(json.dumps({"anchor": f"q {n}", "positive": "one"}) for n in range(9)))
    with pytest.raises(UsageError, match="no interval can be told"):
        finetune(Sources(pairs, held), tmp_path / "mine", model=str(small), options=FAST, runner=CPU)


def test_a_rate_so_high_that_the_loss_is_no_number_is_told(small: Path, tmp_path: Path) -> None:
    examples = Examples("pairs", tuple(Example(f"sun {n}", f"star {n}") for n in range(40)))
    trainer = Trainer(read_spec(small), small, examples, FinetuneOptions(batch_size=4), device="cpu")
    import torch

    with torch.no_grad():
        next(iter(trainer._weights.values())).fill_(float("nan"))
    with pytest.raises(KnowscapeError, match=r"At step 1 the loss is nan. .*--learning-rate 5e-06"):
        trainer.run(Checkpoints(tmp_path / "checkpoints", 60))


def test_the_prompts_of_the_base_are_trained_with_and_kept(tmp_path: Path) -> None:
    from small_models import Steps, save_small_model

    prompts = {"query": "find: ", "document": "text: "}
    save_small_model(tmp_path, "xlm-roberta", Steps(pooling="cls", prompts=prompts, normalised=False))
    spec = read_spec(tmp_path / "model")
    examples = Examples("triplets", tuple(Example(f"sun {n}", f"star {n}", f"sea {n}") for n in range(8)))
    trainer = Trainer(spec, tmp_path / "model", examples, FinetuneOptions(batch_size=4), device="cpu")
    seen: list[tuple[str | None, list[str]]] = []
    preprocess = trainer._model.preprocess

    def noting(texts: list[str], prompt: str | None = None) -> Any:
        seen.append((prompt, texts))
        return preprocess(texts, prompt=prompt)

    trainer._model.preprocess = noting
    trainer.run(Checkpoints(tmp_path / "checkpoints", 60))
    trainer.save(tmp_path / "saved")
    assert [(prompt, len(texts)) for prompt, texts in seen] == [("find: ", 4), ("text: ", 8)] * 2
    found = read_spec(tmp_path / "saved")
    for field in EncoderSpec.__slots__:
        same = getattr(found, field) == getattr(spec, field)
        assert same == (field not in {"name", "weights_sha256"}), field


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.1), (7, 0.0), (3, 1.0), (1, 0.1)])
def test_the_rate_rises_in_a_line_and_falls_in_a_line(steps: int, warmup: float) -> None:
    rates = [rate(step, steps, warmup) for step in range(steps)]
    top = round(warmup * steps)
    assert all(0 < one <= 1 for one in rates)
    assert max(rates) == 1
    assert sorted(rates[:top]) == rates[:top]
    assert sorted(rates[top:], reverse=True) == rates[top:]

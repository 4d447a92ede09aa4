"""`knowscape finetune`, as it is typed; without torch it says what to install."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import COMMAND, Run
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path

TORCH = pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [{"anchor": d.title, "positive": d.text[:80]} for d in read_corpus(sample_articles_path(), limit=60)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys; sys.argv = ['knowscape', 'finetune', '--help']\n"
        "from knowscape.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'numpy', 'torch', 'pyarrow', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run([COMMAND[0], "-c", code], capture_output=True, text=True, check=True)
    assert "--matryoshka" in done.stdout
    assert done.stdout.rstrip().endswith("set()")


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
def test_without_torch_the_extra_is_named(knowscape: Run, pairs: Path, tmp_path: Path) -> None:
    done = knowscape("finetune", pairs, "-o", tmp_path / "mine")
    assert done.returncode == 2
    assert "pip install 'knowscape[torch]'" in done.stderr
    assert not (tmp_path / "mine").exists()


@TORCH
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--loss", "softmax"], "no loss 'softmax'. Accepted: cosent, mnr, triplet"),
        (["--loss", "cosent"], "cosent does not go with data of the kind pairs"),
        (["--matryoshka", "512,64"], "no 512 dimensions"),
        (["--matryoshka", "half"], "accepted: numbers such as 256,128,64"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["--model", "wordllama"], "a table of word vectors"),
    ],
)
def test_what_cannot_be_done_is_wrong_usage_and_leaves_nothing(
    pairs: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    command = [*COMMAND, "finetune", str(pairs), "-o", str(tmp_path / "mine"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "mine").exists()


@TORCH
def test_the_result_is_told_to_a_person_and_again_to_a_machine(
    knowscape: Run, small_model: Path, pairs: Path, tmp_path: Path
) -> None:
    config = json.loads((small_model / "config.json").read_text())
    base = tmp_path / "base"
    base.mkdir()
    for name in ("tokenizer.json", "model.safetensors"):
        (base / name).symlink_to(small_model / name)
    (base / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    command = ["finetune", pairs, "-o", tmp_path / "mine", "--model", base, "--held-out-share", 0.2, "--device", "cpu"]
    told = knowscape(*command)
    assert told.returncode == 0, told.stderr
    assert "48 examples (pairs), loss mnr" in told.stdout
    assert "its base on held-out examples: mrr@10" in told.stdout
    assert f"--model {tmp_path / 'mine'}" in told.stdout
    again = knowscape(*command, "--json")
    assert again.returncode == 0, again.stderr
    record = json.loads(again.stdout)
    assert (record["steps"], record["held_out"], record["kind"]) == (2, 12, "pairs")
    assert record["plan"]["options"]["held_out"] == 0.2
    code = "import sys; from knowscape.encoders.load import find_model; print(find_model(sys.argv[1])[0].fingerprint)"
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path / "mine")], capture_output=True, text=True)
    assert found.stdout.strip() == record["fingerprint"]

"""What the command line promises."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import knowscape as package
from conftest import COMMAND, Run


def test_the_public_names_are_these() -> None:
    assert sorted(package.__all__) == ["Atlas", "build", "load_encoder", "open", "read_corpus"]
    assert all(getattr(package, name) for name in package.__all__)


def test_help_needs_no_heavy_import(knowscape: Run) -> None:
    code = (
        "import sys; sys.argv = ['knowscape', '--help']\n"
        "from knowscape.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'numpy', 'pyarrow', 'openvino', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([COMMAND[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")


def test_the_sample_becomes_a_map_that_keeps_neighbours(sample_atlas: Path) -> None:
    quality = package.open(sample_atlas).map().quality.to_json()
    assert quality["recall"]["5"]["mean"] > 0.42
    assert quality["question_overlap"] > 0.7


def test_a_whole_atlas_passes_the_check(knowscape: Run, sample_atlas: Path) -> None:
    done = knowscape("check", sample_atlas, "--full", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["faults"] == []


def test_export_gives_one_row_per_document_and_question(knowscape: Run, sample_atlas: Path, tmp_path: Path) -> None:
    done = knowscape("export", sample_atlas, "--format", "parquet", "-o", tmp_path / "rows.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "rows.parquet")
    names = "id kind title text x y x_raw y_raw region_1 region_2 region_3 neighbour_recall_10 vector"
    assert table.column_names == names.split()
    kinds = table["kind"].to_pylist()
    assert (kinds.count("document"), kinds.count("question")) == (684, 72)
    assert all(0 <= table[axis].to_numpy().min() <= table[axis].to_numpy().max() <= 1 for axis in "xy")
    assert all(table["region_1"].to_pylist())


@pytest.mark.parametrize("form", ["npy", "jsonl"])
def test_export_writes_other_formats(knowscape: Run, sample_atlas: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"rows.{form}"
    assert knowscape("export", sample_atlas, "--format", form, "-o", out).returncode == 0
    if form == "npy":
        np.testing.assert_allclose(np.linalg.norm(np.load(out), axis=1), 1, atol=1e-5)
    else:
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert len(rows) == 756
        assert len(rows[0]["vector"]) == 384


def test_the_same_seed_gives_the_same_map(knowscape: Run, sample_atlas: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.atlas"
    assert knowscape("demo", "--no-serve", "-o", again).returncode == 0
    first, second = package.open(sample_atlas).map(), package.open(again).map()
    np.testing.assert_array_equal(first.raw, second.raw)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["build", "nowhere.parquet", "-o", "x.atlas"], 2, "nowhere.parquet"),
        (["serve", "nowhere.atlas"], 2, "knowscape build"),
        (["check", "nowhere.atlas"], 2, "nowhere.atlas"),
        (["build", "good.jsonl", "-o", "x.atlas", "--model", "no-such-model"], 2, "all-MiniLM-L6-v2"),
        (["build", "good.jsonl", "-o", "x.atlas", "--text", "abstract"], 2, "abstract"),
        (["build", "good.jsonl", "-o", "good.jsonl"], 2, "good.jsonl"),
        (["build", "good.jsonl", "-o", "x.atlas", "--device", "abacus"], 2, "abacus"),
    ],
)
def test_bad_usage_gets_a_clear_error(
    knowscape: Run, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "good.jsonl").write_text('{"id": "a", "text": "The sun is a star."}\n' * 1)
    done = knowscape(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_atlas_is_named_with_exit_code_3(knowscape: Run, tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(n), "text": f"Star number {n} is bright."}) for n in range(30)]
    (tmp_path / "stars.jsonl").write_text("\n".join(lines))
    atlas = tmp_path / "stars.atlas"
    assert knowscape("build", tmp_path / "stars.jsonl", "-o", atlas).returncode == 0
    part = next(atlas.glob("vectors/*/part-*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    done = knowscape("check", atlas, "--full")
    assert done.returncode == 3
    assert part.name in done.stdout


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_control_c_stops_at_once_and_the_same_command_continues(knowscape: Run, tmp_path: Path, seconds: float) -> None:
    rows = [json.dumps({"id": str(n), "text": f"Star number {n} is bright. " * 30}) for n in range(3000)]
    (tmp_path / "stars.jsonl").write_text("\n".join(rows), encoding="utf-8")
    # A process that was started in the background ignores the signal unless it asks for it.
    code = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND[2]}"
    command = [*COMMAND[:2], code, "embed", str(tmp_path / "stars.jsonl"), "-o", str(tmp_path / "stars.atlas")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "the same command continues" in said
    assert "Traceback" not in said
    assert knowscape("embed", tmp_path / "stars.jsonl", "--limit", 50, "-o", tmp_path / "stars.atlas").returncode == 0


def test_a_killed_build_continues_to_the_same_bytes(knowscape: Run, tmp_path: Path) -> None:
    """kill -9 at random moments, then the same command: vectors as in an undisturbed run."""
    words = [line.split() for line in Path(__file__).read_text(encoding="utf-8").splitlines() if len(line) > 40]
    rows = [{"id": str(n), "text": " ".join(words[n % len(words)] * (1 + n % 3)) + f" {n}"} for n in range(5000)]
    corpus = tmp_path / "texts.jsonl"
    corpus.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert knowscape("embed", corpus, "-o", tmp_path / "calm.atlas").returncode == 0
    chance = random.Random(7)
    command = [*COMMAND, "embed", str(corpus), "-o", str(tmp_path / "rough.atlas")]
    for _ in range(3):
        process = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0.3, 8))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert knowscape("embed", corpus, "-o", tmp_path / "rough.atlas").returncode == 0
    calm, rough = (package.open(tmp_path / f"{name}.atlas").vectors() for name in ("calm", "rough"))
    assert calm.tobytes() == rough.tobytes()

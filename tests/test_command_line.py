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
    names = "Atlas Placement add build compare load_encoder open read_corpus"
    assert sorted(package.__all__) == names.split()
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
    names = "id kind title text x y x_raw y_raw region_1 region_2 region_3 region_4 neighbour_recall_10 vector"
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
        assert list(rows[0])[:3] == ["id", "embedding", "model"]
        assert len(rows[0]["embedding"]) == 384
    about = json.loads((tmp_path / f"rows.{form}.metadata.json").read_text(encoding="utf-8"))
    assert (about["model_name"], about["embedding_dim"], about["num_texts"]) == ("all-MiniLM-L6-v2", 384, 684)
    assert about["processing_time"] > 0


def test_two_models_in_one_run_and_one_changed_article_embeds_one_text(
    knowscape: Run, tmp_path: Path, small_model: Path
) -> None:
    rows = [
        {"id": str(n), "text": f"Star {n} shines.", "paper_id": f"p{n // 3}", "paragraph_index": n % 3}
        for n in range(40)
    ]
    corpus, atlas = tmp_path / "stars.jsonl", tmp_path / "stars.atlas"
    corpus.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    models = ["--model", "all-MiniLM-L6-v2", "--model", small_model]
    done = knowscape("embed", corpus, "-o", atlas, *models, "--json")
    assert done.returncode == 0, done.stderr
    assert [found["computed"] for found in json.loads(done.stdout)["models"].values()] == [40, 40]
    opened = package.open(atlas)
    assert opened.vectors().shape == (40, 384)
    assert opened.vectors("small").shape == (40, 32)
    rows[7]["text"] = "Star 7 has gone out."
    corpus.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = knowscape("embed", corpus, "-o", atlas, *models, "--json")
    assert [found["computed"] for found in json.loads(done.stdout)["models"].values()] == [1, 1]
    done = knowscape("export", atlas, "--format", "jsonl", "--model", "small", "-o", tmp_path / "small.jsonl")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "small.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {name: lines[4][name] for name in ("id", "model", "paper_id", "paragraph_index")} == {
        "id": "4", "model": "small", "paper_id": "p1", "paragraph_index": 1
    }  # fmt: skip
    np.testing.assert_allclose(lines[4]["embedding"], package.open(atlas).vectors("small")[4], rtol=1e-6)


def test_a_second_atlas_on_the_same_articles_embeds_none(knowscape: Run, tmp_path: Path) -> None:
    corpus = tmp_path / "stars.jsonl"
    corpus.write_text("\n".join(json.dumps({"id": str(n), "text": f"Star {n} shines."}) for n in range(40)))
    environment = {**os.environ, "KNOWSCAPE_CACHE_GB": "1", "KNOWSCAPE_VECTORS": str(tmp_path / "cache")}
    counts = []
    for name in ("one", "two"):
        done = knowscape("embed", corpus, "-o", tmp_path / name, "--json", env=environment)
        found = json.loads(done.stdout)["models"]["all-MiniLM-L6-v2"]
        counts.append((found["computed"], found["cached"]))
    assert counts == [(40, 0), (0, 40)]
    assert json.loads(knowscape("cache", "info", "--json", env=environment).stdout)["files"] == 1
    assert json.loads(knowscape("cache", "clear", "--json", env=environment).stdout)["removed"]["files"] == 1
    assert package.open(tmp_path / "two").check(full=True) == []


def test_bench_says_where_the_time_goes_and_what_a_corpus_will_take(knowscape: Run, small_model: Path) -> None:
    done = knowscape("bench", "--model", small_model, "--documents", 1000, "--batch-tokens", 256, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["best"] == 256
    assert min(found["rates"]["256"], found["tokenise"], found["write"], found["tokens_per_text"]) > 0
    assert 0 <= found["forecast"]["low"] <= found["forecast"]["seconds"] <= found["forecast"]["high"]
    assert {(each["texts"], each["machines"]) for each in found["cluster"]} >= {(250_000, 1), (10**9, 1000)}


def test_bench_forecasts_so_many_machines_at_a_price(knowscape: Run, small_model: Path) -> None:
    command = ("bench", "--model", small_model, "--batch-tokens", 256, "--machines", 3, "--price", 2)
    done = knowscape(*command)
    assert done.returncode == 0, done.stderr
    assert "3 machines" in done.stdout
    assert "1,000 machines" not in done.stdout
    assert len([line for line in done.stdout.splitlines() if ", costs " in line]) == 4


def test_models_are_listed_and_recommended(knowscape: Run) -> None:
    listed = knowscape("models")
    assert listed.returncode == 0
    assert "bge-small-en-v1.5" in listed.stdout
    done = knowscape("models", "--for", "scientific text, CPU, 250k documents", "--json")
    found = json.loads(done.stdout)
    assert found["documents"] == 250_000
    assert all(model["seconds"] > 0 and model["bytes"] > 0 and model["why"] for model in found["models"])


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
    rows = [{"id": str(n), "text": " ".join(words[n % len(words)] * (1 + n % 3)) + f" {n}"} for n in range(2000)]
    corpus = tmp_path / "texts.jsonl"
    corpus.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert knowscape("embed", corpus, "-o", tmp_path / "calm.atlas").returncode == 0
    chance = random.Random(7)
    command = [*COMMAND, "embed", str(corpus), "-o", str(tmp_path / "rough.atlas")]
    for _ in range(3):
        process = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0.3, 5))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert knowscape("embed", corpus, "-o", tmp_path / "rough.atlas").returncode == 0
    calm, rough = (package.open(tmp_path / f"{name}.atlas").vectors() for name in ("calm", "rough"))
    assert calm.tobytes() == rough.tobytes()

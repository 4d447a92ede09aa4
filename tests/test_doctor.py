"""The doctor says what there is, and names the fault of a model whose vectors are wrong."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Run
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.load import load_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.weights import cache_folder, fetch_weights
from knowscape.evaluate.doctor import examine
from knowscape.evaluate.machine import machine
from knowscape.evaluate.self_test import self_test

Vectors = NDArray[np.float32]
RIGHT: dict[str, Any] = {
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
    "modules.json": [{"type": f"models.{name}"} for name in ("Transformer", "Pooling", "Normalize")],
    "sentence_bert_config.json": {"max_seq_length": 256},
    "config_sentence_transformers.json": {"prompts": {}},
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


def model(folder: Path, **changed: Any) -> Path:
    """Copy the real weights beside configuration files that are right but for the ones given, `_` standing for `/`."""
    shutil.copytree(fetch_weights(entry(DEFAULT_MODEL)), folder)
    (folder / "1_Pooling").mkdir()
    for name, content in RIGHT.items():
        key = name.removesuffix(".json").replace("/", "_")
        (folder / name).write_text(json.dumps(changed.get(key, content)))
    return folder


def faults(encoder: Encoder, folder: Path | None = None) -> dict[str, str]:
    return {check.fault: check.detail for check in self_test(encoder, folder) if check.fault is not None}


def test_the_real_weights_are_healthy(knowscape: Run) -> None:
    done = knowscape("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["healthy"] is True
    assert report["error"] is report["diagnosis"] is None
    assert {"python", "platform", "knowscape", "openvino", "numpy", "torch", "sentence-transformers"} <= set(
        report["versions"]
    )
    assert "FP32" in report["machine"]["devices"]["CPU"]["computes_in"]
    assert report["machine"]["cores"] >= report["machine"]["usable_cores"] >= 1
    assert report["machine"]["free_disk_gib"] > 0
    assert (report["model"]["name"], report["model"]["precision"] in {"f32", "bf16"}) == (DEFAULT_MODEL, True)
    names = ["numbers", "repetition", "prompt", "pooling", "normalisation", "cut length", "meaning"]
    assert [check["name"] for check in report["checks"]] == names


def test_a_person_reads_lines(knowscape: Run) -> None:
    done = knowscape("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\npooling                ok: mean\n" in done.stdout
    assert f"\nmodels are kept in     {cache_folder()}, free " in done.stdout


def test_a_cache_that_is_not_there_yet_has_a_place_and_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWSCAPE_CACHE", str(tmp_path / "new" / "cache"))
    found = machine()
    assert (found["cache"], found["free_disk_gib"] > 0) == (str(tmp_path / "new" / "cache"), True)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_loaded_is_in_the_report(knowscape: Run) -> None:
    done = knowscape("doctor", "--model", "nope", "--json")
    assert done.returncode == 2
    assert "no model 'nope'" in json.loads(done.stdout)["error"]
    assert "FAULT                  There is no model 'nope'" in knowscape("doctor", "--model", "nope").stdout


def test_a_folder_without_data_is_refused_before_any_work(knowscape: Run, tmp_path: Path) -> None:
    done = knowscape("doctor", "--data", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "sts/stsb-en-test.csv" in done.stderr


def test_a_score_that_is_off_fails_and_is_looked_into(knowscape: Run, tmp_path: Path) -> None:
    """Three pairs cannot give the published score under any setting."""
    (tmp_path / "sts").mkdir()
    (tmp_path / "sts" / "stsb-en-test.csv").write_text("The sun,A star,1\nA cell,A river,3\nA map,A chart,2\n")
    done = knowscape("doctor", "--data", tmp_path, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["healthy"]) == (1, False)
    (score,) = report["scores"]
    assert (score["task"], score["ok"], score["published"]) == ("STS-B en", False, 0.82032)
    assert list(report["diagnosis"]["tried"]) == ["pooling by cls"]
    assert report["diagnosis"]["verdict"].startswith("No single change")


def test_a_folder_that_says_what_the_catalogue_says_is_healthy(tmp_path: Path) -> None:
    report = examine(str(model(tmp_path / "mine")))
    assert (report.exit_code, [check.fault for check in report.checks]) == (0, [None] * 7)


@pytest.mark.parametrize(
    ("changed", "fault", "says"),
    [
        ({"1_Pooling_config": {"pooling_mode_cls_token": True}}, "wrong pooling", "pools by mean; in use is cls"),
        ({"modules": RIGHT["modules.json"][:2]}, "no normalisation", "length one; here they have"),
        ({"sentence_bert_config": {"max_seq_length": 128}}, "wrong cut length", "in use are 128: texts are cut early"),
        ({"sentence_bert_config": {}}, "wrong cut length", "in use are 512: more is read than"),
        (
            {"config_sentence_transformers": {"prompts": {"query": "query: "}}},
            "wrong prompt",
            "has no such prompt for queries as 'query: '",
        ),
        (
            {"config_sentence_transformers": {"prompts": {"s2p": "search: "}}},
            "missing prompt",
            "has the prompts s2p; none of them is in use",
        ),
    ],
)
def test_a_wrong_folder_is_named_by_its_one_fault(
    tmp_path: Path, changed: dict[str, Any], fault: str, says: str
) -> None:
    report = examine(str(model(tmp_path / "mine", **changed)))
    found = {check.fault: check.detail for check in report.checks if check.fault is not None}
    assert (report.exit_code, list(found)) == (1, [fault])
    assert says in found[fault]


@pytest.mark.parametrize(
    ("fields", "fault", "says"),
    [
        ({"pooling": "cls"}, "wrong pooling", "mine pools by mean; in use is cls"),
        ({"normalised": False}, "no normalisation", "mine gives vectors of length one"),
        ({"max_tokens": 128}, "wrong cut length", "mine reads 256 tokens; in use are 128"),
    ],
)
def test_the_folder_is_believed_where_the_catalogue_does_not_know_the_weights(
    tmp_path: Path, encoder: Encoder, fields: dict[str, Any], fault: str, says: str
) -> None:
    spec = replace(encoder.spec, name="mine", weights_sha256="", **fields)
    found = faults(Bent(encoder, spec), model(tmp_path / "mine"))
    assert says in found[fault]


class Bent:
    """The real encoder under another spec, with something done to its vectors."""

    def __init__(self, real: Encoder, spec: EncoderSpec, bend: Callable[[Vectors], Vectors] = lambda v: v) -> None:
        self.real, self.spec, self.bend = real, spec, bend

    def encode_documents(self, texts: list[str]) -> Vectors:
        return self.bend(self.real.encode_documents(texts))

    encode_queries = encode_documents


def unknown(encoder: Encoder, **fields: Any) -> EncoderSpec:
    """The spec under a name and weights that the catalogue does not have, so that only the vectors speak."""
    return replace(encoder.spec, name="mine", weights_sha256="", **fields)


@pytest.mark.parametrize(
    ("fields", "bend", "fault"),
    [
        ({}, lambda v: v * np.nan, "NaN"),
        ({}, lambda v: v * 2, "no normalisation"),
        ({}, lambda v: np.roll(v, 1, axis=0), "no meaning"),
        ({"query_prompt": "query: "}, lambda v: v, "prompt ignored"),
        ({"max_tokens": 100}, lambda v: v, "wrong cut length"),
        ({"max_tokens": 300}, lambda v: v, "wrong cut length"),
    ],
)
def test_what_the_vectors_show_is_named(
    encoder: Encoder, fields: dict[str, Any], bend: Callable[[Vectors], Vectors], fault: str
) -> None:
    assert faults(Bent(encoder, unknown(encoder))) == {}
    assert list(faults(Bent(encoder, unknown(encoder, **fields), bend))) == [fault]


def test_an_encoder_that_gives_other_bytes_each_time_is_named(encoder: Encoder) -> None:
    random = np.random.default_rng(0)
    noisy = Bent(encoder, unknown(encoder), lambda v: v + random.normal(0, 1e-6, v.shape).astype(np.float32))
    assert "not repeatable" in faults(noisy)


def test_the_rounding_of_bf16_is_no_fault(encoder: Encoder) -> None:
    """There, rows of one batch with the same tokens differ by 0.002 of the largest component."""

    def rounded(vectors: Vectors) -> Vectors:
        rows, columns = np.indices(vectors.shape)
        near = vectors * (1 + 0.002 * np.sin(rows + columns))
        return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)

    assert faults(Bent(encoder, unknown(encoder), rounded)) == {}

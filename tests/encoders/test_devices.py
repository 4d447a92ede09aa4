"""Which engine and device a model gets.  The GPUs are pretended: what is tested is the choice."""

from pathlib import Path
from typing import Any

import pytest

from knowscape.encoders import devices, load
from knowscape.encoders.load import EngineOptions, find_model, start_encoder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Note engine and device instead of loading."""
    found: list[tuple[str, str]] = []

    def note(engine: str, spec: Any, folder: Path, options: EngineOptions) -> None:
        found.append((engine, options.device))

    monkeypatch.setattr(load, "_start", note)
    return found


@pytest.mark.parametrize(
    ("there", "device", "expected"),
    [
        ([], "auto", ("native", "auto")),
        (["cuda:0", "cuda:1"], "auto", ("transformer", "auto")),
        (["cuda:0"], "cpu", ("native", "cpu")),
        (["cuda:0"], "cuda:0", ("transformer", "cuda:0")),
        (["mps"], "auto", ("transformer", "auto")),
    ],
)
def test_a_gpu_gets_the_engine_through_torch(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, started: list[Any], there: list[str], device: str, expected: Any
) -> None:
    monkeypatch.setattr(load, "gpus", lambda asked: [] if asked == "cpu" else there)
    start_encoder(*find_model(str(small_model)), EngineOptions(device))
    assert started == [expected]


def test_a_model_with_too_large_a_tensor_for_apples_gpus_runs_on_the_cpu(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, started: list[Any]
) -> None:
    monkeypatch.setattr(load, "gpus", lambda asked: ["mps"])
    monkeypatch.setattr(load, "_LARGEST_MPS_TENSOR", 30522 * 32 - 1)
    start_encoder(*find_model(str(small_model)), EngineOptions("mps"))
    assert started == [("transformer", "cpu")]


def test_gpus_are_those_that_this_process_may_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
    monkeypatch.setattr(devices, "_NVIDIA", tmp_path)
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.gpus("auto") == devices.gpus("cuda") == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert (devices.gpus("cuda:2"), devices.gpus("cpu"), devices.gpus("mps")) == (["cuda:2"], [], ["mps"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    assert devices.gpus("auto") == ["cuda:0", "cuda:1"]
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert devices.gpus("auto") == []

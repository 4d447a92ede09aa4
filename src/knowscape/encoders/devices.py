"""Which devices are there, asked without starting torch."""

import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["cores", "gpus", "has_nvidia"]

_NVIDIA = Path("/proc/driver/nvidia/gpus")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus(device: str) -> list[str]:
    """Return the GPUs that `device` stands for, as torch calls them: all for auto, none for cpu or without torch."""
    if device == "cpu" or find_spec("torch") is None or find_spec("sentence_transformers") is None:
        return []
    if device == "mps" or (device == "auto" and sys.platform == "darwin" and platform.machine() == "arm64"):
        return ["mps"]
    if ":" in device:
        return [device]
    return [f"cuda:{number}" for number in range(_nvidia())]


def has_nvidia(device: str) -> bool:
    """Return whether `device` stands for GPUs of NVIDIA."""
    return any(gpu.startswith("cuda") for gpu in gpus(device))


def _nvidia() -> int:
    """Return how many GPUs of NVIDIA this process may use."""
    there = len(list(_NVIDIA.iterdir())) if _NVIDIA.is_dir() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return there if visible is None else min(there, len([one for one in visible.split(",") if one.strip()]))

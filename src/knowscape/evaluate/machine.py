"""The facts about a machine and an installation that decide what the encoders do there."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from knowscape.encoders.devices import cores, gpus
from knowscape.encoders.processor import describe_devices
from knowscape.encoders.weights import cache_folder

__all__ = ["machine", "versions"]

_PACKAGES = ("knowscape", "openvino", "tokenizers", "numpy", "torch", "sentence-transformers")
_GIB = 2**30


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that make vectors, None for one that is not installed.

    Nothing is imported for it: torch takes seconds.
    """
    found: dict[str, str | None] = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict[str, Any]:
    """Return devices, cores, those this process may use, free memory and disk in GiB, and where models are kept."""
    cache = cache_folder()
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    return {
        "devices": describe_devices(),
        "cores": os.cpu_count(),
        "usable_cores": cores(),
        "gpus": gpus("auto"),
        "free_memory_gib": _free_memory(),
        "cache": str(cache),
        "free_disk_gib": round(shutil.disk_usage(there).free / _GIB, 1),
    }


def _free_memory() -> float | None:
    """Return what Linux says programs can have without swapping; None elsewhere."""
    path = Path("/proc/meminfo")
    if not path.is_file():
        return None
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return round(int(line.split()[1]) * 1024 / _GIB, 1)
    return None

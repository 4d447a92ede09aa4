"""A merge of 250,000 vectors: in bounded memory, whatever the size of the parts together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CODE = """
import json, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from merge import WAYS
start = time.perf_counter()
WAYS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[3]) / sys.argv[2], int(sys.argv[4]), int(sys.argv[5]))
seconds = time.perf_counter() - start
used = [resource.getrusage(who).ru_maxrss / 1e3 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([seconds, *used]))
"""
PARTS, ROWS, DIMENSION = 16, 15_625, 1024
MEGABYTES = 500


def merged(way: str, folder: Path, rows: int) -> tuple[float, float, float]:
    """Return seconds, and the peak of the memory in MB of the merge and of the largest of its children."""
    arguments = [str(BENCHMARKS), way, str(folder), str(rows), str(DIMENSION)]
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, own, child = json.loads(done.stdout)
    return seconds, own, child


def made(folder: Path, parts: int, rows: int) -> Path:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from merge import make;"
    code += f"make(Path(sys.argv[2]), {parts}, {rows}, {DIMENSION})"
    subprocess.run([sys.executable, "-c", code, str(BENCHMARKS), str(folder)], check=True)
    return folder


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["links", "checkpoints"])
def test_16_parts_of_15625_vectors_are_merged_in_500_megabytes(tmp_path: Path, way: str) -> None:
    seconds, own, child = merged(way, made(tmp_path, PARTS, ROWS), PARTS * ROWS)
    print(f"{way}: {seconds:.1f} s, {own:.0f} MB, and {child:.0f} MB in the largest child")
    assert own < MEGABYTES


def test_memory_does_not_grow_with_the_parts(tmp_path: Path) -> None:
    """Two parts of 10 MB, and two of 41 MB: no part is ever in memory as a whole."""
    _, small, _ = merged("links", made(tmp_path / "small", 2, 2_500), 5_000)
    _, large, _ = merged("links", made(tmp_path / "large", 2, 10_000), 20_000)
    assert large - small < 60

"""A process that reads hostile files one after the other, and says of each in a line of JSON what came of it.

Arguments: the limit of its memory in bytes, and a file with a JSON list of [name, path].
"""

import json
import resource
import sys
import time
from pathlib import Path

from knowscape.atlas import open_atlas
from knowscape.corpus.readers import read_corpus
from knowscape.errors import DamageError, KnowscapeError
from knowscape.quiz.questions import read_questions

EVENTS = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
    "socket.connect",
    "ctypes.dlopen",
    "shutil.rmtree",
}


def read(name: str, path: Path) -> object:
    """Read as the product does and return what it counts."""
    kind = name.split("-", maxsplit=1)[0]
    if kind == "questions":
        return len(read_questions(path))
    if kind != "atlas":
        corpus = read_corpus(path)
        shown = {
            "titles": corpus.titles[:9],
            "urls": corpus.urls[:9],
            "texts": [text[:99] for text in corpus.texts[:9]],
        }
        list(corpus)
        return {**corpus.report.to_json(), **shown}
    atlas = open_atlas(path)
    if faults := atlas.check(full=True):
        raise DamageError(" ".join(map(str, faults)))  # `knowscape check` ends with the same code
    return [len(atlas.corpus), len(atlas.questions), atlas.vectors().shape]


def peak() -> int:
    """Return the most memory that this process held since it was asked before."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main(limit: int, files: list[tuple[str, str]]) -> None:
    seen: list[str] = []
    sys.addaudithook(lambda event, _: seen.append(event) if event in EVENTS else None)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, path in files:
        peak()
        seen.clear()
        start, result = time.monotonic(), {"name": name}
        try:
            result |= {"code": 0, "said": read(name, Path(path))}
        except KnowscapeError as error:
            result |= {"code": error.exit_code, "said": str(error)}
        except BaseException as error:  # noqa: BLE001 - what must not happen is to be told
            result |= {"code": -1, "said": f"{type(error).__name__}: {error}"[:500]}
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        result |= {"seconds": time.monotonic() - start, "peak": peak(), "children": children, "events": list(seen)}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))

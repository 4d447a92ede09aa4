"""A process that has imported everything, and runs the real command line in a fork of itself, again and again.

Standard input: one JSON object a line, with `arguments`, `said` (the file for all output), `stopped`, with which the
fork stops itself before it begins, until it is told to go on, and what `limit` takes.  Standard output: the fork's
process id, and when it has ended its exit code.  In a fork slices are of 16 texts, each is committed, every commit that
returned is told on standard output, and the layout makes five steps.  Nothing else is different from `knowscape`.
"""

import ctypes
import itertools
import json
import os
import resource
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import faiss
import openTSNE
import pyarrow as pa
import pyarrow.parquet
import safetensors.numpy
import scipy.fft
import scipy.sparse
import sklearn.cluster
import sklearn.feature_extraction.text
import tokenizers

import knowscape.build
import knowscape.cli
import knowscape.cli.commands
from knowscape.build import MapOptions
from knowscape.embed.run import Commits
from knowscape.encoders import static
from knowscape.maps.layout import LayoutOptions
from knowscape.store.manifest import PartWriter
from knowscape.store.parts import Part

SLICE = 16


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def make_units_small() -> None:
    knowscape.build.slice_rows = lambda *_, **__: SLICE
    options = knowscape.cli.commands.embedding

    def small(*chosen: Any) -> Any:
        return replace(options(*chosen), commits=Commits(rows=SLICE))

    knowscape.cli.commands.embedding = small
    few = MapOptions(LayoutOptions(early_iterations=2, iterations=3))
    knowscape.cli.commands._options = lambda *_, **__: few


def tell_what_is_done(order: dict[str, Any]) -> None:
    """Tell of each commit that returned, and of each text that is computed, which takes `pause` seconds.

    With `leak` the first commit takes all file handles with it.
    """
    pause = order.get("pause", 0)
    commit, encode = PartWriter._commit, static.StaticEncoder._encode

    def told(self: PartWriter, table: pa.Table, about: Any, *, keep: bool) -> Part:
        part = commit(self, table, about, keep=keep)
        tell("committed", self._parts.folder, part.file)
        if "leak" in order:
            with suppress(OSError):
                while os.open(os.devnull, os.O_RDONLY):
                    pass
        return part

    def counted(self: static.StaticEncoder, texts: list[str], prompt: str) -> Any:
        time.sleep(pause * len(texts))
        vectors = encode(self, texts, prompt)
        for text in texts:
            tell("computed", text.split()[0])
        return vectors

    PartWriter._commit = told  # type: ignore[method-assign]
    static.StaticEncoder._encode = counted  # type: ignore[method-assign]


def limit(order: dict[str, Any]) -> None:
    """Allow no more than `bytes` in a file, a clock that jumps by `jump` s."""
    if "bytes" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["bytes"], order["bytes"]))
    if "jump" in order:
        signs, now = itertools.cycle((1, -1)), time.time
        time.time = lambda: now() + next(signs) * order["jump"]
    if "powerless" in order:
        # Root without its powers: an owner among others.
        head, data = struct.pack("Ii", 0x20080522, 0), bytes(24)
        assert ctypes.CDLL(None).capset(head, data) == 0


def run(order: dict[str, Any]) -> None:
    os.setsid()
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    tell_what_is_done(order)
    sys.argv = ["knowscape", *order["arguments"]]
    if order["stopped"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    limit(order)
    code = 0
    try:
        knowscape.cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - what the interpreter itself does with it
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    os._exit(code)


def main() -> None:
    make_units_small()
    assert all(
        (faiss, openTSNE, sklearn.cluster, scipy.fft, pyarrow.parquet, safetensors.numpy, scipy.sparse, tokenizers)
    )
    tell("ready")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            run(order)
        tell(child)
        _, status = os.waitpid(child, 0)
        tell(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()

"""A process that has imported everything, and runs the real command line in a fork of itself, again and again.

Standard input: one JSON object a line, with `arguments`, `said` (the file for all output), and `stopped`, with which
the fork stops itself before it begins, until it is told to go on.  Standard output: the fork's process id, and when it
has ended its exit code.  In a fork slices are of 16 texts, each is committed, and every commit that returned is told on
standard output; the layout makes five steps.  Nothing else is different from `knowscape`.
"""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from functools import partial
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
import knowscape.embed.run as embed_run
import knowscape.encoders.static as static
from knowscape.build import MapOptions
from knowscape.embed.run import Commits
from knowscape.maps.layout import LayoutOptions
from knowscape.store.manifest import Part, PartWriter

SLICE = 16


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def make_units_small() -> None:
    embed_run.plan_slices = partial(embed_run.plan_slices, slice_rows=SLICE)
    options = knowscape.cli.commands._embedding

    def small(*chosen: Any) -> Any:
        return replace(options(*chosen), commits=Commits(rows=SLICE))

    knowscape.cli.commands._embedding = small
    few = MapOptions(LayoutOptions(early_iterations=2, iterations=3))
    knowscape.cli.commands._options = lambda padding, seed: few


def tell_what_is_done(pause: float) -> None:
    """Tell of each commit that returned, and of each text that is computed, which takes `pause` seconds."""
    commit, encode = PartWriter._commit, static.StaticEncoder._encode

    def told(self: PartWriter, table: pa.Table, about: Any, *, keep: bool) -> Part:
        part = commit(self, table, about, keep=keep)
        tell("committed", self._parts.folder, part.file)
        return part

    def counted(self: static.StaticEncoder, texts: list[str], prompt: str) -> Any:
        time.sleep(pause * len(texts))
        vectors = encode(self, texts, prompt)
        for text in texts:
            tell("computed", text.split()[0])
        return vectors

    PartWriter._commit = told  # type: ignore[method-assign]
    static.StaticEncoder._encode = counted  # type: ignore[method-assign]


def run(order: dict[str, Any]) -> None:
    os.setsid()
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    tell_what_is_done(order.get("pause", 0))
    sys.argv = ["knowscape", *order["arguments"]]
    if order["stopped"]:
        os.kill(os.getpid(), signal.SIGSTOP)
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
    assert all((faiss, openTSNE, sklearn.cluster, scipy.fft, pyarrow.parquet, safetensors.numpy, scipy.sparse, tokenizers))
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

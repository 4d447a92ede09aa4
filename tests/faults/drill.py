"""What the fault drills share: a small world, the real command in it, and what must hold whatever befell it."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

import knowscape
from knowscape.store.atlas import AtlasFolder
from knowscape.store.vectors import vectors_of

WORDS = [
    f"{a}{b}" for a in ("star", "cell", "map", "river", "law", "song") for b in ("s", "y", "let", "ing", "er", "dom")
]
# What `check` says of an atlas that is not finished, and of nothing that is damaged.
UNFINISHED = ("have no vector of", "has no map", "is older than the corpus", "holds no corpus")


def make_model(folder: Path, seed: int = 0, dimension: int = 24) -> Path:
    """Save a static model with random vectors for a few words."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(["[UNK]", *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(seed).normal(size=(len(WORDS) + 1, dimension)).astype(np.float32)
    save_file({"embedding.weight": table}, folder / "model.safetensors")
    return folder


def make_corpus(folder: Path, count: int) -> tuple[Path, Path]:
    """Write so many articles, each beginning with a word of its own, and four questions."""
    chance, texts, questions = random.Random(7), folder / "texts.jsonl", folder / "questions.json"
    rows = [
        {"id": str(n), "title": f"T{n}", "text": f"n{n} " + " ".join(chance.choices(WORDS, k=8))} for n in range(count)
    ]
    texts.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = [
        {"id": f"q{n}", "question": f"What is {WORDS[n]}?", "options": [WORDS[n], "nothing"], "correctIndex": 0}
        for n in range(4)
    ]
    questions.write_text(json.dumps(asked), encoding="utf-8")
    return texts, questions


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it said: the parts that were committed, by folder, and the texts computed."""

    code: int
    said: str

    @property
    def committed(self) -> list[tuple[Path, str]]:
        lines = [line.split(" ") for line in self.said.splitlines() if line.startswith("committed ")]
        return [(Path(folder), part) for _, folder, part in lines]

    @property
    def computed(self) -> list[str]:
        return [line.split()[1] for line in self.said.splitlines() if line.startswith("computed ")]


class Zygote:
    """Runs commands without Python's start; one at a time."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "KNOWSCAPE_CACHE_GB": "0"}
        self._said = folder / "said"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._line() == "ready"

    def _line(self) -> str:
        pipe = self._process.stdout
        assert pipe is not None
        return pipe.readline().strip()

    def start(self, *arguments: object, stopped: bool = False, **order: float) -> int:
        """Begin a command and return its process id, which is its group's too; `order` is as the zygote takes it."""
        order |= {"arguments": [*map(str, arguments)], "said": str(self._said), "stopped": stopped}  # type: ignore[dict-item]
        self._said.write_text("")
        pipe: IO[str] | Any = self._process.stdin
        pipe.write(json.dumps(order) + "\n")
        pipe.flush()
        child = int(self._line())
        while stopped and _state(child) != "T":
            time.sleep(0.001)
        return child

    def end(self) -> Run:
        """Wait for the command to end."""
        code = int(self._line())
        return Run(code, self._said.read_text(errors="replace"))

    def __call__(self, *arguments: object, **order: float) -> Run:
        self.start(*arguments, **order)
        return self.end()

    def close(self) -> None:
        """End it; a fork that is still there goes too."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(10)


def _state(process: int) -> str:
    """Return the letter of a process's state; T is stopped."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


class World:
    """A corpus, a model, and the atlas that an undisturbed run makes of them."""

    def __init__(self, folder: Path, count: int = 60, command: str = "build") -> None:
        self.folder, self.zygote = folder, Zygote(folder)
        texts, questions = make_corpus(folder, count)
        options = ["-q", questions] if command == "build" else []
        self._command = [command, texts, *options, "--model", make_model(folder / "tiny"), "--no-cache", "--json", "-o"]
        self.calm = folder / "calm.atlas"
        done = self.zygote(*self.command(self.calm))
        assert done.code == 0, done.said
        self._vectors = rows(self.calm)

    def command(self, atlas: Path) -> list[object]:
        return [*self._command, atlas]

    def holds(self, atlas: Path, committed: list[tuple[Path, str]]) -> None:
        """Assert that the atlas opens, that what it tells is true, and that everything committed is there."""
        if (atlas / "atlas.json").exists():
            faults = knowscape.open(atlas).check(full=True)
            assert all(any(end in str(fault) for end in UNFINISHED) for fault in faults), faults
        elif committed:
            raise AssertionError("parts were committed, and there is no atlas")
        there = {store.parts.folder: {part.file for part in store.parts.parts()} for store in stores(atlas)}
        for folder, part in committed:
            if folder in there:
                assert part in there[folder], f"{folder / part} was committed and is gone"
            elif folder.name == "corpus":
                assert AtlasFolder(atlas).corpus.rows() == AtlasFolder(self.calm).corpus.rows()
        for key, vector in rows(atlas).items():
            assert self._vectors[key] == vector, f"{key} has another vector"

    def completes(self, atlas: Path) -> Run:
        """Assert that the same command completes the atlas to the bytes of the undisturbed one."""
        done = self.zygote(*self.command(atlas))
        assert done.code == 0, done.said
        self.is_whole(atlas)
        return done

    def is_whole(self, atlas: Path) -> None:
        """Assert that the atlas is the undisturbed one, byte for byte in its vectors, and without a fault."""
        calm, again = knowscape.open(self.calm), knowscape.open(atlas)
        assert again.vectors().tobytes() == calm.vectors().tobytes()
        assert rows(atlas) == self._vectors
        assert again.check(full=True) == []

    def close(self) -> None:
        self.zygote.close()


def stores(atlas: Path) -> list[Any]:
    return AtlasFolder(atlas).vector_stores() if atlas.is_dir() else []


def rows(atlas: Path) -> dict[tuple[str, str], bytes]:
    """Return every vector that is there, by its room and its text's digest; none is there twice."""
    found: dict[tuple[str, str], bytes] = {}
    for store in stores(atlas):
        table = store.parts.read()
        if table is not None:
            vectors = vectors_of(table)
            room = store.parts.folder.parent.name
            digests = table["text_digest"].to_pylist()
            assert len(digests) == len(set(digests)), f"{store.parts.folder} has a text twice"
            found.update({(room, digest): row.tobytes() for digest, row in zip(digests, vectors, strict=True)})
    return found


def world(folder: Path, **options: Any) -> Iterator[World]:
    """Yield a world for a fixture."""
    made = World(folder, **options)
    try:
        yield made
    finally:
        made.close()

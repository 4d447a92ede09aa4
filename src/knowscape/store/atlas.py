"""Where things lie in an atlas folder, and which format it has."""

import re
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError, KnowscapeError, UsageError
from knowscape.files import foreign_entries, read_json, write_json
from knowscape.store.manifest import FORMAT, PartFolder
from knowscape.store.vectors import VectorStore

__all__ = ["AtlasFolder"]

_LONGEST_NAME = 150


class AtlasFolder:
    """The folder of one atlas; every path inside it is made here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.corpus = PartFolder(path / "corpus")

    @classmethod
    def create(cls, path: Path) -> "AtlasFolder":
        """Return the atlas at `path`, made where there is none; UsageError where something else is there."""
        folder = cls(path)
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file. Name a folder for the atlas, for example: -o wiki.atlas")
        if not (path / "atlas.json").exists():
            if path.is_dir() and any(not name.name.startswith(".") for name in path.iterdir()):
                raise UsageError(f"{path} is a folder that is not an atlas and not empty. Name another with -o.")
            folder.update({"format": FORMAT})
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> "AtlasFolder":
        """Return the atlas at `path`; UsageError where there is none, KnowscapeError where it is too new.

        DamageError where something in it leads elsewhere: an atlas may come from anybody, and is written to.
        """
        folder = cls(path)
        if not (path / "atlas.json").is_file():
            raise UsageError(f"There is no atlas at {path}. Make one with: knowscape build CORPUS -o {path}")
        _refuse_foreign(path)
        if folder.info()["format"] > FORMAT:
            raise KnowscapeError(
                f"{path} has format {folder.info()['format']}; this version reads up to {FORMAT}. "
                "Update with: pip install -U knowscape"
            )
        return folder

    def info(self) -> dict[str, Any]:
        """Return what `atlas.json` says: format, corpus digest, models, what was built from what."""
        try:
            info = read_json(self.path / "atlas.json")
            if not isinstance(info.get("format"), int):
                raise ValueError("it names no format")
            models = info.get("models", {})
            if not isinstance(models, dict) or not all(isinstance(value, str) for value in models.values()):
                raise ValueError("its models are not names with fingerprints")
            if not isinstance(info.get("model"), str | None):
                raise ValueError("its model is no name")
        except (ValueError, AttributeError, RecursionError) as error:
            raise DamageError(f"{self.path / 'atlas.json'} is damaged: {error}") from error
        return dict(info)

    def update(self, changes: dict[str, Any]) -> None:
        """Change some of `atlas.json`, atomically."""
        path = self.path / "atlas.json"
        write_json(path, {**(self.info() if path.exists() else {}), **changes})

    def vectors(self, name: str, fingerprint: str) -> VectorStore:
        """Return the vectors of the documents under one encoder."""
        return VectorStore(self.path / "vectors" / _folder_name(name, fingerprint))

    def question_vectors(self, name: str, fingerprint: str) -> VectorStore:
        """Return the vectors of the questions under one encoder; a query may be encoded with another prompt."""
        return VectorStore(self.path / "questions" / _folder_name(name, fingerprint))

    def vector_stores(self) -> list[VectorStore]:
        """Return the vectors that are there, of documents and of questions, also those not finished yet."""
        return [VectorStore(path) for name in ("vectors", "questions") for path in _folders(self.path / name)]

    def graphs(self) -> list[PartFolder]:
        """Return the neighbour graphs that are there."""
        return [PartFolder(path) for path in _folders(self.path / "neighbours")]

    def questions(self) -> Path:
        return self.path / "questions" / "questions.json"

    def neighbours(self, name: str, fingerprint: str) -> PartFolder:
        return PartFolder(self.path / "neighbours" / _folder_name(name, fingerprint))

    def map(self, name: str) -> Path:
        return self.path / "maps" / _safe(name)

    def page(self) -> Path:
        return self.path / "page"


def _refuse_foreign(path: Path) -> None:
    """Raise DamageError where a link leaves the atlas, or a pipe or device lies in it."""
    for entry in foreign_entries(path):
        raise DamageError(
            f"{entry} is a link that leaves the atlas, or no file at all. "
            "Remove it, or put in its place what it leads to."
        )


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir()) if path.is_dir() else []


def _safe(name: str) -> str:
    """Return a model's name as one harmless file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_LONGEST_NAME] or "model"


def _folder_name(name: str, fingerprint: str) -> str:
    return f"{_safe(name)}-{_safe(fingerprint[:8])}"

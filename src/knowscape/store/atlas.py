"""Where things lie in an atlas folder, and which format it has."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError, UsageError
from knowscape.files import RemotePath, foreign_entries
from knowscape.store.manifest import PartFolder
from knowscape.store.objects import ObjectPath, find_url
from knowscape.store.parts import damage
from knowscape.store.signed import change_signed, read_signed, write_signed
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
        found = cls.find(path)
        if isinstance(path, ObjectPath):
            path.try_conditions()
        if found is None:
            cls(path).update({})
        return found or cls.open(path)

    @classmethod
    def find(cls, path: Path) -> "AtlasFolder | None":
        """Return the atlas at `path`, None where one can be made; UsageError where something else is there."""
        _refuse_url(path)
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file. Name a folder for the atlas, for example: -o wiki.atlas")
        if (path / "atlas.json").exists():
            return cls.open(path)
        if path.is_dir() and any(not name.name.startswith(".") for name in path.iterdir()):
            raise UsageError(f"{path} is a folder that is not an atlas and not empty. Name another with -o.")
        return None

    @classmethod
    def open(cls, path: Path) -> "AtlasFolder":
        """Return the atlas at `path`; UsageError where there is none, KnowscapeError where it is too new.

        DamageError where something in it leads elsewhere: an atlas may come from anybody, and is written to.
        """
        _refuse_url(path)
        folder = cls(path)
        if not (path / "atlas.json").is_file():
            make = "embed" if isinstance(path, RemotePath) else "build"
            raise UsageError(f"There is no atlas at {path}. Make one with: knowscape {make} CORPUS -o {path}")
        _refuse_foreign(path)
        folder.info()
        return folder

    @classmethod
    def open_damaged(cls, path: Path) -> "AtlasFolder":
        """Return the atlas at `path` also where its `atlas.json` is damaged or missing; UsageError where none is."""
        rooms = any((path / name).is_dir() for name in ("corpus", "vectors"))
        return cls(path) if rooms or (path / "atlas.json").exists() else cls.open(path)

    def info(self) -> dict[str, Any]:
        """Return what `atlas.json` says: format, corpus digest, models, what was built from what."""
        return self._plain(read_signed(self.path / "atlas.json"))

    def _plain(self, info: dict[str, Any]) -> dict[str, Any]:
        path, models = self.path / "atlas.json", info.get("models", {})
        if not isinstance(models, dict) or not all(isinstance(value, str) for value in models.values()):
            raise DamageError(damage(path, "is damaged: its models are not names with fingerprints"))
        if not isinstance(info.get("model"), str | None):
            raise DamageError(damage(path, "is damaged: its model is no name"))
        return info

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change some of `atlas.json`, atomically; of a mapping in it the entries that `changes` has."""

        def changed(info: dict[str, Any]) -> dict[str, Any]:
            before = self._plain(info)
            merged = {key: {**before.get(key, {}), **new} for key, new in changes.items() if isinstance(new, Mapping)}
            return {**before, **changes, **merged}

        change_signed(self.path / "atlas.json", changed)

    def renew(self, info: Mapping[str, Any]) -> None:
        """Write `atlas.json` anew, whatever was there."""
        write_signed(self.path / "atlas.json", info)

    def vectors(self, name: str, fingerprint: str) -> VectorStore:
        """Return the vectors of the documents under one encoder."""
        return VectorStore(self.path / "vectors" / _folder_name(name, fingerprint))

    def question_vectors(self, name: str, fingerprint: str) -> VectorStore:
        """Return the vectors of the questions under one encoder; a query may be encoded with another prompt."""
        return VectorStore(self.path / "questions" / _folder_name(name, fingerprint))

    def passage_vectors(self, name: str, fingerprint: str) -> VectorStore:
        """Return the vectors of the passages of long documents under one encoder."""
        return VectorStore(self.path / "passages" / _folder_name(name, fingerprint))

    def vector_stores(self) -> list[VectorStore]:
        """Return the vectors that are there, of documents, questions and passages, also those not finished yet."""
        return [
            VectorStore(path) for name in ("vectors", "questions", "passages") for path in _folders(self.path / name)
        ]

    def graphs(self) -> list[PartFolder]:
        """Return the neighbour graphs that are there."""
        return [PartFolder(path) for path in _folders(self.path / "neighbours")]

    def maps(self) -> list[Path]:
        """Return the folders of the maps that are there."""
        return _folders(self.path / "maps")

    def questions(self) -> Path:
        return self.path / "questions" / "questions.json"

    def neighbours(self, name: str, fingerprint: str) -> PartFolder:
        return PartFolder(self.path / "neighbours" / _folder_name(name, fingerprint))

    def map(self, name: str) -> Path:
        return self.path / "maps" / _safe(name)

    def page(self) -> Path:
        return self.path / "page"

    def search(self) -> Path:
        return self.path / "search"


def _refuse_url(path: Path) -> None:
    """Raise UsageError where the command can do nothing with a URL, which came to it as a path."""
    url = find_url(path)
    if url is not None and not isinstance(path, RemotePath):
        raise UsageError(
            f"{url} is in an object store, where only embed, check and pull work. Bring it here: knowscape pull {url} "
            f"{url.rpartition('/')[2]}"
        )


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

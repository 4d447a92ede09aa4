"""What there is to fetch: of an atlas, of a folder of vectors, of a folder of checkpoints.

An index is a small file that names others with their digests.  All that an atlas holds is named by one, so nothing is
fetched that cannot be compared.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowscape.errors import DamageError, UsageError
from knowscape.quiz.questions import stored_questions
from knowscape.search.generations import Generations
from knowscape.store.atlas import AtlasFolder
from knowscape.store.manifest import PartFolder
from knowscape.store.parts import Part, damage
from knowscape.store.signed import read_signed
from knowscape.store.vectors import VectorStore

__all__ = ["ATLAS", "CHECKPOINTS", "VECTORS", "Wanted", "contents", "index_names", "kind_of", "manifest_number"]

ATLAS, VECTORS, CHECKPOINTS = "atlas", "vectors", "checkpoints"
_FOLDER = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_MANIFEST = re.compile(r"(?:.*/)?manifest-(\d{1,18})\.json")
_INDEX = {
    ATLAS: re.compile(
        r"atlas\.json|questions/questions\.json|page/files\.json|search/current\.json|search/g-\d+/index\.json"
        rf"|corpus/manifest-\d+\.json|maps/{_FOLDER}/map\.json"
        rf"|(?:vectors|questions|passages|neighbours)/{_FOLDER}/(?:manifest-\d+|quarantine)\.json"
    ),
    VECTORS: re.compile(r"manifest-\d+\.json|quarantine\.json"),
    CHECKPOINTS: re.compile(r"(?i:[^/.][^/]*\.(?:pkl|pickle))"),
}
_FILE = re.compile(r"(?:(?!\.{1,2}/)[A-Za-z0-9._@+-]+/)*(?!\.{1,2}$)[A-Za-z0-9._@+-]+")
_DIGEST = re.compile(r"(?:blake3|sha256):[0-9a-f]{64}")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """The content of one file or of several: its digest, its length where that is known, and the names it goes by."""

    digest: str
    bytes: int | None
    names: tuple[str, ...]


def kind_of(names: Collection[str]) -> str | None:
    """Return what a folder with these files is, None where it is nothing that can be merged."""
    if "atlas.json" in names:
        return ATLAS
    if any(_INDEX[VECTORS].fullmatch(name) and manifest_number(name) is not None for name in names):
        return VECTORS
    return CHECKPOINTS if any(_INDEX[CHECKPOINTS].fullmatch(name) for name in names) else None


def index_names(kind: str, names: Iterable[str]) -> list[str]:
    """Return the indices among these files, of manifests the newest of each folder; for checkpoints themselves.

    Names that no atlas has are passed over.  UsageError for a checkpoint whose name could harm.
    """
    found = dict[str, str]()
    for name in sorted(name for name in names if _INDEX[kind].fullmatch(name)):
        number = manifest_number(name)
        key = name if number is None else name.rpartition("/")[0] + "/manifest"
        if number is None or key not in found or number > (manifest_number(found[key]) or 0):
            found[key] = name
        if kind == CHECKPOINTS and (not name.isprintable() or name.startswith("-") or len(name) > _LONGEST_NAME):
            raise UsageError(f"{name!r:.100} is an odd name for a checkpoint. Give it another, there.")
    return list(found.values())


def manifest_number(name: str) -> int | None:
    """Return the number of a manifest, None for another file."""
    match = _MANIFEST.fullmatch(name)
    return int(match[1]) if match else None


def contents(kind: str, folder: Path, sums: Mapping[str, str]) -> list[Wanted]:
    """Return what the indices in `folder` name, each content once; of checkpoints what `sums` names by SHA-256.

    Raises DamageError where an index is not what was written, or names a file elsewhere.
    """
    if kind == ATLAS:
        found = _of_atlas(folder)
    elif kind == VECTORS:
        found = _of_store(VectorStore(folder))
    else:
        found = ((folder / name, digest, None) for name, digest in sums.items())
    names, sizes = dict[str, list[str]](), dict[str, int | None]()
    try:
        for path, digest, size in found:
            name = path.relative_to(folder).as_posix()
            harmless = kind == CHECKPOINTS or (_FILE.fullmatch(name) and not path.is_dir())
            if not _DIGEST.fullmatch(digest) or not harmless:
                raise ValueError(f"{name!r:.100} with the digest {digest!r:.80}")
            names.setdefault(digest, []).append(name)
            sizes[digest] = None if size is None else int(size)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamageError(damage(folder, f"has an index that names a file as none can be named: {error}")) from error
    return [Wanted(digest, sizes[digest], tuple(dict.fromkeys(names[digest]))) for digest in names]


Found = tuple[Path, str, int | None]


def _of_atlas(folder: Path) -> Iterator[Found]:
    atlas = AtlasFolder(folder)
    atlas.info()
    stored_questions(atlas.questions())
    yield from _of_parts(atlas.corpus)
    for store in atlas.vector_stores():
        yield from _of_store(store)
    for graph in atlas.graphs():
        yield from _of_parts(graph)
    for made in atlas.maps():
        yield _of_map(made)
    page = atlas.page() / "files.json"
    if page.is_file():  # in format 1 the page lists no files, and is made anew
        yield from ((page.parent / name, str(digest), None) for name, digest in read_signed(page)["files"].items())
    searches = Generations(atlas.search())
    for generation in filter(None, (searches.current(), searches.previous(), searches.staged())):
        for name, (size, digest) in generation.files.items():
            yield generation.path / name, digest, size


def _of_store(store: VectorStore) -> Iterator[Found]:
    store.quarantine()
    yield from _of_parts(store.parts)


def _of_parts(parts: PartFolder) -> Iterator[Found]:
    yield from ((parts.folder / part.file, part.digest, part.bytes) for part in parts.parts())


def _of_map(folder: Path) -> Found:
    head = read_signed(folder / "map.json")
    if "points_sha256" in head:  # format 1
        return folder / "map.parquet", f"sha256:{head['points_sha256']}", None
    part = Part.of(head["points"])
    return folder / part.file, part.digest, part.bytes

"""Pull: indices at one moment -> what they name and is not here -> into place, indices last.

Everything is fetched into a hidden folder of the new one, under the name of its digest, and is put into place when all
of it is there and compared: an interrupted pull is not an atlas, and the next one goes on within the file.
"""

import shlex
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError, UsageError
from knowscape.files import foreign_entries, make_folder, storing
from knowscape.progress import SILENT, Progress
from knowscape.pull.contents import (
    ATLAS,
    CHECKPOINTS,
    VECTORS,
    Wanted,
    contents,
    index_names,
    kind_of,
    manifest_number,
)
from knowscape.pull.objects import ObjectSource
from knowscape.pull.place import Place
from knowscape.pull.remote import Remote, Request, Source
from knowscape.pull.transfer import Transfer
from knowscape.ssh import Host, shell_on
from knowscape.store.lock import locked

__all__ = ["Pulled", "pull", "pull_url"]

# How often what was committed there meanwhile is fetched too.
_ROUNDS = 5
_LARGEST_INDEX = 1 << 28
_NEXT = {
    ATLAS: "knowscape check {}",
    VECTORS: "knowscape merge {} ATLAS -o ALL.atlas",
    CHECKPOINTS: "knowscape merge {}/*.pkl --corpus CORPUS --model NAME -o ALL.atlas",
}


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled: `files` in all; of these `fetched`, with so many `bytes`, now, the others were here.

    `behind` says that the other host goes on writing, and its newest commits are not here.
    """

    source: str
    folder: str
    kind: str
    files: int
    fetched: int
    bytes: int
    behind: bool
    next: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def pull(host: Host, path: str, out: str | Path, *, progress: Progress = SILENT) -> Pulled:
    """Fetch the atlas, the vectors or the checkpoints at `path` on `host` into the folder `out`, or go on with it.

    All that comes is compared with its digest.  Raises UsageError where there is nothing to pull, or `out` holds
    something else; DamageError for what is damaged there; KnowscapeError where the connection ends.
    """
    place = Place(Path(out), f"{host}:{path}")
    _refuse_other(place)
    with shell_on(host) as shell:
        return _fill(place, Remote(shell, host, path), progress)


def pull_url(url: str, out: str | Path, *, progress: Progress = SILENT) -> Pulled:
    """Fetch the atlas or the vectors at the `url` of an object store as `pull` does; the errors are the same."""
    place = Place(Path(out), url)
    _refuse_other(place)
    return _fill(place, ObjectSource(url), progress)


def _fill(place: Place, remote: Source, progress: Progress) -> Pulled:
    _look(remote)  # before anything is made here
    make_folder(place.work)
    with locked(place.work / ".lock"):
        return _run(remote, place, progress)


def _refuse_other(place: Place) -> None:
    """Raise UsageError where the folder holds what did not come from there."""
    out, source = place.out, place.came_from()
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file. Name a folder to pull into.")
    if source is not None and source != place.source:
        raise UsageError(
            f"{out} holds what came from {source}. Name another folder, and join both with: knowscape merge"
        )
    if source is None and out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()):
        raise UsageError(f"{out} is not empty, and was not pulled from anywhere. Name another folder.")
    for entry in foreign_entries(out):
        raise DamageError(f"{entry} is a link that leaves the folder, or no file at all. Remove it.")


def _look(remote: Source) -> tuple[str, list[str]]:
    """Return what is there, and its indices; DamageError where something of it is a link, a pipe or a device."""
    names, odd = remote.names()
    kind = kind_of(names)
    if kind is None:
        raise UsageError(
            f"{remote.source} holds nothing that can be merged. Accepted: an atlas, a folder of vectors "
            "(vectors/NAME-FINGERPRINT of an atlas), a folder of checkpoints (.pkl)"
        )
    for name in odd if kind != CHECKPOINTS else index_names(kind, odd):
        raise DamageError(
            f"{remote.source}/{name} is a link, or no file at all, and only files are taken. Put in its place what it "
            "leads to, or remove it, there."
        )
    return kind, index_names(kind, names)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The state there at one moment: the indices by name, or the checkpoints' digests."""

    kind: str
    index: dict[str, bytes]
    sums: dict[str, str]


def _run(remote: Source, place: Place, progress: Progress) -> Pulled:
    """Fetch until nothing newer is there, then put it into place; the folder's lock is held."""
    transfer = Transfer(remote, place, progress)
    now = _take(remote, None)
    for left in reversed(range(_ROUNDS)):
        snapshot = now
        place.refuse_changes(snapshot.index)
        wanted, faults = _bring(snapshot, place, transfer)
        # After a fault nothing is believed that was read before: an index may have been damaged on the way.
        now = _take(remote, snapshot if not faults else None)
        if now == snapshot or (not left and not faults):
            break
    if faults:
        raise DamageError(
            f"{'; '.join(faults)}. {remote.remedy}. All else is fetched and kept; then run the same command again."
        )
    place.publish(wanted, snapshot.index)
    return Pulled(
        source=remote.source,
        folder=str(place.out),
        kind=snapshot.kind,
        files=sum(len(each.names) for each in wanted) + len(snapshot.index),
        fetched=len(transfer.came),
        bytes=sum(transfer.came.values()),
        behind=now != snapshot,
        next=_NEXT[snapshot.kind].format(shlex.quote(str(place.out))),
    )


def _take(remote: Source, before: _Snapshot | None) -> _Snapshot:
    """Return the state there; manifests that `before` has are not fetched again, since they never change."""
    kind, wanted = _look(remote)
    if kind == CHECKPOINTS:
        return _Snapshot(kind, {}, {name: remote.sha256(name) for name in wanted})
    known = before.index if before is not None else {}
    index = {name: known[name] for name in wanted if name in known and manifest_number(name) is not None}
    missing = [Request(name) for name in wanted if name not in index]
    for request, (size, blocks) in zip(missing, remote.fetch(missing), strict=True):
        if (size or 0) > _LARGEST_INDEX:
            raise DamageError(f"{remote.source}/{request.name} has {size:,} bytes, which no index needs.")
        if size is not None:  # else it was replaced meanwhile, and the next round sees by what
            index[request.name] = b"".join(blocks)
    return _Snapshot(kind, index, {})


def _bring(snapshot: _Snapshot, place: Place, transfer: Transfer) -> tuple[list[Wanted], list[str]]:
    """Fetch what is missing of a state; return all that it names, and what is wrong there."""
    folder = place.work / "index"
    with storing(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in snapshot.index.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    try:
        wanted = contents(snapshot.kind, folder, snapshot.sums)
    except (DamageError, UsageError) as error:  # the second for a quiz that is none
        fault = error.fault if isinstance(error, DamageError) else None
        says = f"{fault.path} {fault.says}" if fault else str(error)
        return [], [says.replace(str(folder), place.source).rstrip(".")]
    return wanted, transfer.bring(wanted)

"""What is missing comes from the other host, each file from where an earlier connection ended."""

import os
import shutil
from collections.abc import Collection, Sequence

from knowscape.errors import StorageError
from knowscape.files import make_folder, storing
from knowscape.progress import Progress
from knowscape.pull.contents import Wanted
from knowscape.pull.place import Place
from knowscape.pull.remote import Request, Source

__all__ = ["Transfer"]

_MB = 1_000_000


class Transfer:
    """Fetches contents into a place; `came` holds by digest how many bytes of each this process has fetched."""

    def __init__(self, remote: Source, place: Place, progress: Progress) -> None:
        self.came: dict[str, int] = {}
        self._remote, self._place, self._progress = remote, place, progress

    def bring(self, wanted: Sequence[Wanted]) -> list[str]:
        """Fetch those contents that are not here, and return what is wrong with some, a few words for each.

        What does not come whole is fetched a second time from its beginning.
        """
        missing = []
        with self._progress.stage("Comparing", total=len(wanted)) as stage:
            for each in wanted:
                missing += [] if self._place.has(each) else [each]
                stage.advance()
        self._refuse_full(missing)
        bad = self._get(self._get(missing))
        return [f"{self._remote.source}/{each.names[0]} {says}" for each, says in bad.items()]

    def _refuse_full(self, missing: Sequence[Wanted]) -> None:
        out, need = self._place.out, sum(self._left(each) for each in missing)
        if need > (free := shutil.disk_usage(out).free):
            raise StorageError(
                f"{out} has room for {free:,} bytes, and {need:,} are to come. Make room there (df -h {out}), then run "
                "the same command again; what was finished is kept."
            )

    def _left(self, each: Wanted) -> int:
        """Return how many bytes are to come, as far as that is known."""
        return max(0, (each.bytes or 0) - self._place.begun(each))

    def _get(self, missing: Collection[Wanted]) -> dict[Wanted, str]:
        """Fetch contents, or the rest of them; return those that did not come whole, and why."""
        bad = dict[Wanted, str]()
        if not missing:
            return bad
        make_folder(self._place.files)
        requests = [Request(each.names[0], self._place.begun(each), each.bytes) for each in missing]
        total = sum(self._left(each) for each in missing)
        with self._progress.stage("Fetching (MB)", total=-(-total // _MB)) as stage:
            before = came = 0
            replies = self._remote.fetch(requests)
            for each, request, (size, blocks) in zip(missing, requests, replies, strict=True):
                if size is None:
                    bad[each] = "is missing, or may not be read"
                elif each.bytes not in (None, size):
                    bad[each] = f"has {size:,} bytes, its index says {each.bytes:,}"
                else:
                    path = self._place.fetched(each)
                    with storing(path), path.open("ab") as file:
                        for block in blocks:
                            file.write(block)
                            came += len(block)
                            stage.advance(came // _MB - before // _MB)
                            before = came
                        file.flush()
                        os.fsync(file.fileno())
                    self.came[each.digest] = self.came.get(each.digest, 0) + max(0, size - request.first)
                    if not self._place.has(each):
                        path.unlink(missing_ok=True)
                        bad[each] = "does not have the digest that its index names"
        return bad

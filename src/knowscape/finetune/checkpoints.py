"""Where training stands, so that it goes on after whatever ended it: a folder that is whole or not there.

checkpoint-<steps>/state.safetensors    weights, and the optimiser's numbers for each
checkpoint-<steps>/state.json           steps, seconds, and the digest of the file beside it
"""

import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError
from knowscape.files import digest_file, make_folder, storing, sync_folder, sync_tree
from knowscape.store.signed import read_signed, write_signed

__all__ = ["Checkpoints"]

_NAME, _TEMPORARY = "checkpoint-", ".tmp-"
_TENSORS, _STATE = "state.safetensors", "state.json"


class Checkpoints:
    """The checkpoints in a folder that nobody else writes to; the next is due `every` seconds after the last."""

    def __init__(self, folder: Path, every: float) -> None:
        self.folder, self.every = folder, every
        self._last = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self._last >= self.every

    def save(self, steps: int, tensors: Mapping[str, Any], seconds: float) -> None:
        """Keep tensors of torch by name as the newest checkpoint, durably, and drop the older ones."""
        from safetensors.torch import save_file

        make_folder(self.folder)
        temporary = self.folder / f"{_TEMPORARY}{secrets.token_hex(6)}"
        with storing(temporary):
            temporary.mkdir()
            save_file(dict(tensors), temporary / _TENSORS)
            known = digest_file(temporary / _TENSORS)
            write_signed(temporary / _STATE, {"steps": steps, "seconds": seconds, "tensors": known})
            sync_tree(temporary)
            older = self._all()
            temporary.rename(self.folder / f"{_NAME}{steps}")
            sync_folder(self.folder)
        for folder in (*older, *self.folder.glob(f"{_TEMPORARY}*")):
            shutil.rmtree(folder, ignore_errors=True)
        self._last = time.monotonic()

    def newest(self) -> tuple[int, dict[str, Any], float] | None:
        """Return steps, tensors and seconds of the newest checkpoint, None where there is none.

        Raises DamageError where it is not what was written.
        """
        from safetensors.torch import load_file

        if not (there := self._all()):
            return None
        folder = there[-1]
        state = read_signed(folder / _STATE)
        if not (folder / _TENSORS).is_file() or digest_file(folder / _TENSORS) != state["tensors"]:
            raise DamageError(
                f"{folder / _TENSORS} is not what was written. Delete {self.folder} and run the same command again; "
                "training starts anew."
            )
        return int(state["steps"]), load_file(folder / _TENSORS), float(state["seconds"])

    def _all(self) -> list[Path]:
        """Return the checkpoints, the newest last."""
        return sorted(self.folder.glob(f"{_NAME}*"), key=lambda path: int(path.name.removeprefix(_NAME)))

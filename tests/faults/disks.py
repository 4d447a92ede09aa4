"""A small ext4 disk in a file, whose power can be cut."""

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# EXT4_IOC_SHUTDOWN: from then on nothing reaches the disk and every call fails.  What only memory held is lost.
_SHUTDOWN = 0x8004587D
# Before that the journal is written, or is not.
LOG_FLUSH, NO_LOG_FLUSH = 1, 2


class Disk:
    """A mounted image."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self.folder], check=True, capture_output=True)

    def unmount(self) -> None:
        """Take the disk away, as soon as the last process has let go of it."""
        for _ in range(100):
            if subprocess.run(["umount", self.folder], capture_output=True).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.folder} stays busy")

    def cut_power(self, how: int) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, how.to_bytes(4, "little"))
        finally:
            os.close(handle)

    def power_on(self) -> None:
        self.unmount()
        self.mount()

    def set_mode(self, mode: str) -> None:
        """Mount it anew as `rw` or `ro`."""
        subprocess.run(["mount", "-o", f"remount,{mode}", self.folder], check=True, capture_output=True)

    def fill(self, spare: int) -> Path:
        """Fill the disk but for so many bytes and return the file that does."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            with suppress(OSError):
                while file.write(bytes(1 << 16)):
                    pass
            file.truncate(max(0, file.tell() - spare))
            os.fsync(file.fileno())
        return filler


@contextmanager
def disk(folder: Path, megabytes: int = 48) -> Iterator[Disk]:
    """Yield a mounted disk; the test is skipped where none can be had.  Whatever happens it is taken away."""
    image, place = folder / "image", folder / "disk"
    place.mkdir(parents=True)
    made = Disk(image, place)
    try:
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True, capture_output=True)
        made.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"No disk can be mounted here, which takes root, loop devices and mkfs.ext4: {error}")
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", place], capture_output=True)
        image.unlink()

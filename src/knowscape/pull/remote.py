"""A folder on another host, read through a shell there.

Not rsync: parts never change, so there is nothing for it to compare, and it would have to be installed on both sides.
Here the names are ours: whatever the other host sends, it goes into the file that was asked for.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from knowscape.errors import KnowscapeError, UsageError
from knowscape.ssh import Host, Shell

__all__ = ["Remote", "Request", "Source", "split_source"]

_SOURCE = re.compile(r"((?:[^@:/]*@)?(?:\[[^\]]*\]|[^:/\[\]]*)):(.*)", re.DOTALL)
# Requests that are under way at once: enough to hide the way there and back, few enough for the pipe.
_AHEAD = 32
_SHA256, _LENGTH = re.compile(r"[0-9a-f]{64}"), re.compile(r"\d{1,18}")

# `list` goes into the folders of an atlas only: whoever names / by mistake need not wait.
# `get FIRST LENGTH NAME` prints the length, and the bytes from FIRST on where the length is the one that was named.  It
# never prints less than it has promised: where a file shrinks meanwhile zeros follow, and the digest tells.
_COMMANDS = r"""
enter() {
  if [ -d "$1" ]; then cd "$1" && echo here || echo closed
  elif [ -e "$1" ]; then echo file
  else echo none
  fi
} 2> /dev/null
list() {
  if [ -f atlas.json ]; then set -- -name '.?*' -prune -o; else set -- ! -name . -prune; fi
  find . "$@" ! -type d ! -type f -print 2>&1 | sed 's/^/odd /'
  find . "$@" -type f ! -name 'part-*.parquet' -print 2> /dev/null | sed 's/^/file /'
  echo end
} < /dev/null
get() {
  if [ -f "$3" ] && [ -r "$3" ]; then
    n=$(wc -c < "$3"); n=$((n)); echo "$n"
    if [ "$1" -lt "$n" ] && { [ "$2" = any ] || [ "$2" = "$n" ]; }; then
      { tail -c "+$(($1 + 1))" "$3"; cat /dev/zero; } 2> /dev/null | head -c "$((n - $1))"
    fi
  else echo none
  fi
} < /dev/null
sum() { { sha256sum < "$1" || shasum -a 256 < "$1" || echo none; } 2> /dev/null; }
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A file that is wanted from its byte `first` on, if it has this length, or any."""

    name: str
    first: int = 0
    bytes: int | None = None

    def typed(self) -> str:
        return f"get {self.first} {'any' if self.bytes is None else self.bytes} {_quoted(self.name)}\n"


def split_source(source: str) -> tuple[str, str]:
    """Return host and path of HOST:PATH; UsageError where it is no such thing."""
    found = _SOURCE.fullmatch(source)
    if found is None:
        raise UsageError(
            f"{source!r:.200} names no host. Accepted: HOST:PATH, USER@HOST:PATH, [IPV6]:PATH, s3://BUCKET/PATH, "
            "gs://BUCKET/PATH; what lies on this machine needs no pull: knowscape merge SOURCE... -o ATLAS"
        )
    return found[1], found[2]


class Source(Protocol):
    """Where an atlas, vectors or checkpoints are pulled from.

    `source` is what messages call it, `remedy` tells what to type where something is damaged there.
    """

    source: str
    remedy: str

    def names(self) -> tuple[list[str], list[str]]:
        """Return the files there, but parts and hidden ones, and what is a link, a pipe or a device."""

    def fetch(self, requests: Sequence[Request]) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """Yield for each file its length there, and the bytes that are wanted; none where it has another length.

        The length is None where there is no such file that may be read.
        """

    def sha256(self, name: str) -> str:
        """Return `sha256:hexadecimal digits` of a file there, computed there; KnowscapeError where it cannot be."""


class Remote:
    """The folder `path` of a host, from home on where it does not begin with a slash; UsageError where there is none.

    `source` is what messages call it.
    """

    def __init__(self, shell: Shell, host: Host, path: str) -> None:
        self.source, self._shell, self._host = f"{host}:{path}", shell, host
        self.remedy = "On that host, type: knowscape check ATLAS --repair"
        home = "" if path == "~" else path.removeprefix("~/")
        shell.send(f"{_COMMANDS}enter {shlex.quote(path) if path.startswith('/') else _quoted(home)}\n")
        answer = shell.line()
        if answer != "here":
            raise _no_folder(self.source, answer, host)

    def names(self) -> tuple[list[str], list[str]]:
        self._shell.send("list\n")
        files, odd = list[str](), list[str]()
        while (line := self._shell.line()) != "end":
            kind, _, name = line.partition(" ./")
            if "denied" in kind:
                raise KnowscapeError(f"{self.source} may not be read as a whole: {line.removeprefix('odd ')}")
            if kind in ("file", "odd"):
                (files if kind == "file" else odd).append(name)
        return files, odd

    def fetch(self, requests: Sequence[Request]) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        waiting = iter(requests)
        while some := list(islice(waiting, _AHEAD)):
            self._shell.send("".join(request.typed() for request in some))
            for request in some:
                answer = self._shell.line()
                size = None if answer == "none" else self._length(answer)
                fits = size is not None and request.bytes in (None, size)
                blocks = self._shell.read(max(0, (size or 0) - request.first) if fits else 0)
                yield size, blocks
                for _ in blocks:
                    pass  # what the caller did not take

    def sha256(self, name: str) -> str:
        self._shell.send(f"sum {_quoted(name)}\n")
        found = self._shell.line().split(" ")[0]
        if not _SHA256.fullmatch(found):
            raise KnowscapeError(
                f"{self.source}/{name} cannot be digested there: it may not be read, or {self._host} has neither "
                f"sha256sum nor shasum. See which: {self._host.typed()}"
            )
        return f"sha256:{found}"

    def _length(self, answer: str) -> int:
        if not _LENGTH.fullmatch(answer):
            raise KnowscapeError(
                f"{self._host} gave an answer that is none: {answer!r:.100}. Try it by hand: {self._host.typed()}"
            )
        return int(answer)


def _quoted(name: str) -> str:
    """Return a name as one word of a shell, which no program takes for an option."""
    return shlex.quote(f"./{name}")


def _no_folder(source: str, answer: str, host: Host) -> UsageError:
    says = {
        "none": f"There is no folder {source}",
        "file": f"{source} is a file; name the folder that it lies in",
        "closed": f"{source} may not be entered by that user",
    }
    why = says.get(answer, f"{source} cannot be read ({answer!r:.100})")
    return UsageError(f"{why}. See what is there: {host.typed()}")

"""A request to a host: its Python, of the version that runs here, reads the agent from the connection and answers."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from knowscape.cluster import agent
from knowscape.cluster.file import Member
from knowscape.errors import KnowscapeError
from knowscape.ssh import Shell, shell_on

__all__ = ["HERE", "ask"]

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
# Says the version first, in words that any Python understands, and then reads: the shell has read ahead else.
_FIRST = (
    "import sys; sys.stdout.write('python %d.%d %s\\n' % (sys.version_info[:2] + (sys.executable,))); "
    "sys.stdout.flush(); r = sys.stdin.buffer; exec(r.read(int(r.readline())))"
)
_NONE = "no-python"


def ask(member: Member, do: str, asked: Mapping[str, Any], *, content: Callable[[], bytes] = bytes) -> dict[str, Any]:
    """Return what the host answers to a request and its fields; `content()` goes there where it asks for it.

    KnowscapeError says why it does not, and what to type.
    """
    with shell_on(member.host) as shell:
        _begin(shell, member)
        source = f"{Path(agent.__file__).read_text(encoding='utf-8')}\nserve()\n".encode()
        request = json.dumps({"do": do, "folder": member.folder, **asked}).encode()
        shell.send(b"%d\n%b%b\n" % (len(source), source, request))
        answer = _answer(shell, member)
        if "send" in answer:
            shell.send(content())
            answer = _answer(shell, member)
    if "refused" in answer:
        there = answer["type"]
        then = f" Type: {member.host.typed()}{f' {quote(there)}' if ' ' in there else there}" if there else ""
        raise KnowscapeError(f"{answer['refused'].rstrip('. ')}.{then}")
    return answer


def _begin(shell: Shell, member: Member) -> None:
    """Start the Python there; KnowscapeError where it is missing, or of another version."""
    names = [member.python] if member.python else [f"python{HERE}", "python3"]
    words = " ".join(f'"$HOME"{quote(name[1:])}' if name.startswith("~/") else quote(name) for name in names)
    shell.send(
        f'for p in {words}; do command -v "$p" >/dev/null 2>&1 && exec "$p" -I -c {quote(_FIRST)}; done; echo {_NONE}\n'
    )
    said = shell.line()
    kind, _, rest = said.partition(" ")
    version, _, path = rest.partition(" ")
    if kind == "python" and version == HERE:
        return
    found = f"has Python {version} ({path:.200})" if kind == "python" else f"has no {' and no '.join(names)}"
    raise KnowscapeError(
        f"It {found}, and here is Python {HERE}: Ray joins equal ones only. Install Python {HERE} there, or name one "
        f"in cluster.yaml (python: /path/to/python{HERE}). To see what there is, type: "
        f"{member.host.typed()} {quote('ls /usr/bin/python3* ~/.local/bin/python3*')}"
    )


def _answer(shell: Shell, member: Member) -> dict[str, Any]:
    said = shell.line()
    try:
        return dict(json.loads(said))
    except ValueError as error:
        raise KnowscapeError(
            f"It gave no answer that can be read: {said[:200]!r}. Type: {member.host.typed()}"
        ) from error

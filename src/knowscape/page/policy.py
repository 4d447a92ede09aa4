"""What the page may load: its own files and no others.  The server says so, and the page itself, for other servers."""

import base64
import hashlib

from knowscape.errors import KnowscapeError

__all__ = ["OWN_FILES", "inside_alone", "with_policy"]

OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
_FIRST = '<meta charset="utf-8" />'


def inside_alone(script: str, style: str) -> str:
    """Return the policy of a page that loads nothing and runs nothing but this script and this style sheet."""
    return (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; img-src data: blob:; "
        "font-src data:; base-uri 'none'; form-action 'none'"
    )


def with_policy(page: str, policy: str) -> str:
    """Return a page that states a policy, before anything is loaded."""
    if page.count(_FIRST) != 1:
        raise KnowscapeError(f"The page lacks {_FIRST}. Install again with: pip install --force-reinstall knowscape")
    return page.replace(_FIRST, f'{_FIRST}\n    <meta http-equiv="Content-Security-Policy" content="{policy}" />')


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

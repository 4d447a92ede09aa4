"""What matplotlib's SVG lacks: the typeface inside, and letters moved apart."""

import base64
import re
from collections.abc import Mapping

__all__ = ["finished"]

_NAME = re.compile(r'(<g id="name-\d+-\d+-([\d.]+)">\s*(?:<!--.*?-->\s*)?<text style=")', re.DOTALL)
# For programs that read no typeface out of an SVG.
_ELSEWHERE = "'Source Serif 4', Georgia, 'DejaVu Serif'"


def finished(content: bytes, fonts: Mapping[str, bytes]) -> bytes:
    """Return an SVG that brings its typeface, `fonts` by family, and in which names are spaced out as they were set."""
    faces = "".join(
        f"@font-face{{font-family:'{name}';src:url(data:font/ttf;base64,{base64.b64encode(font).decode()})}}"
        for name, font in sorted(fonts.items())
    )
    text = _NAME.sub(lambda found: f"{found[1]}letter-spacing: {found[2]}em; ", content.decode())
    text = text.replace("'DejaVu Serif'", _ELSEWHERE)
    return text.replace("</metadata>", f"</metadata>\n <style>{faces}</style>", 1).encode()

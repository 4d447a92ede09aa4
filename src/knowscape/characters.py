"""Characters that change how the text around them looks: control characters and overrides of the writing direction."""

import re

__all__ = ["one_line", "printable", "without_controls"]

# C0 without tab, newline and carriage return.
_C0 = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# C0, DEL, C1; embeddings, overrides and isolates (Trojan Source, CVE-2021-42574); what has no width.  The marks
# U+200E, U+200F and the joiners U+200C, U+200D stay: Arabic, Hebrew, Persian and Indic spelling need them.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]")


def without_controls(text: str) -> str:
    """Return a text without C0 control characters; tab and line ends stay, a form feed becomes a line end."""
    return _C0.sub(lambda found: "\n" if found[0] in "\v\f" else "", text)


def one_line(text: str) -> str:
    """Return a text as one line without control characters, direction overrides or what has no width."""
    return text if text.isprintable() else _HIDDEN.sub("", _BREAKS.sub(" ", text))


def printable(text: str, longest: int = 2000) -> str:
    """Return a message as a terminal may be given it: hidden characters as their code, cut where it is long."""
    shown = _HIDDEN.sub(lambda found: found[0] if found[0] in "\t\n" else f"\\u{ord(found[0]):04x}", text[:longest])
    return shown if len(text) <= longest else shown + " ..."

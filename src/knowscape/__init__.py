"""Knowscape turns a pile of articles into a knowledge map with a quiz, in the browser."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowscape.atlas import Atlas
    from knowscape.atlas import open_atlas as open
    from knowscape.build import build
    from knowscape.comparison import compare
    from knowscape.corpus.readers import read_corpus
    from knowscape.encoders.load import load_encoder
    from knowscape.growth import add
    from knowscape.placement import Placement

__version__ = "0.1.0"
__all__ = ["Atlas", "Placement", "add", "build", "compare", "load_encoder", "open", "read_corpus"]

# Resolved on first use, so that `import knowscape` and `knowscape --help` load nothing heavy.
_PLACES = {
    "Atlas": ("knowscape.atlas", "Atlas"),
    "Placement": ("knowscape.placement", "Placement"),
    "add": ("knowscape.growth", "add"),
    "build": ("knowscape.build", "build"),
    "compare": ("knowscape.comparison", "compare"),
    "load_encoder": ("knowscape.encoders.load", "load_encoder"),
    "open": ("knowscape.atlas", "open_atlas"),
    "read_corpus": ("knowscape.corpus.readers", "read_corpus"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'knowscape' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    build = sys.modules.get("knowscape.build")
    if build is not None:  # its import has given the package's attribute `build` to the module
        globals()["build"] = build.build
    return value

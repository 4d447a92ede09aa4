"""OpenVINO without its reports."""

import sys
from typing import Any

__all__ = ["openvino"]


def openvino() -> Any:
    """Return OpenVINO.

    Imported plainly it reports that to Google's analytics, from the user's machine, and leaves an identifier in the
    home folder.  The package that does so is one that it can be without, so for it that package is missing.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino

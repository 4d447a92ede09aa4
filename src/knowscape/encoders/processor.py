"""What OpenVINO finds to compute with."""

from typing import Any

__all__ = ["describe_devices"]

_PRECISIONS = ("FP32", "BF16", "FP16", "INT8")


def describe_devices() -> dict[str, dict[str, Any]]:
    """Return OpenVINO's devices by its names for them: `name`, and the precisions that each `computes_in` natively."""
    import openvino

    core = openvino.Core()
    described = {}
    for device in core.available_devices:
        able = set(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))
        described[device] = {
            "name": str(core.get_property(device, "FULL_DEVICE_NAME")),
            "computes_in": [precision for precision in _PRECISIONS if precision in able],
        }
    return described

"""What OpenVINO finds to compute with, and how fast it multiplies matrices, which is nearly all an encoder does."""

import time
from typing import Any

import numpy as np

from knowscape.encoders.openvino import openvino

__all__ = ["computes_bf16", "describe_devices", "matrix_speed"]

_ROWS, _HIDDEN, _INNER, _PAIRS = 1024, 384, 1536, 12
_TURNS = 7
_PRECISIONS = ("FP32", "BF16", "FP16", "INT8")


def computes_bf16() -> bool:
    """Return whether the CPU says that it computes in bf16."""
    return "BF16" in openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def describe_devices() -> dict[str, dict[str, Any]]:
    """Return OpenVINO's devices by its names for them: `name`, and the precisions that each `computes_in` natively."""
    core = openvino().Core()
    described = {}
    for device in core.available_devices:
        able = set(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))
        described[device] = {
            "name": str(core.get_property(device, "FULL_DEVICE_NAME")),
            "computes_in": [precision for precision in _PRECISIONS if precision in able],
        }
    return described


def matrix_speed(precision: str = "f32") -> float:
    """Return this CPU's floating-point operations a second in products of an encoder's sizes, as OpenVINO runs them.

    `precision` is f32 or bf16; it takes half a second.
    """
    vino = openvino()
    op = vino.opset13
    random = np.random.default_rng(0)
    x = product = op.parameter([_ROWS, _HIDDEN], np.float32)
    # One after the other, so that what goes in and out does not count.
    for size in (_INNER, _HIDDEN) * _PAIRS:
        weights = random.standard_normal((size, product.shape[1]), dtype=np.float32) / 30
        product = op.matmul(product, op.constant(weights), transpose_a=False, transpose_b=True)
    model = vino.Model([product.output(0)], [x], "product")
    # As the encoder runs: so many requests side by side as there are streams.
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    compiled = vino.Core().compile_model(model, "CPU", options)
    streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    requests = [compiled.create_infer_request() for _ in range(streams)]
    inputs = [random.standard_normal((_ROWS, _HIDDEN), dtype=np.float32)]
    seconds = []
    for _ in range(_TURNS):
        start = time.perf_counter()
        for request in requests:
            request.start_async(inputs)
        for request in requests:
            request.wait()
        seconds.append(time.perf_counter() - start)
    return 4 * _PAIRS * _ROWS * _HIDDEN * _INNER * streams / float(np.median(seconds))

"""Pickles from elsewhere, read without running what they say.

`main` is the body of a child process (see `confined`).  It unpickles plain values and numpy arrays alone, and writes
the texts it finds as JSON lines; no object crosses the border.
"""

import io
import json
import math
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.confined import RefusedError, child, confined

__all__ = ["AllowListUnpickler", "main", "records", "unpickled_lines"]

_DEEPEST = 64
_MOST_AXES = 32
_MOST_VALUES = 1_000_000
# Booleans, integers, floats, complex numbers, bytes, strings, objects and times, by kind and bytes.
_CODE = re.compile(r"[biufcSUOMm][0-9]{1,9}")
_UNIT = re.compile(r"(?:[YMWDhms]|[munpfa]s)")


class _Type:
    """A numpy dtype as a pickle describes it.

    numpy's own takes flags and fields from the pickle and believes them, up to pointers to objects in raw bytes; of
    this one only the kind, the size and the order of the bytes are used.
    """

    __slots__ = ("_code", "_order", "_unit")

    def __init__(self, code: Any) -> None:
        code = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(code, str) or not _CODE.fullmatch(code.lstrip("<>=|")):
            raise pickle.UnpicklingError(f"it holds an array of type {code!r:.40}, which is not read")
        self._code, self._order, self._unit = code.lstrip("<>=|"), "=", ""

    def __setstate__(self, state: Any) -> None:
        _, order, sub, names, fields, *rest = state
        if (sub, names, fields) != (None, None, None) or order not in {"<", ">", "=", "|"}:
            raise pickle.UnpicklingError("it holds an array of records, which is not read")
        self._order = order
        if self._code[0] in "Mm" and isinstance(rest[-1], tuple):
            unit, count = rest[-1][-1][:2]
            unit = unit.decode() if isinstance(unit, bytes) else unit
            if isinstance(count, int) and isinstance(unit, str) and _UNIT.fullmatch(unit):
                self._unit = f"[{count}{unit}]"

    def real(self) -> np.dtype[Any]:
        size = int(self._code[1:])
        if self._code[0] == "O":
            return np.dtype("O")
        code = f"U{size}" if self._code[0] == "U" else self._code
        return np.dtype(f"{self._order}{code}{self._unit}")


class _Array(np.ndarray[Any, Any]):
    """A numpy array that a pickle fills: the shape has to be that of the data."""

    def __setstate__(self, state: Any) -> None:
        *_, shape, kind, fortran, data = state
        _check_shape(shape)
        real = _real(kind)
        if real.hasobject:
            fits = isinstance(data, list) and len(data) == math.prod(shape)
        else:
            fits = isinstance(data, bytes) and 0 < len(data) == math.prod(shape) * real.itemsize
        if not fits and 0 not in shape:
            raise pickle.UnpicklingError("it holds an array whose shape is not that of its data")
        if 0 in shape:
            data = [] if real.hasobject else b""
        super().__setstate__((1, shape, real, bool(fortran), data))  # type: ignore[arg-type]


def _check_shape(shape: Any) -> None:
    right = isinstance(shape, tuple) and len(shape) <= _MOST_AXES
    if not right or not all(type(length) is int and length >= 0 for length in shape):
        raise pickle.UnpicklingError(f"it holds an array of shape {shape!r:.40}")


def _real(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, _Type):
        raise pickle.UnpicklingError("it holds an array without a type")
    return kind.real()


def _reconstruct(*_: Any) -> NDArray[Any]:
    return np.ndarray.__new__(_Array, (0,), "b")


def _type(code: Any, *_: Any) -> _Type:
    return _Type(code)


def _scalar(kind: Any, data: Any = b"") -> Any:
    real = _real(kind)
    if real.hasobject or not isinstance(data, bytes) or len(data) != real.itemsize or not data:
        raise pickle.UnpicklingError("it holds a number whose bytes are not those of its type")
    return np.frombuffer(data, real)[0]


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any = "C") -> NDArray[Any]:
    _check_shape(shape)
    made: NDArray[Any] = np.frombuffer(data, _real(kind)).reshape(shape, order="F" if order == "F" else "C")
    return made


def _latin1(text: str, _: Any = None) -> bytes:
    return text.encode("latin1")


# What a pickle may name; a name stands for a function of ours, so that numpy believes nothing that a pickle says.
_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _type,
    ("numpy", "ndarray"): "numpy.ndarray",  # an argument of _reconstruct, never called
    ("_codecs", "encode"): _latin1,  # how protocols 0 to 2 write bytes
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")  # of numpy 1 and 2
        for module, name, function in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{
        (module, made.__name__): made
        for module in ("builtins", "__builtin__")
        for made in (set, frozenset, bytearray, complex)
    },
}


class AllowListUnpickler(pickle.Unpickler):
    """Builds dicts, lists, tuples, sets, strings, bytes, numbers and numpy arrays, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed global; UnpicklingError names any other."""
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not data")
        return _NAMES[module, name]

    def persistent_load(self, pid: object) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside itself")


def records(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the records in an unpickled value: dicts with a text, and every string of nested lists and arrays.

    A list that stands in several places is read once, since such references can multiply without end.
    """
    return _records(value, 0, set())


def _records(value: Any, depth: int, seen: set[int]) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        raise pickle.UnpicklingError(f"it nests deeper than {_DEEPEST}")
    if isinstance(value, str):
        yield {"text": value}
    elif isinstance(value, dict):
        columns = {str(key): inner for key, inner in value.items()}
        if columns and all(isinstance(inner, list | tuple | np.ndarray) for inner in columns.values()):
            yield from (dict(zip(columns, row, strict=False)) for row in zip(*columns.values(), strict=False))
        else:
            yield columns
    elif isinstance(value, list | tuple | set | frozenset | np.ndarray) and id(value) not in seen:
        seen.add(id(value))
        for inner in _items(value):
            yield from _records(inner, depth + 1, seen)


def _items(value: Any) -> Any:
    """Return what a collection holds; numbers hold no text, and their arrays are large."""
    if not isinstance(value, np.ndarray):
        return value
    return value.ravel().tolist() if value.dtype.kind in "OU" else []


def unpickled_lines(path: Path) -> Iterator[str]:
    """Yield the child's JSON lines; RefusedError and UsageError are those of `confined`."""
    with confined(__name__, path) as output:
        for line in output:
            yield line.decode()


def _json_value(value: Any) -> Any:
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "ndim", 1) == 0 else f"{value!s:.1000}"


def _write_records(_: int, file: IO[bytes], out: IO[bytes]) -> None:
    value = AllowListUnpickler(io.BytesIO(file.read())).load()
    try:
        for record in records(value):
            _check_size(record)
            out.write(json.dumps(record, default=_json_value).encode() + b"\n")
    except RecursionError:
        raise RefusedError(f"it nests deeper than {_DEEPEST}") from None


def _check_size(record: dict[str, Any]) -> None:
    """Raise RefusedError for a record of references that multiply, or that leads back to itself."""
    left, count = list(record.values()), 0
    while left:
        inner = left.pop()
        count += 1
        if count > _MOST_VALUES:
            raise RefusedError(f"a record holds over {_MOST_VALUES:,} values")
        if isinstance(inner, dict):
            left += inner.values()
        elif isinstance(inner, list | tuple):
            left += inner


def main() -> int:
    """Read the pickle on standard input."""
    return child(_write_records)

"""How vectors are made smaller for a search, said in one word that a person can type: pca128+int8+rescore4."""

import re
from dataclasses import dataclass

from knowscape.errors import UsageError

__all__ = ["CODECS", "REDUCTIONS", "Compression", "usual_choices"]

CODECS = ("float32", "float16", "int8", "binary")
REDUCTIONS = ("none", "pca", "truncate")
_BITS = {"float32": 32, "float16": 16, "int8": 8, "binary": 1}
_FLOAT = 4  # bytes of each number of a calibration
# float32[width] that each codec is calibrated with: lows and spans; thresholds, levels below and levels above.
_ROWS_OF_CALIBRATION = {"float32": 0, "float16": 0, "int8": 2, "binary": 3}
_NUMBERED = re.compile(r"(?P<what>pca|truncate|rescore)(?P<number>\d{1,6})")
_ACCEPTED = (
    f"Accepted: one of {', '.join(CODECS)}; before it pcaN+ or truncateN+ for N dimensions; "
    "after it +rescoreN to rescore N times as many candidates as are wanted with the full vectors; "
    "for example int8, pca128+int8 or binary+rescore8"
)
_SHORTER = (512, 256, 128, 64)


@dataclass(frozen=True, slots=True)
class Compression:
    """What is kept of a vector: first a `reduction` to `dimensions` numbers, then each number as `codec` has it.

    pca: the axes of the largest variance.  truncate: the first numbers, for models that were trained for it
    (Matryoshka; Kusupati et al. 2022).  binary: one bit a number.  `rescore`: this many times as many candidates as are
    wanted are taken by their codes and ranked anew by the full vectors, which must then be kept; 0: the codes decide.
    """

    codec: str = "float32"
    reduction: str = "none"
    dimensions: int = 0
    rescore: int = 0

    def __post_init__(self) -> None:
        if self.codec not in CODECS or self.reduction not in REDUCTIONS:
            raise UsageError(f"There is no compression by {self.reduction!r} and {self.codec!r}. {_ACCEPTED}.")
        if self.rescore < 0 or (self.dimensions < 1 if self.reduction != "none" else self.dimensions != 0):
            raise UsageError(f"{self!r} has a number that does not fit. {_ACCEPTED}, N at least 1.")

    @classmethod
    def parse(cls, word: str) -> "Compression":
        """Return the compression that `str` wrote, or a person; the parts may stand in any order."""
        found: dict[str, str | int] = {}
        for part in word.strip().lower().split("+"):
            numbered = _NUMBERED.fullmatch(part)
            if numbered is None and part not in CODECS:
                raise UsageError(f"{part!r} in {word!r} is no compression. {_ACCEPTED}.")
            said = _fields(part, numbered)
            if said.keys() & found.keys() or 0 in said.values():
                raise UsageError(f"{word!r} says two things of one kind, or 0. {_ACCEPTED}.")
            found |= said
        return cls(**found)  # type: ignore[arg-type]

    def __str__(self) -> str:
        parts = [f"{self.reduction}{self.dimensions}"] if self.dimensions else []
        if self.codec != "float32" or not parts:
            parts.append(self.codec)
        return "+".join([*parts, f"rescore{self.rescore}"] if self.rescore else parts)

    def width(self, dimension: int) -> int:
        """Return how many numbers are left of `dimension`; UsageError where there are not as many."""
        if self.dimensions > dimension:
            raise UsageError(f"{self} wants {self.dimensions} dimensions; the vectors have {dimension}. {_ACCEPTED}.")
        return self.dimensions or dimension

    def bytes_per_vector(self, dimension: int) -> int:
        """Return the bytes of one vector's code."""
        return -(-self.width(dimension) * _BITS[self.codec] // 8)

    def predicted_bytes(self, rows: int, dimension: int) -> int:
        """Return the bytes of the codes of so many vectors and of the calibration, the full vectors not counted."""
        width = self.width(dimension)
        numbers = width * _ROWS_OF_CALIBRATION[self.codec]
        if self.reduction == "pca":
            numbers += (width + 1) * dimension
        return rows * self.bytes_per_vector(dimension) + _FLOAT * numbers


def _fields(part: str, numbered: re.Match[str] | None) -> dict[str, str | int]:
    if numbered is None:
        return {"codec": part}
    what, number = numbered["what"], int(numbered["number"])
    return {"rescore": number} if what == "rescore" else {"reduction": what, "dimensions": number}


def usual_choices(dimension: int) -> list[Compression]:
    """Return the compressions worth measuring on vectors of so many dimensions, float32 first."""
    shorter = [size for size in _SHORTER if size <= 2 * dimension / 3][:3]
    words = ["float32", "float16", "int8", "int8+rescore4", "binary", "binary+rescore4", "binary+rescore16"]
    for size in shorter:
        words += [f"pca{size}+int8", f"pca{size}+int8+rescore4", f"truncate{size}+int8"]
    return [Compression.parse(word) for word in words]

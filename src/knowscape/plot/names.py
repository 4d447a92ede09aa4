"""Which names stand on the picture, and where: as in an atlas, the most important first and none over another."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from knowscape.characters import one_line
from knowscape.maps.regions import Region

__all__ = ["Line", "Name", "Rect", "overlap", "place_names", "wrapped"]

Measure = Callable[[str, str, float], float]
Rect = tuple[float, float, float, float]
# Names keep so far from each other, in points on a picture of 180 mm.
_GAP = 4.5
# Where a name may stand, in its own widths and heights away from the middle of its region.
_ASIDE = [(x, y) for y in (0, 0.6, -0.6, 1.2, -1.2, 1.9, -1.9) for x in (0, -0.25, 0.25, -0.5, 0.5)]
# What it costs to stand on points of other regions only, in the region's own reach; on none is a share of that.
_COST_OF_OTHERS, _EMPTY = 2.0, 0.3
# So many points tell which of other regions a name would cover.
_SAMPLE = 20_000
# The height of capitals, and how far letters go below the line, in the type's size.
_CAPITALS, _BELOW = 0.67, 0.23


@dataclass(frozen=True, slots=True)
class Style:
    """How the names of a level are set: `tracking` is added after each letter, `widest` a line, both in type sizes.

    The size is for up to `full` names in the level; more are set smaller.  A name that `spreads` is spaced out over its
    region.
    """

    face: str
    size: float
    full: int
    tracking: float
    upper: bool
    widest: float
    lead: float
    spreads: bool = False


# On a picture of 180 mm, in points.
_STYLES = (
    Style("Knowscape Name", 10.2, 10, 0.2, upper=True, widest=15, lead=1.32, spreads=True),
    Style("Knowscape Text", 7.9, 26, 0.0, upper=False, widest=12, lead=1.12),
    Style("Knowscape Text", 5.5, 70, 0.1, upper=True, widest=14, lead=1.22),
    Style("Knowscape Text", 5.9, 200, 0.0, upper=False, widest=12, lead=1.12),
)
_SHRINK, _LEAST_SHRUNK = 0.2, 0.72
# Wide regions have their names spaced out, up to so much, to this share of the region's width.
_MOST_TRACKING, _SHARE_OF_WIDTH = 0.4, 0.66
# A line is as wide as its region, but so many type sizes at the least.
_LEAST_WIDE = 7.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a name, from `x` on, on the base line `y`, in points from the lower left."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is set: type size in points, tracking in type sizes; `box` is all that it covers."""

    text: str
    face: str
    size: float
    tracking: float
    lines: tuple[Line, ...]
    box: Rect


def place_names(
    levels: Sequence[Sequence[Region]],
    points: NDArray[np.float64],
    membership: NDArray[np.int32],
    *,
    frame: Rect,
    taken: Sequence[Rect],
    unit: float,
    measure: Measure,
) -> list[Name]:
    """Return the names that fit into `frame`, clear of what is `taken`.

    `points` float64[n, 2] are the articles in points, `membership` int32[n, levels] their regions; `unit` is 1 on a
    picture of 180 mm; `measure` returns a text's width in a face at a size.  A name stands in the middle of its region,
    or beside it, where it covers the fewest points of other regions.
    """
    placed: list[Name] = []
    step = max(1, len(points) // _SAMPLE)
    some = points[::step]
    for level, regions in enumerate(levels):
        style, own = _STYLES[min(level, len(_STYLES) - 1)], membership[:, level]
        crowded = min(max((style.full / max(len(regions), 1)) ** _SHRINK, _LEAST_SHRUNK), 1.0)
        style = replace(style, size=style.size * unit * crowded)
        most = max((region.support for region in regions), default=1)
        for number in sorted(range(len(regions)), key=lambda number: (-regions[number].support, number)):
            size = style.size * (0.84 + 0.34 * np.sqrt(regions[number].support / most))
            mine, foreign = points[own == number], some[own[::step] != number]
            name = _set(one_line(regions[number].label), replace(style, size=size), mine, measure=measure)
            obstacles = [*taken, *(other.box for other in placed)]
            at = _best_place(name, mine, (some, foreign), frame=frame, obstacles=obstacles, gap=_GAP * unit)
            if at is not None:
                placed.append(_moved(name, *at))
    return placed


def _set(text: str, style: Style, mine: NDArray[np.float64], *, measure: Measure) -> Name:
    """Return a name set around (0, 0)."""
    shown = text.upper() if style.upper else text
    tracking = style.tracking if _may_be_tracked(shown) else 0.0

    def width(line: str, tracking: float = tracking) -> float:
        return measure(line, style.face, style.size) + tracking * style.size * (len(line) - 1)

    wide = float(np.ptp(np.quantile(mine[:, 0], [0.1, 0.9])))
    lines = wrapped(shown, float(np.clip(wide, _LEAST_WIDE * style.size, style.widest * style.size)), width)
    if style.spreads and tracking:
        tracking = _spaced(lines, style, wide, width)
    widths = [width(line, tracking) for line in lines]
    step, below = style.lead * style.size, 0.0 if style.upper else _BELOW * style.size
    height = (len(lines) - 1) * step + _CAPITALS * style.size
    top = height / 2 - _CAPITALS * style.size
    across = zip(lines, widths, strict=True)
    set_lines = tuple(Line(line, -wide / 2, top - n * step) for n, (line, wide) in enumerate(across))
    box = (-max(widths) / 2, -height / 2 - below, max(widths) / 2, height / 2)
    return Name(text, style.face, style.size, tracking, set_lines, box)


def _spaced(lines: Sequence[str], style: Style, wide: float, width: Callable[..., float]) -> float:
    """Return the tracking that a wide region gives its name."""
    longest = max(lines, key=lambda line: width(line, 0.0))
    free = _SHARE_OF_WIDTH * wide - width(longest, 0.0)
    return float(np.clip(free / style.size / max(len(longest) - 1, 1), style.tracking, _MOST_TRACKING))


def _may_be_tracked(text: str) -> bool:
    """Return whether letters may be moved apart: not where they join, or stand over each other."""
    return not any(
        unicodedata.category(letter).startswith("M") or unicodedata.bidirectional(letter) in ("R", "AL")
        for letter in text
    )


def _best_place(
    name: Name,
    mine: NDArray[np.float64],
    others: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    frame: Rect,
    obstacles: Sequence[Rect],
    gap: float,
) -> tuple[float, float] | None:
    """Return where the middle of a name goes, None where there is no room; `others` are all points, and the foreign."""
    middle, reach = np.median(mine, axis=0), max(float(np.hypot(*mine.std(axis=0))), 1e-9)
    wide, high = name.box[2] - name.box[0], name.box[3] - name.box[1]
    best, lowest = None, np.inf
    for x, y in _ASIDE:
        aside = x * wide, y * (high + gap)
        at = float(middle[0] + aside[0]), float(middle[1] + aside[1])
        box = _shifted(name.box, *at)
        away = float(np.hypot(*aside)) / reach
        free = _inside(box, frame) and not any(overlap(box, other, gap) for other in obstacles)
        if not free or away >= lowest:
            continue
        under, foreign = (_within(points, box) for points in others)
        cost = away + _COST_OF_OTHERS * (foreign / under if under else _EMPTY)
        if cost < lowest:
            best, lowest = at, cost
    return best


def _within(points: NDArray[np.float64], box: Rect) -> int:
    x, y = points.T
    return int(((x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])).sum())


def _moved(name: Name, x: float, y: float) -> Name:
    lines = tuple(Line(line.text, line.x + x, line.y + y) for line in name.lines)
    return replace(name, lines=lines, box=_shifted(name.box, x, y))


def _shifted(box: Rect, x: float, y: float) -> Rect:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _inside(box: Rect, frame: Rect) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def overlap(a: Rect, b: Rect, gap: float = 0) -> bool:
    """Return whether two rectangles (left, lower, right, upper) come nearer than `gap`."""
    return a[0] < b[2] + gap and a[2] > b[0] - gap and a[1] < b[3] + gap and a[3] > b[1] - gap


def wrapped(text: str, widest: float, width: Callable[[str], float]) -> list[str]:
    """Return a text in as few lines as `widest` allows, three at the most, as even as possible; an & begins a line."""
    words = _joined(text.split())
    count = min(int(np.ceil(width(text) / widest)), len(words), 3)
    if count <= 1:
        return [" ".join(words)]
    return min(_splits(words, count), key=lambda lines: max(map(width, lines)))


def _joined(words: Sequence[str]) -> list[str]:
    """Return words, each & together with the one behind it."""
    found: list[str] = []
    for word in words:
        if found and found[-1].endswith("&"):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def _splits(words: Sequence[str], count: int) -> Iterator[list[str]]:
    """Yield all ways to cut words into `count` runs."""
    if count == 1:
        yield [" ".join(words)]
        return
    for head in range(1, len(words) - count + 2):
        for rest in _splits(words[head:], count - 1):
            yield [" ".join(words[:head]), *rest]

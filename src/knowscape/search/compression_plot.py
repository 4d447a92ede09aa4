"""A plan of compression as a picture: quality, and what is lost of float32's, against the bytes of a vector."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from knowscape.search.compression_plan import Plan
from knowscape.significance import Figure

__all__ = ["drawing"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 760, 320, 70, 720
_INK, _QUIET, _GRID, _MARK, _PLAIN = "#2b2620", "#6b6255", "#ddd5c3", "#a63d1f", "#3d6b7d"
_LETTER, _LINE = 6.4, 13  # what a letter and a line of a label take
_BESIDE = 10.0  # how far apart points of equal bytes stand
# Where a label may stand to its point: across, down, and which end of it is there.
_PLACES = [(9.0, 4.0, "start"), (-9.0, 4.0, "end")] + [
    (across, side * away, anchor)
    for away in range(16, 70, 13)
    for side in (-1.0, 1.3)
    for across, anchor in ((0.0, "middle"), (5.0, "start"), (-5.0, "end"))
]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Point:
    """A choice in one panel: its place, its interval from `low` down to `high` in the picture's units, its label."""

    x: float
    y: float
    low: float
    high: float
    label: str
    colour: str


def drawing(plan: Plan) -> str:
    """Return an SVG of two panels, one above the other, on a ground of its own, for white pages and dark ones."""
    quality = [choice.quality[plan.decides] for choice in plan.choices]
    difference = [choice.difference[plan.decides] for choice in plan.choices]
    whole = f"{plan.decides}, {plan.queries:,} queries: mean and 95 % interval"
    lost = f"difference of {plan.decides} to float32, query by query; dashed: what may be lost"
    size = f'viewBox="0 0 {_WIDTH} {2 * _HEIGHT}" font-family="Georgia, serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{_WIDTH}" height="{2 * _HEIGHT}" fill="#fffdf6"/>',
        *_panel(0, whole, plan, quality),
        *_panel(_HEIGHT, lost, plan, difference, line=-plan.tolerance),
    ]
    return "\n".join([*parts, "</svg>", ""])


def _panel(top: int, title: str, plan: Plan, figures: Sequence[Figure], *, line: float | None = None) -> Iterator[str]:
    points: list[_Point] = []
    sizes = [choice.bytes_per_vector for choice in plan.choices]
    first, last = math.log2(min(sizes)) - 0.3, math.log2(max(sizes)) + 0.6
    ends = [end for figure in figures for end in (figure.low, figure.high)] + ([] if line is None else [line])
    step = _step(max(ends) - min(ends))
    low, high = step * math.floor(min(ends) / step), step * math.ceil(max(ends) / step)

    def across(size: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (math.log2(size) - first) / (last - first)

    def up(value: float) -> float:
        return top + 270 - 225 * (value - low) / max(high - low, step)

    yield f'<text x="{_LEFT}" y="{top + 28}" font-weight="bold" fill="{_INK}">{title}</text>'
    for tick in range(round((high - low) / step) + 1):
        y = up(low + tick * step)
        yield f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="{_GRID}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_QUIET}">{low + tick * step:.4g}</text>'
    for power in range(math.ceil(first), math.floor(last) + 1):
        yield f'<text x="{across(2**power):.1f}" y="{top + 290}" text-anchor="middle" fill="{_QUIET}">{2**power}</text>'
    below = "bytes of a vector in memory; those with as many stand side by side"
    yield f'<text x="{_RIGHT}" y="{top + 308}" text-anchor="end" fill="{_QUIET}">{below}</text>'
    if line is not None:
        yield f'<path d="M{_LEFT} {up(line):.1f}H{_RIGHT}" stroke="{_QUIET}" stroke-dasharray="5 4"/>'
    best = {plan.recommended.compression, plan.alone.compression}
    for choice, figure, x in zip(plan.choices, figures, _beside(sizes, across), strict=True):
        colour = _MARK if choice.compression in best else _PLAIN
        points.append(_Point(x, up(figure.value), up(figure.low), up(figure.high), str(choice.compression), colour))
    dashes = [] if line is None else [(float(_LEFT), up(line) - 1, float(_RIGHT), up(line) + 1)]
    yield from _marks(points, dashes, (_LEFT, top + 36, _RIGHT + 30, top + 276))


def _beside(sizes: Sequence[int], across: Callable[[float], float]) -> Iterator[float]:
    for number, size in enumerate(sizes):
        yield across(size) + _BESIDE * (sizes[:number].count(size) - (sizes.count(size) - 1) / 2)


def _marks(points: list[_Point], lines: list[Box], panel: Box) -> Iterator[str]:
    """Yield points, intervals and labels; each label stands where it covers least."""
    taken = [(point.x - 5, point.y - 5, point.x + 5, point.y + 5) for point in points]
    bars = lines + [(point.x - 1, point.high, point.x + 1, point.low) for point in points]
    for point in points:
        yield (
            f'<path d="M{point.x:.1f} {point.low:.1f}V{point.high:.1f}M{point.x - 3:.1f} {point.low:.1f}h6'
            f'M{point.x - 3:.1f} {point.high:.1f}h6" stroke="{point.colour}" stroke-opacity="0.6"/>'
            f'<circle cx="{point.x:.1f}" cy="{point.y:.1f}" r="4" fill="{point.colour}"/>'
        )
    for point in sorted(points, key=lambda point: (point.x, point.y)):
        costs = []
        for place, (dx, dy, anchor) in enumerate(_PLACES):
            box = _box(point, dx, dy, anchor)
            cost = 20 * sum(_shared(box, other) for other in taken) + 3 * sum(_shared(box, other) for other in bars)
            costs.append((cost + 20 * (_area(box) - _shared(box, panel)) + place, place))
        dx, dy, anchor = _PLACES[min(costs)[1]]
        taken.append(_box(point, dx, dy, anchor))
        if abs(dy) > 20:
            end = dy + 3 if dy < 0 else dy - 10
            leader = f"M{point.x:.1f} {point.y:.1f}l{dx / 2:.1f} {end:.1f}"
            yield f'<path d="{leader}" stroke="{_QUIET}" stroke-width="0.6"/>'
        said = f'x="{point.x + dx:.1f}" y="{point.y + dy:.1f}" text-anchor="{anchor}" fill="{_INK}"'
        weight = ' font-weight="bold"' if point.colour == _MARK else ""
        yield f"<text {said}{weight}>{point.label}</text>"


def _box(point: _Point, dx: float, dy: float, anchor: str) -> Box:
    long = _LETTER * len(point.label)
    left = point.x + dx - long * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return left, point.y + dy - _LINE + 3, left + long, point.y + dy + 3


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(one: Box, other: Box) -> float:
    return _area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))


def _step(span: float) -> float:
    """Return a round distance of ticks, some five of them in `span`."""
    power = 10.0 ** math.floor(math.log10(max(span, 1e-6) / 5))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= span / 5 - 1e-12)

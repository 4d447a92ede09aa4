"""What many texts take on many machines like the measured one, and from where on their driver is the limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from knowscape.embed.bench import Measured

__all__ = ["MACHINES", "TEXTS", "Outlook", "most_machines", "outlook"]

TEXTS = (250_000, 10_000_000, 100_000_000, 1_000_000_000)
MACHINES = (1, 8, 16, 100, 1000)


@dataclass(frozen=True, slots=True)
class Outlook:
    """So many texts on so many machines: seconds, bytes on disk, bytes a second of vectors into the driver, the cost.

    `driver_is_limit` where the machines wait for its commits; `cost` in the unit of the price, None without one.
    """

    texts: int
    machines: int
    seconds: float
    driver_is_limit: bool
    stored: int
    received: float
    cost: float | None


def outlook(
    measured: Measured, *, texts: Sequence[int] = TEXTS, machines: Sequence[int] = MACHINES, price: float | None = None
) -> list[Outlook]:
    """Return what each number of texts takes on each number of machines, at `price` an hour for each of them.

    Assumed are texts as long as those measured, machines as fast as this one, none of which fails, and a driver beside
    them that commits as fast as this machine does: a lower bound of what a real run takes.
    """
    found = []
    for count in texts:
        for number in machines:
            computed, committed = _seconds(measured)
            seconds = count * max(computed / number, committed)
            cost = None if price is None else price * number * seconds / 3600
            stored, received = round(count * measured.row_bytes), count * 4 * measured.dimension / seconds
            found.append(Outlook(count, number, seconds, committed > computed / number, stored, received, cost))
    return found


def most_machines(measured: Measured) -> float:
    """Return how many machines like this one a driver like this one can commit for."""
    computed, committed = _seconds(measured)
    return computed / committed


def _seconds(measured: Measured) -> tuple[float, float]:
    """Return the seconds that a text takes to be embedded, and to be committed."""
    return (measured.tokenise + measured.run) / 1000, measured.write / 1000

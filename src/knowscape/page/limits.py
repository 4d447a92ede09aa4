"""How much one client may ask of the server, and how long it may take over it."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

__all__ = ["Allowance", "Limits", "client_of"]

# So many clients are remembered; who has not asked for the longest is forgotten first.
_CLIENTS = 10_000
# One household or campus has at least so many bits of IPv6 addresses to choose from.
_OWN_BITS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server allows.

    A client may ask the API `rate` times a second, and `burst` times at once; a placement counts as `placement` times.
    `body` bytes of a request are read.  `connections` may be open, `each` by one client.  A request must have arrived
    within `sending` seconds, an answer that is not taken for `stalled` seconds is dropped, and a server that stops
    waits `stopping` seconds for the answers that it is giving.
    """

    rate: float = 30
    burst: int = 120
    placement: int = 5
    body: int = 256 * 1024
    connections: int = 500
    each: int = 200
    sending: float = 20
    stalled: float = 30
    stopping: int = 10


class Allowance:
    """Who may still ask: each client has a bucket of `burst` requests, into which `rate` flow back in a second."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, cost: int = 1) -> float:
        """Take `cost` requests, at most `burst`, and return 0; or, where there are fewer, the seconds until there are.

        Refused requests cost nothing, so that a client which waits as long as it is told gets its answer.
        """
        now = self._clock()
        left, then = self._buckets.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - then) * self._rate)
        missing = cost - left
        self._buckets[client] = (left if missing > 0 else left - cost, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        return max(0.0, missing / self._rate)


def client_of(address: str) -> str:
    """Return whom an address belongs to: itself, but the whole network of an IPv6 address outside this machine."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return str(found.ipv4_mapped)
    if found.version == 4 or found.is_loopback:
        return str(found)
    return f"{int(found) >> _OWN_BITS:x}/{_OWN_BITS}"

"""How often one client may ask."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

_CLIENTS = 4096


class Rate:
    """A bucket of tokens for every client: `burst` at once, `per_s` in the long run."""

    def __init__(
        self, per_s: float, burst: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> int:
        """Count a request; 0 if it may be served, else whole seconds to wait.

        Of IPv6 a network of 64 bits is one client. Not for several threads.
        """
        key = _client(client)
        now = self._clock()
        left, then = self._buckets.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - then) * self._per_s)
        served = left >= 1
        self._buckets[key] = (left - served, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)  # whoever was quiet for longest
        return 0 if served else max(1, math.ceil((1 - left) / self._per_s))


def _client(address: str) -> str:
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return address
    if number.version == 4:
        return address
    return str(ipaddress.IPv6Network((int(number) >> 64 << 64, 64)))

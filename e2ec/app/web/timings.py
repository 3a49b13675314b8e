"""How long the steps of a request take: median and 95 % of the last thousand."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import numpy as np

Step = Literal["queue", "decode", "network", "encode"]
_KEPT = 1000


class Timings:
    """Times by step; any thread may add and read them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {
            step: deque(maxlen=_KEPT) for step in get_args(Step)
        }
        self._batches: deque[int] = deque(maxlen=_KEPT)

    def add(self, step: Step, seconds: float) -> None:
        """Count one time."""
        with self._lock:
            self._times[step].append(seconds)

    def add_batch(self, size: int) -> None:
        """Count the pictures that went to the network together."""
        with self._lock:
            self._batches.append(size)

    @contextmanager
    def measure(self, step: Step) -> Iterator[None]:
        """Add how long the block takes, if it ends well."""
        start = time.perf_counter()
        yield
        self.add(step, time.perf_counter() - start)

    def median_s(self, step: Step, default: float) -> float:
        """The median in seconds; `default` before the first time."""
        with self._lock:
            times = list(self._times[step])
        return float(np.median(times)) if times else default

    def summary(self) -> dict[str, dict[str, float]]:
        """For every step count, median_ms and p95_ms; the mean and largest batch under "batch"."""
        with self._lock:
            times = {step: np.array(values) * 1000.0 for step, values in self._times.items()}
            batches = list(self._batches)
        found: dict[str, dict[str, float]] = {}
        for step, values in times.items():
            found[step] = {"count": len(values)}
            if len(values):
                median, high = np.percentile(values, [50, 95])
                found[step] |= {"median_ms": round(median, 2), "p95_ms": round(high, 2)}
        found["batch"] = {"count": len(batches)}
        if batches:
            found["batch"] |= {"mean": round(float(np.mean(batches)), 2), "largest": max(batches)}
        return found

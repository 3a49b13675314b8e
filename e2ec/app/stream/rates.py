"""Frames a second and latency, smoothed so that a person can read them."""

from __future__ import annotations

import math

_SMOOTHING_S = 1.0
"""What lies this long back counts for a third of what is new."""


class Rates:
    """Exponentially smoothed means over time, by times that the caller gives."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._interval: float | None = None
        self._latency: float | None = None

    @property
    def fps(self) -> float:
        """Frames a second; 0 before the second frame."""
        return 1.0 / self._interval if self._interval else 0.0

    @property
    def latency_s(self) -> float:
        """Seconds from capture to the end of the work; 0 before the first frame."""
        return self._latency or 0.0

    def add(self, *, captured: float, now: float) -> None:
        """Count a frame that was captured and finished at these times, in seconds of one clock."""
        interval = None if self._last is None else max(now - self._last, 1e-6)
        self._last = now
        weight = 1.0 if interval is None else 1.0 - math.exp(-interval / _SMOOTHING_S)
        if interval is not None:
            self._interval = _mixed(self._interval, interval, weight)
        self._latency = _mixed(self._latency, now - captured, weight)


def _mixed(old: float | None, new: float, weight: float) -> float:
    return new if old is None else old + weight * (new - old)

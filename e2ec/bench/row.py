"""One line of the speed table: ours and its peers, each as a call without arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What is timed against what.

    Every call does the same work on the same inputs, made before; one that runs on a GPU waits for
    the GPU itself. Heavy set-up belongs before the `yield` of the row.
    """

    name: str
    """Unique and stable: recorded ratios are found by it."""
    includes: str
    """What is included in the time, for readers of the table."""
    ours: Callable[[], object]
    """Our implementation."""
    peers: dict[str, Callable[[], object]]
    """What one would use instead, by name; the first is the one that `goal` speaks of."""
    goal: float | None = None
    """At least how many times faster than the first peer ours is to be."""
    threads: int = 2
    """CPU threads of either side."""
    missing: tuple[str, ...] = ()
    """Peers that cannot be imported here."""

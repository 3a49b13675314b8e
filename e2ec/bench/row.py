"""One line of the speed table: ours and its peers, each as a call without arguments."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Call = Callable[[], object]


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
    ours: Call
    """Our implementation."""
    peers: Mapping[str, Call | None]
    """What one would use instead, by name; None where its package cannot be imported. The first is
    the one that `goal` speaks of."""
    goal: float | None = None
    """Ours should be at least this many times faster than the first peer."""
    threads: int = 2
    """CPU threads of either side."""


def optional(module: str, name: str) -> Any:
    """What a module of a package calls `name`; None where that is not installed."""
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:
        return None

"""How much memory a process uses."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_memory() -> float:
    """The most that this process ever held, MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def shared_memory(process: int) -> float:
    """Proportional set size of a process of Linux, MiB: what n processes share counts one n-th."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:") / 1024

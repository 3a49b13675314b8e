"""The guard: has a ratio fallen by more than a third below the recorded one?"""

from __future__ import annotations

from collections.abc import Sequence

from e2ec.bench.harness import Result
from e2ec.bench.records import Record

LARGEST_FALL = 1 / 3


def fallen(recorded: Sequence[Record], fresh: Sequence[Record]) -> dict[tuple[str, str], list[str]]:
    """Rows with a ratio that has fallen by more than `LARGEST_FALL`: one line for each peer."""
    old = {record.key: record.result for record in recorded}
    lines = {r.key: _falls(old[r.key], r.result) for r in fresh if r.key in old}
    return {key: found for key, found in lines.items() if found}


def compared(recorded: Sequence[Record], fresh: Sequence[Record]) -> tuple[int, int]:
    """How many recorded ratios have been measured again, and how many there are."""
    new = {record.key: record.result.peers for record in fresh}
    found = [peer in new.get(entry.key, {}) for entry in recorded for peer in entry.result.peers]
    return sum(found), len(found)


def _falls(recorded: Result, fresh: Result) -> list[str]:
    lines = []
    for name in recorded.peers.keys() & fresh.peers.keys():
        before, now = recorded.peers[name].ratio.median, fresh.peers[name].ratio.median
        if now < before * (1 - LARGEST_FALL):
            lines.append(
                f"{fresh.name}: {now:.3g} times as fast as {name}, recorded {before:.3g}: "
                f"fallen by {1 - now / before:.0%}"
            )
    return sorted(lines)


def not_compared(recorded: Sequence[Record], fresh: Sequence[Record]) -> list[str]:
    """One line for everything that is only recorded or only measured."""
    old = {record.key: record.result for record in recorded}
    new = {record.key: record.result for record in fresh}
    lines = [f"{name}: not recorded yet" for topic, name in new if (topic, name) not in old]
    for key, result in old.items():
        if key not in new:
            lines.append(f"{result.name}: recorded, but not measured here")
            continue
        for peer in result.peers:
            if peer not in new[key].peers:
                lines.append(f"{result.name}: {peer} is missing here")
        for peer in new[key].peers:
            if peer not in result.peers:
                lines.append(f"{result.name}: {peer} is not recorded yet")
    return lines

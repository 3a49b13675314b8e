"""The guard: has a ratio fallen by more than a third below the recorded one?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from e2ec.bench.records import Record

LARGEST_FALL = 1 / 3


@dataclass
class Comparison:
    """Fresh ratios beside recorded ones."""

    fallen: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Rows with a ratio that has fallen by more than `LARGEST_FALL`: one line for each peer."""
    unmatched: list[str] = field(default_factory=list)
    """One line for everything that is only recorded or only measured."""
    count: int = 0
    """How many recorded ratios have been measured again."""


def compare(recorded: Sequence[Record], fresh: Sequence[Record]) -> Comparison:
    """Compare row by row and peer by peer."""
    found = Comparison()
    old = {record.key: record.result.peers for record in recorded}
    new = {record.key: record.result.peers for record in fresh}
    for key in {**old, **new}:
        _, name = key
        if key not in old or key not in new:
            where = "recorded, but not measured here" if key in old else "not recorded yet"
            found.unmatched.append(f"{name}: {where}")
            continue
        for peer in {**old[key], **new[key]}:
            if peer not in old[key] or peer not in new[key]:
                where = "missing here" if peer in old[key] else "not recorded yet"
                found.unmatched.append(f"{name}: {peer} is {where}")
                continue
            found.count += 1
            before, now = old[key][peer].ratio.median, new[key][peer].ratio.median
            if now < before * (1 - LARGEST_FALL):
                found.fallen.setdefault(key, []).append(
                    f"{name}: {now:.3g} times as fast as {peer}, recorded {before:.3g}: "
                    f"fallen by {1 - now / before:.0%}"
                )
    return found

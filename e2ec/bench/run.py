"""Collecting the rows of all topics and measuring one after the other."""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from e2ec.bench.harness import measure
from e2ec.bench.records import Environment, Record, load_average
from e2ec.bench.row import Row

# Each is a module here with `rows() -> Iterator[Row]`, in the order of the tables.
TOPICS = (
    "noise",
    "operators",
    "gpu_operators",
    "inference",
    "sharp",
    "training",
    "polygons",
    "pipeline",
)


@dataclass
class Run:
    """What to measure and how, and what failed.

    Args:
        only: topics, or parts of the names of rows; without any all rows.
        repeats: rounds of every row at least.
        threads: in place of the rows' own number.
        failures: grows by a line for everything that raised an error; the rest goes on.
    """

    only: Sequence[str] = ()
    repeats: int = 7
    threads: int | None = None
    failures: list[str] = field(default_factory=list)

    def records(self) -> Iterator[Record]:
        """Every chosen row, measured; says so on stderr."""
        for topic in TOPICS:
            # Where topics alone are named, the others are not set up.
            if self.only and set(self.only) <= set(TOPICS) and topic not in self.only:
                continue
            try:
                for row in importlib.import_module(f"e2ec.bench.{topic}").rows():
                    if not self.only or any(n == topic or n in row.name for n in self.only):
                        yield from self._record(topic, row)
                    del row  # networks are large: free this one's before the next is made
                    gc.collect()
            except Exception as error:
                self._fail(topic, error)

    def _record(self, topic: str, row: Row) -> Iterator[Record]:
        """One record; none, and a line in `failures`, if the row fails."""
        print(f"{row.name} ...", end=" ", flush=True, file=sys.stderr)
        before = load_average()
        try:
            result = measure(row, repeats=self.repeats, threads=self.threads)
        except Exception as error:
            self._fail(row.name, error)
            return
        ratios = [f"{p.ratio.median:.3g} times {name}" for name, p in result.peers.items()]
        missing = [f"no {name}" for name in result.missing]
        print(", ".join([*ratios, *missing]) or "measured", file=sys.stderr)
        yield Record(topic, result, (before, load_average()), Environment.here())

    def _fail(self, name: str, error: Exception) -> None:
        traceback.print_exception(error)
        self.failures.append(f"{name}: failed ({type(error).__name__}: {error})")

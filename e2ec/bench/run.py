"""Collecting the rows of all topics and measuring one after the other."""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from e2ec.bench.harness import Result, measure
from e2ec.bench.records import Environment, Record, load_average
from e2ec.bench.row import Row

# Each is a module here with `rows() -> Iterator[Row]`, in the order of the tables.
TOPICS = ("noise", "operators", "gpu_operators", "inference", "training", "polygons", "pipeline")


@dataclass
class Run:
    """What to measure and how, and what failed.

    Args:
        only: topics, or parts of the names of rows; without any all rows.
        repeats: rounds of every row at least.
        threads: in place of the rows' own number.
        failures: grows by a line for everything that raised an error.
    """

    only: Sequence[str] = ()
    repeats: int = 7
    threads: int | None = None
    failures: list[str] = field(default_factory=list)

    def records(self) -> Iterator[Record]:
        """Every chosen row, measured."""
        environment = Environment.here()
        for topic, row in self.rows():
            before = load_average()
            result = self.measure(row)
            del row  # networks are large: free this one's before the next is made
            if result is not None:
                yield Record(topic, result, (before, load_average()), environment)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Topic and row, each row made when the one before has been measured."""
        for topic in self.topics():
            try:
                for row in importlib.import_module(f"e2ec.bench.{topic}").rows():
                    if not self.only or any(n == topic or n in row.name for n in self.only):
                        yield topic, row
                    del row
                    gc.collect()
            except Exception as error:
                self.fail(topic, error)

    def topics(self) -> list[str]:
        """The named topics where nothing else is asked for, so that the others are not set up."""
        if self.only and set(self.only) <= set(TOPICS):
            return [topic for topic in TOPICS if topic in self.only]
        return list(TOPICS)

    def measure(self, row: Row) -> Result | None:
        """The measured row, or None with a line in `failures`; says so on stderr."""
        print(f"{row.name} ...", end=" ", flush=True, file=sys.stderr)
        try:
            result = measure(row, repeats=self.repeats, threads=self.threads)
        except Exception as error:
            self.fail(row.name, error)
            return None
        ratios = [f"{p.ratio.median:.3g} times {name}" for name, p in result.peers.items()]
        missing = [f"no {name}" for name in row.missing]
        print(", ".join([*ratios, *missing]) or "measured", file=sys.stderr)
        return result

    def fail(self, name: str, error: Exception) -> None:
        """Note what went wrong; the rest goes on."""
        traceback.print_exception(error)
        self.failures.append(f"{name}: failed ({type(error).__name__}: {error})")

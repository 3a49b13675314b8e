"""The command line of the benchmarks: measure and print, record, or check.

`--record` puts the measured rows among those of e2ec/bench/ratios.json and all of them into
docs/benchmarks.md. `--check` compares with what is recorded and fails where a ratio has fallen by
more than a third in two measurements.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, UseAppendAction, arg

from e2ec.app.commands.options import parse_options
from e2ec.bench.check import compare
from e2ec.bench.records import Record, merge, read_records, write_records
from e2ec.bench.report import replace_section, to_markdown
from e2ec.bench.run import TOPICS, Run
from lib.errors import InputError
from lib.files import atomic_write_text, read_text

RATIOS = Path(__file__).with_name("ratios.json")
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class BenchOptions:
    """Speed side by side: ours against what one would use instead."""

    only: Annotated[
        UseAppendAction[tuple[str, ...]],
        arg(metavar="NAME", help=f"A topic ({', '.join(TOPICS)}) or a part of a row's name."),
    ] = ()
    threads: int | None = None
    """In place of the rows' own number, 2."""
    repeats: int = 7
    """Rounds at least."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None
    """Write what was measured."""
    record: FlagCreatePairsOff[bool] = False
    """Update ratios.json and the docs."""
    check: FlagCreatePairsOff[bool] = False
    """Compare with ratios.json."""

    def __post_init__(self) -> None:
        for name, value in (("threads", self.threads), ("repeats", self.repeats)):
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be at least 1, not {value}")
        if self.record and self.check:
            raise ValueError("--record is not allowed with --check")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 1 if a row failed or its ratio has fallen.

    Raises:
        InputError: a file is unusable, or no row is named like that.
    """
    options = parse_options(BenchOptions, arguments, "python -m e2ec.bench")
    bench = Run(options.only, options.repeats, options.threads)
    recorded = read_records(RATIOS) if options.check else []
    fresh = list(bench.records())
    if not fresh and not bench.failures:
        raise InputError(f"no row is named {' or '.join(options.only) or 'at all'}")
    if options.json is not None:
        write_records(options.json, fresh)
    print(to_markdown(fresh))
    if options.record:
        record(fresh)
    lines = check(bench, recorded, fresh) if options.check else []
    _say(*lines, *bench.failures)
    return 1 if lines or bench.failures else 0


def record(fresh: Sequence[Record]) -> None:
    """Put fresh rows among the recorded ones, and all of them into the document.

    Raises:
        InputError: a file cannot be read or written, or the document has no markers.
    """
    text = read_text(DOCUMENT)
    merged, kept = merge(read_records(RATIOS) if RATIOS.exists() else [], fresh)
    text = replace_section(text, to_markdown(merged))
    write_records(RATIOS, merged)
    atomic_write_text(DOCUMENT, text)
    _say(*kept)


def check(bench: Run, recorded: Sequence[Record], fresh: Sequence[Record]) -> list[str]:
    """One line for every ratio that has fallen, also when its row is measured again."""
    if bench.only:
        measured = {entry.key for entry in fresh}
        recorded = [entry for entry in recorded if entry.key in measured]
    total = sum(len(entry.result.peers) for entry in recorded)
    found = compare(recorded, fresh)
    _say(*found.unmatched, f"compared {found.count} of {total} recorded ratios")
    if not found.fallen:
        if found.count:
            _say("no ratio has fallen by more than a third")
        return []
    _say("measuring again what has fallen")
    again = replace(bench, only=[name for _, name in found.fallen])
    confirmed = compare(recorded, list(again.records())).fallen
    return [line for key in found.fallen for line in confirmed.get(key, [])]


def _say(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)

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
from e2ec.bench.check import compared, fallen, not_compared
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
    """Returns 0, or 1 if a row failed or its ratio has fallen, or a file is unusable."""
    options = parse_options(BenchOptions, arguments, "python -m e2ec.bench")
    run = Run(options.only, options.repeats, options.threads)
    try:
        recorded = read_records(RATIOS) if options.check else []
        fresh = list(run.records())
        if not fresh and not run.failures:
            raise InputError(f"no row is named {' or '.join(options.only) or 'at all'}")
        if options.json is not None:
            write_records(options.json, fresh)
        print(to_markdown(fresh))
        if options.record:
            record(fresh)
        lines = check(run, recorded, fresh) if options.check else []
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in [*lines, *run.failures]:
        print(line, file=sys.stderr)
    return 1 if lines or run.failures else 0


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
    for line in kept:
        print(line, file=sys.stderr)


def check(run: Run, recorded: Sequence[Record], fresh: Sequence[Record]) -> list[str]:
    """One line for every ratio that has fallen, also when its row is measured again."""
    if run.only:
        measured = {entry.key for entry in fresh}
        recorded = [entry for entry in recorded if entry.key in measured]
    for line in not_compared(recorded, fresh):
        print(line, file=sys.stderr)
    count, total = compared(recorded, fresh)
    print(f"compared {count} of {total} recorded ratios", file=sys.stderr)
    suspects = fallen(recorded, fresh)
    if not suspects:
        if count:
            print("no ratio has fallen by more than a third", file=sys.stderr)
        return []
    print("measuring again what has fallen", file=sys.stderr)
    again = replace(run, only=[name for _, name in suspects])
    confirmed = fallen(recorded, list(again.records()))
    return [line for key in suspects for line in confirmed.get(key, [])]

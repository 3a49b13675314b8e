"""The command line of the benchmarks: measure and print, record, or check.

`--record` puts the measured rows among those of e2ec/bench/ratios.json and all of them into
docs/benchmarks.md. `--check` compares with what is recorded and fails where a ratio has fallen by
more than a third in two measurements.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from e2ec.bench.check import compared, fallen, not_compared
from e2ec.bench.records import Record, merge, read_records, write_records
from e2ec.bench.report import replace_section, to_markdown
from e2ec.bench.run import TOPICS, Run
from lib.errors import InputError
from lib.files import atomic_write_text, read_text

RATIOS = Path(__file__).with_name("ratios.json")
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 1 if a row failed or its ratio has fallen, or a file is unusable."""
    options = parse(arguments)
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


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m e2ec.bench",
        description="Speed side by side: ours against what one would use instead.",
    )
    only = f"a topic ({', '.join(TOPICS)}) or a part of a row's name; may be repeated"
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help=only)
    parser.add_argument("--threads", type=_positive, help="in place of the rows' own number, 2")
    parser.add_argument("--repeats", type=_positive, default=7, help="rounds at least")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--record", action="store_true", help="update ratios.json and the docs")
    either.add_argument("--check", action="store_true", help="compare with ratios.json")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)

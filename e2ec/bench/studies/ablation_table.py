"""The ablation as tables in Markdown, and as a section of docs/ablation.md."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2ec.bench.report import table
from e2ec.bench.studies.ablation_options import AblationOptions
from e2ec.bench.studies.ablation_rows import Row
from e2ec.bench.studies.boundary_study import mean_and_spread
from lib.errors import InputError
from lib.files import atomic_write_text, read_text

DOCUMENT = Path(__file__).parents[3] / "docs" / "ablation.md"

Found = dict[str, tuple[float, ...]]
"""AP and boundary AP, %, by stage in order; the last refinement is the result."""

_HEADER = ("row", "seeds", "AP", "boundary AP", "AP by stage", "boundary AP by stage", "paper")


def to_markdown(rows: Sequence[Row], found: Mapping[str, Sequence[Found]]) -> str:
    """A line a row: means over its seeds, in parentheses largest - smallest; by stage means alone.

    Args:
        rows: of the table, in order.
        found: by the name of the row, of each of its runs.
    """
    lines = []
    for row in rows:
        runs = found[row.name]
        stages = list(runs[0])
        result = [mean_and_spread(run[stages[-1]][i] for run in runs) for i in (0, 1)]
        by_stage = [
            " / ".join(f"{sum(run[s][i] for run in runs) / len(runs):.1f}" for s in stages)
            for i in (0, 1)
        ]
        paper = "" if row.paper is None else " / ".join(f"{value:.1f}" for value in row.paper)
        lines.append([row.name, str(len(runs)), *result, *by_stage, paper])
    return table(_HEADER, lines)


def stage_table(milliseconds: Mapping[str, float]) -> str:
    """Milliseconds an image by the stage that the network ends with."""
    lines = [[stage, f"{value:.1f}"] for stage, value in milliseconds.items()]
    return table(("the network ends with", "ms an image"), lines)


def command_of(options: AblationOptions) -> str:
    """The command that made a table; where the data lies is the reader's."""
    words = ["python -m e2ec bench ablation", f"--data {options.data}"]
    words += [] if options.root is None else [f"--root /data/{options.data}"]
    words += [f"--table {options.table} --seeds {options.seeds} --epochs {options.length}"]
    words += [f"--rows {shlex.join(options.rows)}"] if options.rows else []
    words += [f"--extra {shlex.quote(options.extra)}"] if options.extra else []
    if options.known:
        words += [] if options.results is None else [f"--results {options.results.name}"]
        words.append("--known")
    return " ".join([*words, *["--times"] * options.times])


def record(text: str, options: AblationOptions, document: Path | None = None) -> None:
    """Put a table with its command between its markers in the document.

    Raises:
        InputError: the document cannot be read or written, or has no such markers.
    """
    document = document or DOCUMENT
    name = f"{options.data} {options.table}"
    begin, end = f"<!-- ablation {name}: begin -->", f"<!-- ablation {name}: end -->"
    head, found, rest = read_text(document).partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise InputError(f"{document}: the markers {begin} and {end} are not there")
    section = f"    {command_of(options)}\n\n{text}"
    atomic_write_text(document, f"{head}{begin}\n\n{section}\n\n{end}{tail}")

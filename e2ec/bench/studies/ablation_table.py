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
"""AP, boundary AP and, where it is known, the IoU at labelled centres, %, by stage in order; the
last refinement is the result."""

_HEADER = (
    "row", "seeds", "AP", "boundary AP", "IoU at centres",
    "AP by stage", "boundary AP by stage", "IoU by stage", "paper",
)  # fmt: skip


def to_markdown(rows: Sequence[Row], found: Mapping[str, Sequence[Found]]) -> str:
    """A line a row: means over its seeds, in parentheses largest - smallest; by stage means alone.

    Args:
        rows: of the table, in order.
        found: by the name of the row, of each of its runs.
    """
    lines = []
    for row in rows:
        runs = found[row.name]
        result = [_last(runs, i) for i in range(3)]
        by_stage = [_by_stage(runs, i) for i in range(3)]
        paper = "" if row.paper is None else " / ".join(f"{value:.1f}" for value in row.paper)
        lines.append([row.name, str(len(runs)), *result, *by_stage, paper])
    return table(_HEADER, lines)


def _with(runs: Sequence[Found], place: int) -> list[Found]:
    """The runs that know a value of every stage."""
    return [run for run in runs if all(len(values) > place for values in run.values())]


def _last(runs: Sequence[Found], place: int) -> str:
    """Mean and spread of a value of the last stage."""
    known = _with(runs, place)
    return mean_and_spread(run[list(run)[-1]][place] for run in known) if known else ""


def _by_stage(runs: Sequence[Found], place: int) -> str:
    """Its means by stage."""
    known = _with(runs, place)
    means = (sum(run[s][place] for run in known) / len(known) for s in runs[0]) if known else ()
    return " / ".join(f"{mean:.1f}" for mean in means)


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

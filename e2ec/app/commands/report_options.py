"""The command line of `python -m e2ec report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from e2ec.app.commands.options import parse_options


@dataclass(frozen=True)
class ReportOptions:
    """Write what an evaluation or a training run has found as one HTML file that opens offline.

    Of an evaluation it shows AP by class, size and stage, curves, errors and examples; of a run its
    curves and settings; of two of a kind both side by side (docs/reports.md).
    """

    folder: Positional[Path]
    """What test.py wrote (its --out) or a run's folder of train.py."""
    other: Positional[Path | None] = None
    """Another of the same kind, to compare with."""
    out: Path | None = None
    """File to write; None takes report.html in the (first) folder."""
    root: Path | None = None
    """Where the data of an evaluation lies now, if not where it lay."""
    examples: int = 4
    """Examples of each kind: best, worst, random, misses, false finds."""
    seed: int = 0
    """Seed of the random examples."""

    def __post_init__(self) -> None:
        if not 0 <= self.examples <= 100:
            raise ValueError("--examples must lie between 0 and 100")
        if self.seed < 0:
            raise ValueError("--seed must not be negative")
        if self.out is not None and self.out.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"--out must end in .html, not be {self.out}")


def report_command(arguments: Sequence[str], program: str = "python -m e2ec report") -> int:
    """`program ARGUMENTS`; returns the exit status."""
    options = parse_options(ReportOptions, arguments, program)
    from e2ec.app.commands.report import report  # loads the data sets

    path = report(
        options.folder,
        options.other,
        out=options.out,
        root=options.root,
        examples=options.examples,
        seed=options.seed,
    )
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0

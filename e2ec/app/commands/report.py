"""`python -m e2ec report`, and `e2ec.report`."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

from e2ec.config import Config
from lib.errors import InputError
from lib.files import atomic_write_text

FILE = "report.html"


def report(
    folder: str | Path,
    other: str | Path | None = None,
    *,
    out: str | Path | None = None,
    root: str | Path | None = None,
    examples: int = 4,
    seed: int = 0,
) -> Path:
    """Write the report of an evaluation or a training run as one HTML file that opens offline.

    Args:
        folder: what `test.py` wrote (its --out), or a run's folder of `train.py`.
        other: another of the same kind: the report shows both side by side.
        out: file to write; None takes report.html in `folder`.
        root: where the data of an evaluation lies now, if not where it lay.
        examples: how many examples of each kind are shown.
        seed: of the random ones.

    Returns:
        The file.

    Raises:
        InputError: matplotlib is missing, a folder is not what it should be, its data is missing,
            both are not of one kind or data set, or the file cannot be written.
    """
    require_report()
    from e2ec.app.report.page import report_page

    page = report_page(
        Path(folder),
        None if other is None else Path(other),
        root=None if root is None else Path(root),
        examples=examples,
        seed=seed,
    )
    path = Path(folder) / FILE if out is None else Path(out)
    atomic_write_text(path, page)
    return path


def report_training(config: Config) -> Callable[[], None]:
    """What writes and names the report of a run once it has ended, where `train.report` asks for
    it; of several processes the first writes.

    Raises:
        InputError: matplotlib is missing: told before the work, not after it.
    """
    if not config.train.report or int(os.environ.get("RANK", "0")) > 0:
        return lambda: None
    require_report()
    return lambda: print(f"report: {report(config.out / config.name)}")


def require_report() -> None:
    """Raise InputError where the package of the extra `report` is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError('reports need matplotlib: pip install "e2ec[report]"')

"""Opening whatever data set lies at a path."""

from __future__ import annotations

from pathlib import Path

from dataset.checks.problems import Action, Problem, Report, strict
from dataset.formats.detect import detect_format
from dataset.formats.format import Format, Split
from dataset.index.dataset import IndexedDataset
from lib.errors import InputError


def open_path(
    path: str | Path,
    *,
    format: Format | None = None,
    images: Path | None = None,
    settings: object = None,
    report: Report = strict,
) -> dict[str, IndexedDataset]:
    """The splits of the data set at a path by name: of the split, or of the label file.

    Splits that are not there, or repeat another, are left out. One that is there, and cannot be
    read while others can, is a problem of its own.

    Args:
        path: a label file or folder.
        format: its format; None finds it out.
        images: folder of its images.
        settings: what has the format's settings as attributes; None takes its defaults.
        report: told what is wrong with single entries and with single splits.

    Raises:
        InputError: the format is not known, the images are not found, or nothing can be read.
    """
    path = Path(path)
    format = format or detect_format(path)
    found: dict[str, IndexedDataset] = {}
    failed: list[tuple[Split, InputError]] = []
    for split in format.find(path, images, settings):
        if split.repeats:
            continue
        try:
            index = format.read(split, report)
            found[split.name] = IndexedDataset(format.images(split, index), index)
        except InputError as error:
            failed.append((split, error))
    if failed and not found:
        raise failed[0][1]
    if not found:
        raise InputError(f"{path}: holds no split that could be read; give the whole data set")
    for split, why in failed:
        file, _, rest = str(why).partition(": ")
        what, _, remedy = rest.partition("; ")
        # Training does without test data.
        action: Action = "left out" if split.role == "test" else "stops"
        report(Problem(file, "", "unusable split", what, action, remedy))
    return found

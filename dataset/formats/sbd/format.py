"""SBD as a label format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dataset.formats.format import Format, Reading, Split, SplitName
from dataset.formats.sbd import read as sbd
from lib.errors import InputError


def _recognise(path: Path) -> bool:
    return any(
        (path / place).is_dir()
        for place in ("inst", "dataset/inst", "benchmark_RELEASE/dataset/inst")
    )


def _split(name: SplitName, root: Path, reading: Reading) -> Split:
    if name == "test":
        raise InputError("SBD has no test split; papers report val")
    return Split(
        name,
        name,
        lambda report: sbd.read_sbd(root, name, report=report),
        lambda _: sbd.release_folder(root) / "img",
        lambda: sbd.source_files(root, name),
    )


def _splits(root: Path, reading: Reading) -> Iterator[Split]:
    reading.refuse_images(root, "SBD")
    return (_split(name, root, reading) for name in ("train", "val"))


SBD = Format(name="sbd", title="SBD", recognise=_recognise, splits=_splits, split=_split)

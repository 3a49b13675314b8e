"""SBD as a label format."""

from __future__ import annotations

from pathlib import Path

from dataset.formats.format import Format, Split
from dataset.formats.sbd import read as sbd


def _recognise(path: Path) -> bool:
    places = ("inst", "dataset/inst", "benchmark_RELEASE/dataset/inst")
    return any((path / place).is_dir() for place in places)


SBD = Format(
    name="sbd",
    title="SBD",
    recognise=_recognise,
    splits=lambda root, _: [Split("train", "train", root), Split("val", "val", root)],
    read=lambda split, report: sbd.read_sbd(split.labels, split.which, report=report),
    images=lambda split, _: sbd.release_folder(split.labels) / "img",
    sources=lambda split: sbd.source_files(split.labels, split.which),
    takes_images=False,
    roles=("train", "val"),
)

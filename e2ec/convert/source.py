"""Opening labels of any format that is read, together with the place of their images."""

from __future__ import annotations

import posixpath
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dataset.checks.problems import Report, strict
from dataset.formats.choose_split import require_split
from dataset.formats.format import Format, SplitName
from dataset.index.fraction_split import divide
from dataset.index.label_index import LabelIndex
from lib.errors import InputError


@dataclass(frozen=True)
class Source:
    """Labels to convert.

    Attributes:
        path: the file or folder they come from.
        index: the labels.
        names: file name of every image, in order, relative to `images`.
        images: folder of the images; None where nothing says it.
    """

    path: Path
    index: LabelIndex
    names: list[str]
    images: Path | None

    def image_path(self, position: int) -> Path:
        """The image at a position.

        Raises:
            InputError: the folder of the images is not known, or the image is missing.
        """
        if self.images is None:
            raise InputError(f"{self.path}: does not say where its images are; give --images")
        path = self.images / self.names[position]
        if not path.is_file():
            raise InputError(f"{path}: image not found; give the folder of the images (--images)")
        return path


def open_source(
    path: Path,
    format: Format,
    split: SplitName,
    images: Path | None = None,
    report: Report = strict,
) -> Source:
    """Read labels.

    Args:
        path: file or folder.
        format: the format.
        split: which to read, where there are several.
        images: folder of the images, where the format does not say it; of YOLO the folder that
            holds images and labels.
        report: told every problem.

    Raises:
        InputError: something is missing or unusable.
    """
    chosen = require_split(path, format.find(path, images), split, format=format)
    index = format.read(chosen, report)
    if not index.labelled or len(index) == 0:
        raise InputError(f"{path}: has no labelled images to convert")
    folder: Path | None = None
    with suppress(InputError):  # not every target needs the images
        folder = format.images(chosen, index)
    names = list(index.image_names)
    if format.folders_in_names and folder is not None:
        # They would be carried into the next format.
        common = posixpath.commonpath([posixpath.dirname(name) for name in names])
        folder = folder / common
        names = [posixpath.relpath(name, common or ".") for name in names]
    return Source(path, index, names, folder)


def divide_source(source: Source, fraction: float, seed: int) -> dict[SplitName, Source]:
    """The images that training keeps to train on, and those it validates on.

    Raises:
        InputError: there are fewer than two images.
    """
    train, val = divide(source.index, fraction, seed)
    names = dict(zip(source.index.image_ids, source.names, strict=True))
    return {
        "train": replace(source, index=train, names=[names[key] for key in train.image_ids]),
        "val": replace(source, index=val, names=[names[key] for key in val.image_ids]),
    }

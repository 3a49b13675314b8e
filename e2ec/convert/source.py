"""Opening labels of any format that is read, together with the place of their images."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataset.cityscapes import image_folder, read_cityscapes
from dataset.coco_format import read_coco
from dataset.detect import Format, coco_files, kins_files
from dataset.kins import read_kins
from dataset.label_index import LabelIndex
from dataset.labelme import read_labelme
from dataset.mask_folder import read_mask_folder
from dataset.open_path import guess_image_folder
from dataset.problems import Report, strict
from dataset.sbd import read_sbd, release_folder
from dataset.yolo import read_yolo
from dataset.yolo_layout import Split, yolo_image_folder
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
    path: Path, kind: Format, split: Split, images: Path | None = None, report: Report = strict
) -> Source:
    """Read labels.

    Args:
        path: file or folder, as the reader of the format wants it; of COCO also a folder that holds
            an annotation file, of masks the folder that holds `images` and `masks`.
        kind: the format.
        split: the part to read, where the format has several.
        images: folder of the images, where the format does not say it; of YOLO the folder that
            holds images and labels.
        report: told every problem.

    Raises:
        InputError: something is missing or unusable.
    """
    index, folder = _read(path, kind, split, images, report)
    if not index.labelled or len(index) == 0:
        raise InputError(f"{path}: has no labelled images to convert")
    names = [index.image(i).name for i in range(len(index))]
    if kind == "yolo" and folder is not None:
        # Names like images/train/a.jpg would carry the folders of this format into the next.
        common = os.path.commonpath([os.path.dirname(name) for name in names])
        folder = folder / common
        names = [os.path.relpath(name, common or ".") for name in names]
    return Source(path, index, names, folder)


def _read(
    path: Path, kind: Format, split: Split, images: Path | None, report: Report
) -> tuple[LabelIndex, Path | None]:
    """The labels and the folder that their image names are relative to."""
    if kind in ("coco", "kins"):
        file = _one_file(path, coco_files if kind == "coco" else kins_files, split)
        index = read_coco(file, report) if kind == "coco" else read_kins(file, report=report)
        return index, images or _find_images(file, index)
    if kind == "yolo":
        index = read_yolo(path, split, root=images, report=report)
        return index, yolo_image_folder(path, images)
    if kind == "labelme":
        return read_labelme(path, images, report=report), images or path
    if kind == "masks":
        masks = path / "masks" if (path / "masks").is_dir() else path
        return read_mask_folder(images or path / "images", masks, report=report), (
            images or path / "images"
        )
    if kind == "sbd":
        if split == "test":
            raise InputError(f"{path}: SBD has no test split; give --split train or val")
        return read_sbd(path, split, report=report), release_folder(path) / "img"
    return read_cityscapes(path, split, report=report), image_folder(path, split)


def _one_file(path: Path, find: Callable[[Path], list[Path]], split: str) -> Path:
    """The annotation file of a path: itself, or that of the split in a folder."""
    if not path.is_dir():
        return path
    files = find(path)
    of_split = [file for file in files if split in file.stem]
    for candidates in (of_split, files):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(file.name for file in files) or "none"
    raise InputError(f"{path}: has not one annotation file ({names:.200}); give the file itself")


def _find_images(file: Path, index: LabelIndex) -> Path | None:
    try:
        return guess_image_folder(file, index)
    except InputError:
        return None  # not all formats need the images

"""All files that the labels of a folder come from: what `dataset.index.cache` watches."""

from __future__ import annotations

from pathlib import Path

from dataset.formats.image_folder import image_names
from dataset.formats.sbd import read as sbd
from dataset.formats.yolo.layout import YoloLayout, label_name


def folder_files(labels: Path, images: Path) -> list[Path]:
    """Every file in a folder of labels, and every image: sizes are part of the labels."""
    found = sorted(path for path in labels.rglob("*") if path.is_file())
    return found + ([images / name for name in image_names(images)] if images.is_dir() else [])


def yolo_files(layout: YoloLayout) -> list[Path]:
    """data.yaml, or the folder, with the labels and the images of a split."""
    labels = [layout.folder / label_name(name) for name in layout.images]
    return [layout.file, *labels, *(layout.folder / name for name in layout.images)]


def sbd_files(root: Path, split: sbd.Split) -> list[Path]:
    """The file of every image of a split of SBD.

    Raises:
        InputError: SBD is not there.
    """
    folder = sbd.release_folder(root)
    return [folder / "inst" / f"{name}.mat" for name in sbd.split_names(split)]

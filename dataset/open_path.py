"""Opening whatever data set lies at a path, with all of its splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dataset import cityscapes, kins, sbd
from dataset.coco_format import read_coco
from dataset.detect import Format, coco_files, detect_format, kins_files
from dataset.indexed import IndexedDataset
from dataset.label_index import LabelIndex
from dataset.labelme import read_labelme
from dataset.mask_folder import read_mask_folder
from dataset.problems import Report, strict
from dataset.yolo import read_yolo
from dataset.yolo_layout import yolo_image_folder, yolo_layout
from lib.errors import InputError

# So many images are looked for in a folder that may be the one.
_LOOKED_FOR = 20


def open_path(
    path: str | Path, *, images: str | Path | None = None, report: Report = strict
) -> dict[str, IndexedDataset]:
    """The data sets at a path by name: of the split, or of the label file.

    Splits that are not there are left out.

    Args:
        path: a label file or folder of a format that `detect_format` knows.
        images: folder of the images; guessed, or given by the format, without.
        report: told what is wrong with single entries.

    Raises:
        InputError: the format is not known, the images are not found, or there is nothing to read.
    """
    path = Path(path)
    found = dict(_OPENERS[detect_format(path)](path, Path(images) if images else None, report))
    if not found:
        raise InputError(f"{path}: holds no split that could be read; give the whole data set")
    return found


def guess_image_folder(labels: Path, index: LabelIndex) -> Path:
    """The folder near a label file in which the images of its index lie.

    Looked for are the folder of the file, the one above it, and in both of them folders named as in
    the file's name (`instances_val2017.json`: `val2017`), `images`, and KITTI's.

    Raises:
        InputError: none of them has any of the first images.
    """
    stem = labels.stem
    words = [stem.split("_", n)[n] for n in range(1, stem.count("_") + 1)] + stem.split("_")
    names = ["", *words, *(f"images/{word}" for word in words), "images"]
    names += ["training/image_2", "testing/image_2"]
    wanted = [index.image(position).name for position in range(min(len(index), _LOOKED_FOR))]
    for base in (labels.parent, labels.parent.parent):
        for folder in (base / name for name in names):
            if folder.is_dir() and any((folder / name).is_file() for name in wanted):
                return folder
    raise InputError(f"{labels}: image folder not found near it; give it with --images FOLDER")


_Opened = Iterator[tuple[str, IndexedDataset]]


def _open_files(
    files: list[Path], read: Callable[[Path], LabelIndex], images: Path | None
) -> _Opened:
    stems = [file.stem for file in files]
    for file in files:
        index = read(file)
        # Some tools give the files of all splits one name, in folders of their own.
        name = file.stem if stems.count(file.stem) == 1 else f"{file.parent.name}-{file.stem}"
        yield name, IndexedDataset(images or guess_image_folder(file, index), index)


def _open_coco(path: Path, images: Path | None, report: Report) -> _Opened:
    files = coco_files(path) if path.is_dir() else [path]
    return _open_files(files, lambda file: read_coco(file, report), images)


def _open_kins(path: Path, images: Path | None, report: Report) -> _Opened:
    files = kins_files(path) if path.is_dir() else [path]
    return _open_files(files, lambda file: kins.read_kins(file, report=report), images)


def _open_yolo(path: Path, images: Path | None, report: Report) -> _Opened:
    for split in ("train", "val", "test"):
        try:
            yolo_layout(path, split, images)
        except InputError:
            if split == "train":
                raise
            continue  # most data sets have no "test", many no "val"
        index = read_yolo(path, split, root=images, report=report)
        yield split, IndexedDataset(yolo_image_folder(path, images), index)


def _open_labelme(path: Path, images: Path | None, report: Report) -> _Opened:
    folder = path if path.is_dir() else path.parent
    yield folder.name, IndexedDataset(images or folder, read_labelme(folder, images, report=report))


def _open_masks(path: Path, images: Path | None, report: Report) -> _Opened:
    images = images or path / "images"
    yield path.name, IndexedDataset(images, read_mask_folder(images, path / "masks", report=report))


def _open_sbd(path: Path, images: Path | None, report: Report) -> _Opened:
    folder = images or sbd.release_folder(path) / "img"
    splits: tuple[sbd.Split, ...] = ("train", "val")
    for split in splits:
        yield split, IndexedDataset(folder, sbd.read_sbd(path, split, report=report))


def _open_cityscapes(path: Path, images: Path | None, report: Report) -> _Opened:
    splits: tuple[cityscapes.Split, ...] = ("train", "val", "test")
    for split in splits:
        folder = cityscapes.image_folder(path, split)
        if any(folder.glob("*/*")):
            index = cityscapes.read_cityscapes(path, split, report=report)
            yield split, IndexedDataset(images or folder, index)


_OPENERS: dict[Format, Callable[[Path, Path | None, Report], _Opened]] = {
    "coco": _open_coco,
    "kins": _open_kins,
    "yolo": _open_yolo,
    "labelme": _open_labelme,
    "masks": _open_masks,
    "sbd": _open_sbd,
    "cityscapes": _open_cityscapes,
}

"""What the data set at a path consists of, in every format: its parts, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.checks.problems import Report
from dataset.formats import cityscapes, kins
from dataset.formats.class_list import has_class_list
from dataset.formats.coco.read import read_coco
from dataset.formats.detect import Format, coco_files, kins_files
from dataset.formats.label_files import folder_files, sbd_files, yolo_files
from dataset.formats.labelme.read import read_labelme
from dataset.formats.mask_folder import read_mask_folder
from dataset.formats.sbd import read as sbd
from dataset.formats.split_folders import Split, split_folders
from dataset.formats.yolo.layout import (
    repeats_training,
    yolo_image_folder,
    yolo_layout,
    yolo_splits,
)
from dataset.formats.yolo.read import read_yolo
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

# So many images are looked for in a folder that may be the one.
_LOOKED_FOR = 20


@dataclass(frozen=True)
class Reading:
    """How a data set is read where its format leaves a choice.

    Attributes:
        images: folder of the images, of YOLO that of images and labels; guessed, or given by the
            format, without.
        masks: which of KINS' two masks.
        labels: which of Cityscapes' two kinds of label files.
    """

    images: Path | None = None
    masks: kins.Masks = "amodal"
    labels: cityscapes.Source = "instance_ids"


AS_RELEASED = Reading()


@dataclass(frozen=True)
class Part:
    """What is read by itself: a split, or a label file.

    Attributes:
        name: what it is called.
        split: which split it is, where the format says so.
        read: reads the labels.
        images: the folder of the images, given the labels.
        sources: all files that the labels come from.
        repeats: it has the very images of the training part, as YOLO's data.yaml may say.
    """

    name: str
    split: Split | None
    read: Callable[[Report], LabelIndex]
    images: Callable[[LabelIndex], Path]
    sources: Callable[[], list[Path]]
    repeats: bool = False


def parts(path: Path, kind: Format, reading: Reading) -> Iterator[Part]:
    """The parts of a data set; none of them is read, some may turn out to be unusable.

    Raises:
        InputError: nothing is there, or the format does not go with the reading.
    """
    return _PARTS[kind](path, reading)


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
    raise InputError(
        f"{labels}: image folder not found near it; give it with --images FOLDER, "
        "of a preset with --data.train-images FOLDER"
    )


def _files(
    files: list[Path], read: Callable[[Path, Report], LabelIndex], images: Path | None
) -> Iterator[Part]:
    stems = [file.stem for file in files]
    for file in files:
        # Some tools give the files of all splits one name, in folders of their own.
        name = file.stem if stems.count(file.stem) == 1 else f"{file.parent.name}-{file.stem}"
        yield Part(
            name,
            None,
            lambda report, file=file: read(file, report),  # type: ignore[misc]
            lambda index, file=file: images or guess_image_folder(file, index),  # type: ignore[misc]
            lambda file=file: [file],  # type: ignore[misc]
        )


def _coco(path: Path, reading: Reading) -> Iterator[Part]:
    return _files(coco_files(path) if path.is_dir() else [path], read_coco, reading.images)


def _kins(path: Path, reading: Reading) -> Iterator[Part]:
    def read(file: Path, report: Report) -> LabelIndex:
        return kins.read_kins(file, masks=reading.masks, report=report)

    return _files(kins_files(path) if path.is_dir() else [path], read, reading.images)


def _yolo(path: Path, reading: Reading) -> Iterator[Part]:
    def part(split: Split) -> Part:
        return Part(
            split,
            split,
            lambda report: read_yolo(path, split, root=reading.images, report=report),
            lambda _: yolo_image_folder(path, reading.images),
            lambda: yolo_files(yolo_layout(path, split, reading.images)),
            repeats_training(path, split),
        )

    # Training data has to be there; without, the reader says what is missing.
    return map(part, dict.fromkeys(("train", *yolo_splits(path, reading.images))))


def _labelme(path: Path, reading: Reading) -> Iterator[Part]:
    folder = path if path.is_dir() else path.parent

    def part(
        name: str, split: Split | None, labels: Path, images: Path, together: Sequence[Path] = ()
    ) -> Part:
        images = images if images.is_dir() else labels
        places = [labels, *(place for place in together if place != labels)]
        return Part(
            name,
            split,
            lambda report: read_labelme(labels, images, together=together, report=report),
            lambda _: images,
            lambda: [
                *folder_files(labels, images),
                *(file for place in places[1:] for file in folder_files(place, place)),
            ],
        )

    for place in (folder / "labels", folder):
        splits = split_folders(place, ".json")
        listed = any(map(has_class_list, splits.values()))
        together = [] if listed else list(splits.values())
        for split, labels in splits.items():
            near = folder / "images" / labels.name if place != folder else labels
            images = _of_split(reading.images, labels.name) or near
            yield part(split, split, labels, images, together)
        if splits:
            return
    yield part(folder.name, None, folder, reading.images or folder)


def _masks(path: Path, reading: Reading) -> Iterator[Part]:
    def part(name: str, split: Split | None, masks: Path, images: Path) -> Part:
        return Part(
            name,
            split,
            lambda report: read_mask_folder(images, masks, report=report),
            lambda _: images,
            lambda: folder_files(masks, images),
        )

    folders = split_folders(path, ".png")
    if "train" in folders and (folders["train"] / "masks").is_dir():
        for split, folder in folders.items():
            yield part(split, split, folder / "masks", folder / "images")
        return
    places = [path / name for name in ("masks", "labels") if (path / name).is_dir()]
    masks = places[0] if places else path
    splits = split_folders(masks, ".png")
    for split, folder in splits.items():
        images = _of_split(reading.images, folder.name) or path / "images" / folder.name
        yield part(split, split, folder, images)
    if not splits:
        yield part(path.name, None, masks, reading.images or path / "images")


def _of_split(images: Path | None, name: str) -> Path | None:
    """The folder of a split's images in one that was given for all, or that folder itself."""
    return images / name if images is not None and (images / name).is_dir() else images


def _sbd(path: Path, reading: Reading) -> Iterator[Part]:
    _refuse_images(path, reading, "SBD")

    def part(split: sbd.Split) -> Part:
        return Part(
            split,
            split,
            lambda report: sbd.read_sbd(path, split, report=report),
            lambda _: sbd.release_folder(path) / "img",
            lambda: sbd_files(path, split),
        )

    splits: tuple[sbd.Split, ...] = ("train", "val")
    return map(part, splits)


def _cityscapes(path: Path, reading: Reading) -> Iterator[Part]:
    _refuse_images(path, reading, "Cityscapes")

    def part(split: Split) -> Part:
        return Part(
            split,
            split,
            lambda report: cityscapes.read_cityscapes(
                path, split, labels=reading.labels, report=report
            ),
            lambda _: cityscapes.image_folder(path, split),
            lambda: cityscapes.source_files(path, split, reading.labels),
        )

    splits: tuple[Split, ...] = ("train", "val", "test")
    return (part(s) for s in splits if any(cityscapes.image_folder(path, s).glob("*/*")))


def _refuse_images(path: Path, reading: Reading, name: str) -> None:
    if reading.images is not None:
        raise InputError(f"{path}: {name} has its images in a place of its own; omit --images")


_PARTS: dict[Format, Callable[[Path, Reading], Iterator[Part]]] = {
    "coco": _coco,
    "kins": _kins,
    "yolo": _yolo,
    "labelme": _labelme,
    "masks": _masks,
    "sbd": _sbd,
    "cityscapes": _cityscapes,
}

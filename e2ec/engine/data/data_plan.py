"""Settings -> which labels are the training part and which the validation part. Reads no labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dataset.formats import cityscapes, detect, kins
from dataset.formats.choose_split import choose_part
from dataset.formats.coco.read import read_coco
from dataset.formats.label_files import folder_files, sbd_files, yolo_files
from dataset.formats.labelme.read import read_labelme
from dataset.formats.mask_folder import read_mask_folder
from dataset.formats.sbd import read as sbd
from dataset.formats.splits import Part, Reading, guess_image_folder, parts
from dataset.formats.yolo.layout import yolo_image_folder, yolo_layout
from dataset.formats.yolo.read import read_yolo
from dataset.index.fraction_split import DEFAULT_FRACTION
from dataset.index.label_index import LabelIndex
from e2ec.config import DataConfig, Split
from lib.errors import InputError

# These know where their labels are; the settings for it are not theirs.
_KNOW_THEIR_PLACES = ("sbd", "cityscapes", "yolo")
_IMAGES = {"train": Path("images/train"), "val": Path("images/val")}
_LABELS = {"train": Path("labels/train"), "val": Path("labels/val")}


@dataclass(frozen=True)
class Plan:
    """What training and validation are to be read from.

    Attributes:
        kind: the format.
        train: the training part; of it comes the validation part too where `fraction` is set.
        val: the validation part that the data has by itself, if any.
        fraction: the share of the training part that validates; None where `val` does.
    """

    kind: detect.Format
    train: Part
    val: Part | None
    fraction: float | None


def plan_data(data: DataConfig) -> Plan:
    """Find the parts of the data.

    Labels that the settings name are taken from there; else those that lie at the root, as
    `dataset.formats` knows them. Where nothing is for validation, a share of the training images
    is.

    Raises:
        InputError: nothing is there, or nothing that could be trained on.
    """
    if data.train_annotations is None and data.val_annotations is None:
        kind, train, val = _at_root(data)
    else:
        kind, train, val = _as_named(data)
    fraction = data.val_fraction
    if fraction is None and val is None:
        fraction = DEFAULT_FRACTION
    return Plan(kind, train, val, fraction)


def plan_test(data: DataConfig) -> Part:
    """The test part.

    Raises:
        InputError: there is none.
    """
    if data.test_annotations is None and data.train_annotations is None:
        kind = _kind_at_root(data)
        found = list(parts(data.root, kind, _reading(data, kind, data.test_images)))
        part = choose_part(found, "test", kind=kind)
        if part is not None:
            return part
    return _PARTS[_kind_of_labels(data)](data, "test")


def _at_root(data: DataConfig) -> tuple[detect.Format, Part, Part | None]:
    kind = _kind_at_root(data)
    found = list(parts(data.root, kind, _reading(data, kind, data.train_images)))
    train = choose_part(found, "train", kind=kind)
    if train is None:
        names = ", ".join(part.name for part in found) or "none"
        raise InputError(
            f"{data.root}: has no labels that are for training (found: {names:.200}); give one of "
            "them as --data.root, or --data.train-annotations and --data.val-annotations"
        )
    if data.val_images is not None:
        found = list(parts(data.root, kind, _reading(data, kind, data.val_images)))
    val = choose_part(found, "val", kind=kind)
    if val is None and kind in ("labelme", "masks") and _has_custom_places(data):
        # A list of classes beside these folders makes them one data set for other purposes.
        data = _filled(data)
        return kind, _PARTS[kind](data, "train"), _PARTS[kind](data, "val")
    return kind, train, val


def _as_named(data: DataConfig) -> tuple[detect.Format, Part, Part | None]:
    kind = _kind_of_labels(data)
    there = data.val_annotations is not None or (data.root / _LABELS["val"]).exists()
    data = _filled(data)
    return kind, _PARTS[kind](data, "train"), _PARTS[kind](data, "val") if there else None


def _kind_at_root(data: DataConfig) -> detect.Format:
    if not data.root.exists():
        raise InputError(
            f"{data.root}: no such file or folder; give the data with --data.root PATH"
        )
    return detect.detect_format(data.root) if data.format == "auto" else _format(data)


def _kind_of_labels(data: DataConfig) -> detect.Format:
    """The format, found out from the labels that the settings name."""
    if data.format != "auto":
        return _format(data)
    named = data.train_annotations or data.val_annotations or data.test_annotations
    if named is None:
        raise _no_test_data()
    labels = data.root / named
    if labels.is_dir() and any(labels.rglob("*.png")) and not detect.has_json(labels):
        return "masks"
    kind = detect.detect_format(labels)
    if kind in _KNOW_THEIR_PLACES:
        raise InputError(
            f"{labels}: {kind} says itself where its labels are; give its folder as --data.root "
            "without --data.train-annotations and --data.val-annotations"
        )
    return kind


def _format(data: DataConfig) -> detect.Format:
    if data.format in ("auto", "synthetic"):
        raise ValueError(f"{data.format} is no format of labels on disk")
    return data.format  # type: ignore[return-value]  # the others are


def _reading(data: DataConfig, kind: detect.Format, images: Path | None) -> Reading:
    folder = data.root if data.root.is_dir() else data.root.parent
    given = images is not None and kind not in _KNOW_THEIR_PLACES
    return Reading(
        folder / images if given and images is not None else None,
        masks=data.masks,
        labels=data.labels,
    )


def _has_custom_places(data: DataConfig) -> bool:
    places = [*_IMAGES.values(), *_LABELS.values()]
    return all((data.root / place).is_dir() for place in places)


def _filled(data: DataConfig) -> DataConfig:
    """The settings with labels/train and so on where nothing is said."""
    return replace(
        data,
        train_annotations=data.train_annotations or _LABELS["train"],
        val_annotations=data.val_annotations or _LABELS["val"],
    )


def _paths(data: DataConfig, split: Split) -> tuple[Path | None, Path]:
    """Images and labels of the formats that leave their places to the settings.

    The images are None where nothing says where they are.
    """
    images, labels = {
        "train": (data.train_images, data.train_annotations),
        "val": (data.val_images, data.val_annotations),
        "test": (data.test_images, data.test_annotations),
    }[split]
    if labels is None or (images is None and split == "test"):
        raise _no_test_data()
    if images is None and (data.root / _IMAGES[split]).is_dir():
        images = _IMAGES[split]
    return None if images is None else data.root / images, data.root / labels


def _no_test_data() -> InputError:
    return InputError("no test data is named; give --data.test-images and --data.test-annotations")


def _coco(data: DataConfig, split: Split) -> Part:
    images, labels = _paths(data, split)
    return _of_file(split, labels, images, read_coco)


def _kins(data: DataConfig, split: Split) -> Part:
    images, labels = _paths(data, split)
    return _of_file(
        split,
        labels,
        images,
        lambda file, report: kins.read_kins(file, masks=data.masks, report=report),
    )


def _of_file(
    split: Split, labels: Path, images: Path | None, read: Callable[..., LabelIndex]
) -> Part:
    return Part(
        split,
        split,
        lambda report: read(labels, report),
        lambda index: images or guess_image_folder(labels, index),
        lambda: [labels],
    )


def _sbd(data: DataConfig, split: Split) -> Part:
    if split == "test":
        raise InputError("SBD has no test split; papers report val")
    folder = sbd.release_folder(data.root)
    return Part(
        split,
        split,
        lambda report: sbd.read_sbd(data.root, split, report=report),
        lambda _: folder / "img",
        lambda: sbd_files(data.root, split),
    )


def _cityscapes(data: DataConfig, split: Split) -> Part:
    return Part(
        split,
        split,
        lambda report: cityscapes.read_cityscapes(
            data.root, split, labels=data.labels, report=report
        ),
        lambda _: cityscapes.image_folder(data.root, split),
        lambda: cityscapes.source_files(data.root, split, data.labels),
    )


def _yolo(data: DataConfig, split: Split) -> Part:
    return Part(
        split,
        split,
        lambda report: read_yolo(data.root, split, report=report),
        lambda _: yolo_image_folder(data.root),
        lambda: yolo_files(yolo_layout(data.root, split)),
    )


def _labelme(data: DataConfig, split: Split) -> Part:
    given, labels = _paths(data, split)
    images = given or labels
    return Part(
        split,
        split,
        lambda report: read_labelme(labels, images, report=report),
        lambda _: images,
        lambda: folder_files(labels, images),
    )


def _masks(data: DataConfig, split: Split) -> Part:
    given, labels = _paths(data, split)
    images = given or data.root / "images"
    return Part(
        split,
        split,
        lambda report: read_mask_folder(images, labels, report=report),
        lambda _: images,
        lambda: folder_files(labels, images),
    )


_PARTS: dict[detect.Format, Callable[[DataConfig, Split], Part]] = {
    "coco": _coco,
    "sbd": _sbd,
    "kins": _kins,
    "cityscapes": _cityscapes,
    "yolo": _yolo,
    "labelme": _labelme,
    "masks": _masks,
}

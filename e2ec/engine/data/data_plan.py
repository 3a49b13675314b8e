"""Settings -> which labels train, which validate and which test. Reads no labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataset.formats.choose_split import choose_split
from dataset.formats.detect import detect_format, detect_labels, format_named
from dataset.formats.format import Format, Split, SplitName
from dataset.index.fraction_split import DEFAULT_FRACTION
from e2ec.config import DataConfig
from lib.errors import InputError


@dataclass(frozen=True)
class Plan:
    """What training and validation are to be read from.

    Attributes:
        format: the format.
        train: the training split; of it comes the validation data too where `fraction` is set.
        val: the validation split that the data has by itself, if any.
        fraction: the share of the training split that validates; None where `val` does.
    """

    format: Format
    train: Split
    val: Split | None
    fraction: float | None


def plan_data(data: DataConfig) -> Plan:
    """Find the splits of the data.

    Labels that the settings name are taken from there; else those that lie at the root, as the
    format says. Where nothing is for validation, a share of the training images is.

    Raises:
        InputError: nothing is there, or nothing that could be trained on.
    """
    if data.train_annotations is None and data.val_annotations is None:
        format, train, val = _at_root(data)
    else:
        format = _format_of_labels(data)
        train = _named(data, format, "train")
        there = data.val_annotations is not None or (data.root / "labels/val").exists()
        val = _named(data, format, "val") if there else None
    fraction = data.val_fraction
    if fraction is None and val is None:
        fraction = DEFAULT_FRACTION
    return Plan(format, train, val, fraction)


def plan_test(data: DataConfig) -> tuple[Format, Split]:
    """The test split, and its format.

    Raises:
        InputError: there is none.
    """
    if data.test_annotations is None and data.train_annotations is None:
        format = _format_at_root(data)
        split = choose_split(_splits(data, format, data.test_images), "test", format=format)
        if split is not None:
            return format, split
    format = _format_of_labels(data)
    return format, _named(data, format, "test")


def _at_root(data: DataConfig) -> tuple[Format, Split, Split | None]:
    format = _format_at_root(data)
    found = _splits(data, format, data.train_images)
    train = choose_split(found, "train", format=format)
    if train is None:
        names = ", ".join(split.name for split in found) or "none"
        raise InputError(
            f"{data.root}: has no labels that are for training (found: {names:.200}); give one of "
            "them as --data.root, or --data.train-annotations and --data.val-annotations"
        )
    if data.val_images is not None:
        found = _splits(data, format, data.val_images)
    val = choose_split(found, "val", format=format)
    places = [data.root / what / n for what in ("images", "labels") for n in ("train", "val")]
    if val is None and format.labels == "folder" and all(place.is_dir() for place in places):
        # A list of classes beside these folders makes them one data set for other purposes.
        return format, _named(data, format, "train"), _named(data, format, "val")
    return format, train, val


def _splits(data: DataConfig, format: Format, images: Path | None) -> list[Split]:
    """All splits of what lies at the root."""
    if images is not None:
        folder = data.root if data.root.is_dir() else data.root.parent
        images = folder / images if format.labels else None
    return format.find(data.root, images, data)


def _format_at_root(data: DataConfig) -> Format:
    if not data.root.exists():
        raise InputError(
            f"{data.root}: no such file or folder; give the data with --data.root PATH"
        )
    return detect_format(data.root) if data.format == "auto" else format_named(data.format)


def _format_of_labels(data: DataConfig) -> Format:
    """The format, found out from the labels that the settings name."""
    if data.format != "auto":
        return format_named(data.format)
    named = data.train_annotations or data.val_annotations or data.test_annotations
    if named is None:
        raise _no_test_data()
    labels = data.root / named
    format = detect_labels(labels)
    if format.labels is None:
        raise InputError(
            f"{labels}: {format.name} says itself where its labels are; give its folder as "
            "--data.root without --data.train-annotations and --data.val-annotations"
        )
    return format


def _named(data: DataConfig, format: Format, name: SplitName) -> Split:
    """The split that the settings name, labels/NAME where they name none."""
    if format.labels is None:
        return format.named(name, data.root, None, data)
    labels, images = {
        "train": (data.train_annotations or Path("labels/train"), data.train_images),
        "val": (data.val_annotations or Path("labels/val"), data.val_images),
        "test": (data.test_annotations, data.test_images),
    }[name]
    if labels is None or (images is None and name == "test"):
        raise _no_test_data()
    if images is None and (data.root / "images" / name).is_dir():
        images = Path("images", name)
    elif images is None and format.image_folder is not None:
        images = Path(format.image_folder)
    folder = None if images is None else data.root / images
    return format.named(name, data.root / labels, folder, data)


def _no_test_data() -> InputError:
    return InputError("no test data is named; give --data.test-images and --data.test-annotations")

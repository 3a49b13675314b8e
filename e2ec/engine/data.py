"""Settings -> data sets. This and `build.py` are the only places that know both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataset import cityscapes, kins, labelme, mask_folder, sbd, yolo, yolo_layout
from dataset.coco_format import read_coco
from dataset.image_folder import image_names
from dataset.index_cache import open_index
from dataset.indexed import IndexedDataset
from dataset.label_index import LabelIndex
from dataset.problems import Report, strict
from dataset.sample import InstanceDataset
from dataset.synthetic import SyntheticDataset
from e2ec.config import Config, DataConfig, Split
from lib.errors import InputError

# Samples of the validation half of generated data differ from all training samples.
_SYNTHETIC_VAL_SEED = 1_000_003


@dataclass(frozen=True)
class _Place:
    """Where a split lies: its images, all files its labels come from, and how they are read."""

    images: Path
    sources: list[Path]
    read: Callable[[Report], LabelIndex]


def build_datasets(config: Config) -> tuple[InstanceDataset, InstanceDataset]:
    """Training and validation data.

    Raises:
        InputError: a file is missing or unusable, one of the two has no labels, there is nothing to
            learn from, or they disagree about the classes.
    """
    train = build_dataset(config, "train")
    val = build_dataset(config, "val")
    for split, dataset in (("train", train), ("val", val)):
        if not dataset.labelled:
            raise InputError(
                f"{dataset.source}: the {split} data has no labels; give labelled data"
            )
    if isinstance(train, IndexedDataset) and train.object_count() == 0:
        raise InputError(
            f"{train.source}: no contour to learn from; `python -m e2ec check` lists what was left "
            "out and why"
        )
    if train.class_names != val.class_names or train.category_ids != val.category_ids:
        raise InputError(
            f"{val.source}: its categories differ from those of {train.source}; "
            "both need the same list"
        )
    return train, val


def build_dataset(config: Config, split: Split, report: Report = strict) -> InstanceDataset:
    """The data of a split.

    Args:
        config: the settings.
        split: "train", "val" or "test"; test data may have no labels.
        report: told what is wrong with single labels.

    Raises:
        InputError: a file is missing or unusable, or there is no such split.
    """
    data = config.data
    if data.format == "synthetic":
        return _synthetic(config, split)
    place = _PLACES[data.format](data, split)
    if report is strict:
        options = f"{data.format} {split} {data.masks} {data.labels} {place.images.absolute()}"
        index = open_index(place.sources, options, lambda: place.read(strict))
    else:
        index = place.read(report)  # what was kept on disk no longer knows its problems
    limits = {"train": data.train_limit, "val": data.val_limit, "test": None}
    ids = data.image_ids if split != "test" else None
    return IndexedDataset(place.images, index.subset(image_ids=ids, limit=limits[split]))


def _synthetic(config: Config, split: Split) -> SyntheticDataset:
    if split == "test":
        raise InputError("generated data has no test split; use train or val")
    data = config.data
    return SyntheticDataset(
        data.synthetic_train if split == "train" else data.synthetic_val,
        seed=config.train.seed + (0 if split == "train" else _SYNTHETIC_VAL_SEED),
        occluders=data.synthetic_occluders,
    )


def _paths(data: DataConfig, split: Split) -> tuple[Path, Path]:
    """Images and labels of the formats that leave their places to the settings."""
    images, labels = {
        "train": (data.train_images, data.train_annotations),
        "val": (data.val_images, data.val_annotations),
        "test": (data.test_images, data.test_annotations),
    }[split]
    if images is None or labels is None:
        raise InputError(
            "no test data is named; give --data.test-images and --data.test-annotations"
        )
    return data.root / images, data.root / labels


def _coco(data: DataConfig, split: Split) -> _Place:
    images, labels = _paths(data, split)
    return _Place(images, [labels], lambda report: read_coco(labels, report))


def _kins(data: DataConfig, split: Split) -> _Place:
    images, labels = _paths(data, split)
    return _Place(
        images, [labels], lambda report: kins.read_kins(labels, masks=data.masks, report=report)
    )


def _sbd(data: DataConfig, split: Split) -> _Place:
    if split == "test":
        raise InputError("SBD has no test split; papers report val")
    folder = sbd.release_folder(data.root)
    names = sbd.split_names(split)
    sources = [folder / "inst" / f"{name}.mat" for name in names]
    return _Place(
        folder / "img", sources, lambda report: sbd.read_sbd(data.root, split, report=report)
    )


def _cityscapes(data: DataConfig, split: Split) -> _Place:
    return _Place(
        cityscapes.image_folder(data.root, split),
        cityscapes.source_files(data.root, split, data.labels),
        lambda report: cityscapes.read_cityscapes(
            data.root, split, labels=data.labels, report=report
        ),
    )


def _yolo(data: DataConfig, split: Split) -> _Place:
    layout = yolo_layout.yolo_layout(data.root, split)
    labels = [layout.folder / yolo_layout.label_name(name) for name in layout.images]
    images = [layout.folder / name for name in layout.images]
    return _Place(
        yolo_layout.yolo_image_folder(data.root),
        [layout.file, *labels, *images],
        lambda report: yolo.read_yolo(data.root, split, report=report),
    )


def _labelme(data: DataConfig, split: Split) -> _Place:
    images, labels = _paths(data, split)
    return _Place(
        images,
        _files(labels, images),
        lambda report: labelme.read_labelme(labels, images, report=report),
    )


def _masks(data: DataConfig, split: Split) -> _Place:
    images, labels = _paths(data, split)
    return _Place(
        images,
        _files(labels, images),
        lambda report: mask_folder.read_mask_folder(images, labels, report=report),
    )


def _files(labels: Path, images: Path) -> list[Path]:
    """Every label file, and every image: sizes are part of the labels."""
    found = sorted(path for path in labels.rglob("*") if path.is_file())
    return found + ([images / name for name in image_names(images)] if images.is_dir() else [])


_PLACES: dict[str, Callable[[DataConfig, Split], _Place]] = {
    "coco": _coco,
    "sbd": _sbd,
    "kins": _kins,
    "cityscapes": _cityscapes,
    "yolo": _yolo,
    "labelme": _labelme,
    "masks": _masks,
}

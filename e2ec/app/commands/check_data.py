"""The data that `check` looks at: what a preset trains on, or whatever lies at a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from dataset.checks.problems import Report
from dataset.formats.choose_split import choose_part
from dataset.formats.detect import Format, detect_format
from dataset.formats.open_path import open_path
from dataset.formats.split_folders import Split
from dataset.formats.splits import AS_RELEASED, Reading
from dataset.formats.splits import parts as list_parts
from dataset.index.dataset import IndexedDataset
from dataset.index.fraction_split import DEFAULT_FRACTION, divide
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config, DataConfig
from e2ec.engine.data.open_data import open_data
from lib.errors import InputError

Parts = Mapping[str, InstanceDataset]


def open_preset(config: Config, report: Report) -> tuple[Parts, str]:
    """Training and validation data, and the line that training says of them.

    Raises:
        InputError: the data cannot be read.
    """
    data = open_data(config, report)
    return {"train": data.train, "val": data.val}, data.line()


def open_target(
    config: Config, target: str, kind: Format | None, images: Path | None, report: Report
) -> tuple[Parts, str]:
    """All parts of what lies at a path, by name, and no line.

    With `data.val_fraction` it is what training would make of the path, and the line of that.

    Args:
        config: the settings.
        target: the path.
        kind: its format; found out without.
        images: folder of the images, where it is not found.
        report: told every problem.

    Raises:
        InputError: the data cannot be read, or a setting belongs to another format.
    """
    kind = kind or detect_format(target)
    _refuse_foreign(config, target, kind)
    data = config.data
    if data.val_fraction is None:
        reading = Reading(images, masks=data.masks, labels=data.labels)
        return dict(open_path(target, kind=kind, reading=reading, report=report)), ""
    data = replace(
        data,
        format=kind,
        root=Path(target),
        train_images=None if images is None else images.absolute(),
        train_annotations=None,
        val_images=None,
        val_annotations=None,
    )
    return open_preset(replace(config, data=data), report)


def taken_by_training(config: Config, target: str, kind: Format | None, parts: Parts) -> Parts:
    """Of all parts of a path what `custom` would train and validate on: "train", and "val".

    Args:
        config: the settings.
        target: the path.
        kind: its format; found out without.
        parts: what `open_target` made of it.
    """
    if "train" in parts and "val" in parts:
        return parts
    kind = kind or detect_format(target)
    found = [part for part in list_parts(Path(target), kind, AS_RELEASED) if part.name in parts]
    chosen: dict[str, InstanceDataset] = {}
    for split in get_args(Split):
        part = choose_part(found, split, kind=kind)
        if part is not None:
            chosen[split] = parts[part.name]
    train = chosen.setdefault("train", next(iter(parts.values())))
    if "val" not in chosen and isinstance(train, IndexedDataset) and len(train) > 1:
        halves = divide(train.index, DEFAULT_FRACTION, config.train.seed)
        chosen["train"], chosen["val"] = (IndexedDataset(train.folder, half) for half in halves)
    return chosen


def _refuse_foreign(config: Config, target: str, kind: Format) -> None:
    """Refuse settings that belong to another format than that of the path."""
    for setting, of in (("masks", "kins"), ("labels", "cityscapes")):
        value = getattr(config.data, setting)
        if kind != of and value != getattr(DataConfig, setting):
            raise InputError(
                f"{target}: is of the format {kind}, which has no {value} {setting}; "
                f"omit --data.{setting}"
            )

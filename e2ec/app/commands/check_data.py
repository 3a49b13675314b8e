"""The data that `check` looks at: what a preset trains on, or whatever lies at a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from dataset.checks.problems import Report
from dataset.formats.choose_split import choose_split
from dataset.formats.detect import detect_format, foreign_settings, format_named
from dataset.formats.format import Format, SplitName
from dataset.formats.open_path import open_path
from dataset.index.dataset import IndexedDataset
from dataset.index.fraction_split import DEFAULT_FRACTION, divide
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config, DataConfig, LabelFormat
from e2ec.engine.data.open_data import open_data
from lib.errors import InputError

Splits = Mapping[str, InstanceDataset]


@dataclass(frozen=True)
class CheckedData:
    """What is checked.

    Attributes:
        splits: all splits, by name.
        trained: of them what training would take, "train" and, where there is one, "val".
        line: what training says of the data; empty where it is looked at as it lies there.
    """

    splits: Splits
    trained: Splits
    line: str = ""


def open_preset(config: Config, report: Report) -> CheckedData:
    """Training and validation data of a preset.

    Raises:
        InputError: the data cannot be read.
    """
    data = open_data(config, report)
    splits = {"train": data.train, "val": data.val}
    return CheckedData(splits, splits, data.line())


def open_target(
    config: Config, target: str, name: LabelFormat | None, images: Path | None, report: Report
) -> CheckedData:
    """All splits of what lies at a path; with `data.val_fraction` what training would make of it.

    Args:
        config: the settings.
        target: the path.
        name: its format; None finds it out.
        images: folder of the images, where it is not found.
        report: told every problem.

    Raises:
        InputError: the data cannot be read, or a setting belongs to another format.
    """
    path, data = Path(target), config.data
    format = format_named(name) if name else detect_format(target)
    _refuse_foreign(data, target, format)
    if data.val_fraction is None:
        splits = open_path(path, format=format, images=images, settings=data, report=report)
        found = [split for split in format.find(path, images) if split.name in splits]
        roles = {
            role: splits[split.name]
            for role in get_args(SplitName)
            if (split := choose_split(found, role, format=format))
        }
        return CheckedData(splits, _trained(splits, roles, config.train.seed))
    data = replace(
        data,
        format=name or "auto",
        root=path,
        train_images=None if images is None else images.absolute(),
        train_annotations=None,
        val_images=None,
        val_annotations=None,
    )
    return open_preset(replace(config, data=data), report)


def _trained(
    splits: Mapping[str, IndexedDataset], roles: dict[str, IndexedDataset], seed: int
) -> Splits:
    """Of all splits what `custom` would train and validate on."""
    if "train" in splits and "val" in splits:
        return splits
    train = roles.setdefault("train", next(iter(splits.values())))
    if "val" not in roles and len(train) > 1:
        halves = divide(train.index, DEFAULT_FRACTION, seed)
        roles["train"], roles["val"] = (IndexedDataset(train.folder, half) for half in halves)
    return roles


def _refuse_foreign(data: DataConfig, target: str, format: Format) -> None:
    """Refuse settings that belong to another format than that of the path."""
    for setting in sorted(foreign_settings(format)):
        value = getattr(data, setting)
        if value != getattr(DataConfig, setting):
            raise InputError(
                f"{target}: is of the format {format.name}, which has no {value} {setting}; "
                f"omit --data.{setting}"
            )

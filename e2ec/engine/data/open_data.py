"""Settings -> data sets."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from dataset.checks.problems import Report, strict
from dataset.formats.format import Format, Split, SplitName
from dataset.index.cache import open_index
from dataset.index.dataset import IndexedDataset
from dataset.index.fraction_split import divide
from dataset.index.label_index import LabelIndex
from dataset.loading.sample import InstanceDataset
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.config import Config
from e2ec.engine.data.data_plan import plan_data, plan_test
from e2ec.engine.data.training_data import TrainingData
from lib.errors import InputError

# Samples of the validation half of generated data differ from all training samples.
_SYNTHETIC_VAL_SEED = 1_000_003


def require_trainable(train: InstanceDataset, val: InstanceDataset) -> None:
    """Refuse data that cannot be trained on as a whole.

    Raises:
        InputError: one of the two has no labels, there is nothing to learn from, or they disagree
            about the classes.
    """
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


def open_data(config: Config, report: Report = strict) -> TrainingData:
    """Training and validation data, and where they come from; each label file is read once.

    Args:
        config: the settings.
        report: told what is wrong with single labels.

    Raises:
        InputError: a file is missing or unusable.
    """
    if config.data.format == "synthetic":
        return TrainingData(_synthetic(config, "train"), _synthetic(config, "val"))
    data, plan = config.data, plan_data(config.data)
    train, folder = _read(plan.format, plan.train, data.image_ids, report)
    if plan.fraction is not None:
        train, val = divide(train, plan.fraction, config.train.seed)
        val_folder = folder
    else:
        assert plan.val is not None  # or there would be a fraction
        val, val_folder = _read(plan.format, plan.val, data.image_ids, report)
    return TrainingData(
        IndexedDataset(folder, train.subset(limit=data.train_limit)),
        IndexedDataset(val_folder, val.subset(limit=data.val_limit)),
        plan=plan,
        seed=config.train.seed,
    )


def build_dataset(config: Config, split: SplitName, report: Report = strict) -> InstanceDataset:
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
    if split == "test":
        index, folder = _read(*plan_test(data), None, report)
        return IndexedDataset(folder, index)
    plan = plan_data(data)
    own = plan.val if split == "val" and plan.fraction is None else None
    index, folder = _read(plan.format, own or plan.train, data.image_ids, report)
    if plan.fraction is not None:
        train, val = divide(index, plan.fraction, config.train.seed)
        index = train if split == "train" else val
    limit = data.train_limit if split == "train" else data.val_limit
    return IndexedDataset(folder, index.subset(limit=limit))


def validation_share(config: Config) -> float | None:
    """The share of the training images that validates; None where validation data is by itself.

    Raises:
        InputError: there is no such data.
    """
    return None if config.data.format == "synthetic" else plan_data(config.data).fraction


def _read(
    format: Format, split: Split, ids: tuple[int, ...] | None, report: Report
) -> tuple[LabelIndex, Path]:
    """The labels of those images of a split that are named, of None all, and their folder.

    They come from disk where they were kept.
    """
    if report is strict:
        read = partial(format.read, split, strict)
        index = open_index(format.sources(split), f"{format.name} {split}", read)
    else:
        index = format.read(split, report)  # what was kept on disk no longer knows its problems
    return index.subset(image_ids=ids), format.images(split, index)


def _synthetic(config: Config, split: SplitName) -> SyntheticDataset:
    data = config.data
    if split == "test":
        raise InputError("generated data has no test split; use train or val")
    if data.val_fraction is not None:
        raise InputError(
            "generated data has validation images of its own; give --data.synthetic-val, not "
            "--data.val-fraction"
        )
    return SyntheticDataset(
        data.synthetic_train if split == "train" else data.synthetic_val,
        seed=config.train.seed + (0 if split == "train" else _SYNTHETIC_VAL_SEED),
        occluders=data.synthetic_occluders,
    )

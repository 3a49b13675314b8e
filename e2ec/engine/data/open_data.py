"""Settings -> data sets."""

from __future__ import annotations

from dataset.checks.problems import Report, strict
from dataset.formats.format import Format, Split, SplitName
from dataset.index.cache import open_index
from dataset.index.dataset import IndexedDataset
from dataset.index.fraction_split import divide
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
    plan = plan_data(config.data)
    train = _open(plan.format, plan.train, config.data.image_ids, report)
    if plan.fraction is not None:
        train, val = _divide(train, plan.fraction, config.train.seed)
    else:
        assert plan.val is not None  # or there would be a fraction
        val = _open(plan.format, plan.val, config.data.image_ids, report)
    return TrainingData(
        _limited(train, config.data.train_limit),
        _limited(val, config.data.val_limit),
        format=plan.format,
        fraction=plan.fraction,
        seed=config.train.seed,
        in_place_of_own=plan.val is not None and plan.fraction is not None,
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
        return _open(*plan_test(data), None, report)
    plan = plan_data(data)
    if plan.fraction is None and split == "val":
        assert plan.val is not None  # or there would be a fraction
        dataset = _open(plan.format, plan.val, data.image_ids, report)
    else:
        dataset = _open(plan.format, plan.train, data.image_ids, report)
    if plan.fraction is not None:
        train, val = _divide(dataset, plan.fraction, config.train.seed)
        dataset = train if split == "train" else val
    return _limited(dataset, data.train_limit if split == "train" else data.val_limit)


def validation_share(config: Config) -> float | None:
    """The share of the training images that validates; None where validation data is by itself.

    Raises:
        InputError: there is no such data.
    """
    return None if config.data.format == "synthetic" else plan_data(config.data).fraction


def _open(
    format: Format, split: Split, ids: tuple[int, ...] | None, report: Report
) -> IndexedDataset:
    """Those images of a split that are named, of None all; from disk where it was kept."""
    if report is strict:
        what = f"{format.name} {split}"
        index = open_index(format.sources(split), what, lambda: format.read(split, strict))
    else:
        index = format.read(split, report)  # what was kept on disk no longer knows its problems
    return IndexedDataset(format.images(split, index), index.subset(image_ids=ids))


def _divide(
    dataset: IndexedDataset, fraction: float, seed: int
) -> tuple[IndexedDataset, IndexedDataset]:
    train, val = divide(dataset.index, fraction, seed)
    return IndexedDataset(dataset.folder, train), IndexedDataset(dataset.folder, val)


def _limited(dataset: IndexedDataset, limit: int | None) -> IndexedDataset:
    return IndexedDataset(dataset.folder, dataset.index.subset(limit=limit))


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

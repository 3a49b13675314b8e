"""What `check` says of the scale: how large the network sees objects, in training and at test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dataset.checks.check import label_index
from dataset.checks.problems import Problem, Report
from dataset.checks.seen_sizes import SeenSizes, format_seen_sizes, object_sizes, seen_sizes
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config
from e2ec.families.find_family import family_of
from lib.errors import InputError

LARGEST_RATIO = 1.5
"""Objects this much larger or smaller at test time than in training are a problem."""


def settings_of_run(
    config: Config, splits: Mapping[str, InstanceDataset]
) -> tuple[Config, list[str]]:
    """The settings that training would choose for this data, and what it would say of them.

    Data that training would refuse leaves them as they are.
    """
    train, _ = _train_and_test(splits)
    try:
        return family_of(config).resolve(config, train, processes=1)
    except InputError as error:
        return replace(config, auto=()), [f"settings: not chosen ({error})"]


def check_sizes(
    config: Config, splits: Mapping[str, InstanceDataset], report: Report
) -> SeenSizes | None:
    """How large objects are seen; a ratio far from 1 is reported as a problem.

    Returns:
        None where there are no objects.
    """
    train, test = _train_and_test(splits)
    sizes = seen_sizes(
        object_sizes(label_index(train)),
        object_sizes(label_index(test)),
        config.data.augmentation,
        config.data.view,
    )
    if sizes is not None and not 1 / LARGEST_RATIO <= sizes.ratio <= LARGEST_RATIO:
        what = (
            f"the network sees objects {sizes.ratio:.2f} times as large at test time as in training"
        )
        remedy = "bring --data.view and --data.augmentation.scale-range together"
        report(Problem(train.source, "", "scales differ", what, "kept", remedy))
    return sizes


def sizes_text(sizes: SeenSizes | None, lines: list[str]) -> str:
    """The settings that were chosen, and the table of sizes."""
    return "\n".join([*lines, *([format_seen_sizes(sizes)] if sizes is not None else [])])


def _train_and_test(
    splits: Mapping[str, InstanceDataset],
) -> tuple[InstanceDataset, InstanceDataset]:
    """The split to train on and the one to test on; the first and the only one where unnamed."""
    train = splits.get("train") or next(iter(splits.values()))
    return train, splits.get("val") or train

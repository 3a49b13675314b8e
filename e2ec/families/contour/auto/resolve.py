"""All settings that are left to be chosen, chosen: `Config.auto` is empty afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dataset.checks.check import label_index
from dataset.checks.seen_sizes import ObjectSizes, object_sizes
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config
from e2ec.families.backbone_weights import start_line
from e2ec.families.bundled import BUNDLED, weights_path
from e2ec.families.contour.auto.scale import choose_scale, match_test, match_training
from e2ec.families.contour.auto.schedule import (
    choose_epochs,
    choose_schedule,
    describe,
    fitting_batch,
)
from e2ec.families.contour.auto.start_weights import adopt, read_start_weights
from e2ec.families.contour.model_settings import model_settings
from e2ec.named_settings import with_settings

# What goes with an architecture.
_SIZES = {
    "nano": {"data.augmentation.crop_size": (256, 256), "data.targets.vertices": 64},
    "dla34": {"data.augmentation.crop_size": (512, 512), "data.targets.vertices": 128},
    "transformers": {"data.augmentation.crop_size": (512, 512), "data.targets.vertices": 128},
}
_FEWEST_DETECTIONS = 100


def resolve(
    config: Config, train: InstanceDataset, *, processes: int = 1
) -> tuple[Config, list[str]]:
    """Settings with nothing left open, and what to tell the user of them.

    Args:
        config: of the run.
        train: its training data.
        processes: that share a batch.

    Raises:
        InputError: the weights to start from are unusable or contradict what was set, or there is
            no object to choose a scale from.
    """
    config, lines = _weights(config)
    config, chosen = choose(config, train, processes=processes)
    if chosen and config.loss.last_stage == "matching":
        chosen[-1] += f"; dynamic matching from epoch {config.loss.matching_start_epoch + 1}"
    return config, lines + chosen


def choose(config: Config, train: InstanceDataset, *, processes: int) -> tuple[Config, list[str]]:
    """What is left open besides the weights to start from, and what to tell the user of it: the
    scale, and last the schedule. See `resolve`.

    Raises:
        InputError: there is no object to choose a scale from.
    """
    lines: list[str] = []
    if config.auto:
        config = _fill(config, _SIZES[config.model.architecture])
        sizes = object_sizes(label_index(train))
        config, line = _scale(config, sizes)
        config = _schedule(config, len(train), processes)
        # Room for a quarter more objects than any training image has, in whole hundreds.
        most = max(_FEWEST_DETECTIONS, math.ceil(1.25 * sizes.most / 100) * 100)
        config = _fill(config, {"eval.max_detections": most})
        lines = [*line, describe(config, len(train))]
    return replace(config, auto=()), lines


def _weights(config: Config) -> tuple[Config, list[str]]:
    """The weights to start from, and what comes with them.

    Those that come with the project are nano's, and are taken where nothing speaks against it.
    """
    bundled = {"model.weights", "data.targets.vertices"} <= set(config.auto)
    if bundled and config.model.architecture == "nano":
        config = with_settings(config, {"model.weights": BUNDLED})
    about = start_line(config)
    if config.model.weights is None:
        return config, about
    weights = read_start_weights(config.model.weights)
    config = adopt(config, weights, config.auto)
    # What has come with the weights is not chosen again.
    left = tuple(name for name in config.auto if name != "data.targets.vertices")
    name = BUNDLED if weights.path == weights_path(BUNDLED) else weights.path
    line = (
        f"weights: starts from {name} ({weights.architecture}, {weights.vertices} vertices); "
        "--model.weights None starts from random ones"
    )
    return replace(config, auto=left), [line, *about]


def _fill(config: Config, values: Mapping[str, Any]) -> Config:
    """Those of the values whose settings are open, by the names of the settings."""
    open_ = set[str](config.auto)
    return with_settings(config, {name: v for name, v in values.items() if name in open_})


def _scale(config: Config, sizes: ObjectSizes) -> tuple[Config, list[str]]:
    """The object scale; of training and test view, one that is given decides the other."""
    data = config.data
    view = "data.view" in config.auto
    scales = "data.augmentation.scale" in config.auto and data.augmentation.enabled
    if scales and view:
        chosen = choose_scale(sizes, data.augmentation)
    elif scales:
        chosen = match_training(sizes, data.augmentation, data.view)
    elif view:
        chosen = match_test(sizes, data.augmentation)
    else:
        return config, []
    data = replace(data, augmentation=chosen.augmentation, view=chosen.view)
    return replace(config, data=data), [chosen.line]


def _schedule(config: Config, images: int, processes: int) -> Config:
    """Batch, length, rates and intervals, as far as they are open."""
    architecture = model_settings(config).architecture
    length = {
        "train.batch_size": fitting_batch(images, processes * config.train.accumulate),
        "train.epochs": choose_epochs(images, architecture),
    }
    config = _fill(config, length)
    schedule = choose_schedule(
        images,
        architecture,
        batch_size=config.train.batch_size,
        epochs=config.train.epochs,
        fresh=config.model.weights is None,
    )
    return _fill(config, schedule)

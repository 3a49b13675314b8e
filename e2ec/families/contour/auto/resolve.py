"""All settings that are left to be chosen, chosen: `Config.auto` is empty afterwards."""

from __future__ import annotations

import math
from dataclasses import replace

from dataset.checks.check import label_index
from dataset.checks.seen_sizes import ObjectSizes, object_sizes
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config
from e2ec.families.contour.auto.scale import choose_scale, match_test, match_training
from e2ec.families.contour.auto.schedule import (
    choose_epochs,
    choose_schedule,
    describe,
    fitting_batch,
)
from e2ec.families.contour.auto.start_weights import (
    BUNDLED,
    adopt,
    read_start_weights,
    weights_path,
)

_CROPS = {"nano": (256, 256), "dla34": (512, 512)}
_VERTICES = {"nano": 64, "dla34": 128}
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
    if config.auto:
        config = _sizes_of_network(config)
        sizes = object_sizes(label_index(train))
        config, line = _scale(config, sizes)
        lines += line
        config = _detections(_schedule(config, len(train), processes), sizes)
        lines.append(describe(config, len(train)))
    return replace(config, auto=()), lines


def _weights(config: Config) -> tuple[Config, list[str]]:
    """The weights to start from, and what comes with them.

    Those that come with the project are nano's, and are taken where nothing speaks against it.
    """
    bundled = {"model.weights", "data.targets.vertices"} <= set(config.auto)
    if bundled and config.model.architecture == "nano":
        config = replace(config, model=replace(config.model, weights=BUNDLED))
    if config.model.weights is None:
        return config, []
    weights = read_start_weights(config.model.weights)
    config = adopt(config, weights, config.auto)
    # What has come with the weights is not chosen again.
    left = tuple(name for name in config.auto if name != "data.targets.vertices")
    name = BUNDLED if weights.path == weights_path(BUNDLED) else weights.path
    line = (
        f"weights: starts from {name} ({weights.architecture}, {weights.vertices} vertices); "
        "--model.weights None starts from random ones"
    )
    return replace(config, auto=left), [line]


def _sizes_of_network(config: Config) -> Config:
    """The crop and the number of vertices that go with an architecture."""
    data, architecture = config.data, config.model.architecture
    if "data.augmentation.crop_size" in config.auto:
        augmentation = replace(data.augmentation, crop_size=_CROPS[architecture])
        data = replace(data, augmentation=augmentation)
    if "data.targets.vertices" in config.auto:
        data = replace(data, targets=replace(data.targets, vertices=_VERTICES[architecture]))
    return replace(config, data=data)


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
    train, optim, loss = config.train, config.optim, config.loss
    architecture = config.model.architecture
    if "train.batch_size" in config.auto:
        batch = fitting_batch(images, processes * train.accumulate)
        train = replace(train, batch_size=batch)
    if "train.epochs" in config.auto:
        train = replace(train, epochs=choose_epochs(images, architecture))
    schedule = choose_schedule(
        images,
        architecture,
        batch_size=train.batch_size,
        epochs=train.epochs,
        fresh=config.model.weights is None,
    )
    open_ = set(config.auto)
    train = replace(
        train,
        ema_decay=schedule.ema_decay if "train.ema_decay" in open_ else train.ema_decay,
        eval_every=schedule.eval_every if "train.eval_every" in open_ else train.eval_every,
        save_every=schedule.save_every if "train.save_every" in open_ else train.save_every,
    )
    optim = replace(
        optim,
        lr=schedule.lr if "optim.lr" in open_ else optim.lr,
        warmup_steps=(
            schedule.warmup_steps if "optim.warmup_steps" in open_ else optim.warmup_steps
        ),
    )
    if "loss.matching_start_epoch" in open_:
        loss = replace(loss, matching_start_epoch=schedule.matching_start_epoch)
    return replace(config, train=train, optim=optim, loss=loss)


def _detections(config: Config, sizes: ObjectSizes) -> Config:
    """Room for a quarter more objects than any training image has, in whole hundreds."""
    if "eval.max_detections" not in config.auto:
        return config
    most = max(_FEWEST_DETECTIONS, math.ceil(1.25 * sizes.most / 100) * 100)
    return replace(config, eval=replace(config.eval, max_detections=most))

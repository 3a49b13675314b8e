"""The published protocols: training, test geometry and the way back."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset.view import restore_points
from e2ec.config import Config, OptimConfig
from e2ec.engine.schedule import learning_rate
from e2ec.presets import load_preset, preset_names
from lib.geometry import transform_points

WITH_FILES = ("coco", "coco_sgd", "sbd", "kins", "cityscapes")


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("size", [(480, 640), (375, 1242), (1024, 2048), (333, 217), (17, 5000)])
def test_contours_survive_the_way_through_the_test_geometry(
    preset: str, size: tuple[int, int]
) -> None:
    """Drawn on the image, shown to the network, and carried back: the same to 1e-3 pixel.

    The network works in float32, so the points are rounded to it on the way.
    """
    height, width = size
    points = np.random.default_rng(0).uniform(0, 1, (100, 2)) * (width, height)
    shown, matrix = load_preset(preset).data.view.geometry(height, width)
    there = transform_points(points, matrix).astype(np.float32)
    assert np.abs(restore_points(there, matrix) - points).max() < 1e-3
    assert shown[0] % 32 == shown[1] % 32 == 0


@pytest.mark.parametrize("preset", WITH_FILES)
def test_presets_say_how_they_are_used(preset: str) -> None:
    """Command, hardware and the published results."""
    text = importlib.import_module(f"configs.{preset}").get_config.__doc__
    text = " ".join(text.split())
    assert f"python train.py {preset} --data.root" in text
    assert "GPU" in text and "Published result" in text and "docs/data.md" in text


PROTOCOLS = {
    # epochs, milestones, factor, batch, crop (height, width), scales, NMS
    "sbd": (150, (80, 120), 0.5, 24, (512, 512), (0.6, 1.4), 1.0),
    "coco": (140, (80, 120), 0.5, 24, (512, 512), (0.6, 1.4), 0.7),
    "kins": (150, (80, 120), 0.25, 64, (384, 896), (0.4, 0.5), 1.0),
    "cityscapes": (200, (80, 120, 150), 0.5, 32, (800, 800), (0.6, 1.4), 1.0),
}


@pytest.mark.parametrize("preset", PROTOCOLS)
def test_published_protocols(preset: str) -> None:
    config: Config = load_preset(preset)
    found = (
        config.train.epochs,
        config.optim.milestones,
        config.optim.factor,
        config.train.batch_size,
        config.data.augmentation.crop_size,
        config.data.augmentation.scale_range,
        config.eval.nms_iou,
    )
    assert found == PROTOCOLS[preset]
    assert (config.optim.optimizer, config.optim.lr, config.optim.weight_decay) == (
        "adam",
        1e-4,
        5e-4,
    )
    assert config.optim.clip_value == 40


def test_second_stage_of_coco() -> None:
    """20 epochs of SGD at 1e-4, weight decay 1e-4, momentum 0.9, dynamic matching from the first of
    them, from the last weights of the first stage; everything else as there."""
    first, second = load_preset("coco"), load_preset("coco_sgd")
    assert second == replace(
        first,
        name="coco_sgd",
        model=replace(first.model, weights=Path("runs/coco/last/weights.safetensors")),
        optim=OptimConfig(optimizer="sgd", lr=1e-4, weight_decay=1e-4, momentum=0.9, milestones=()),
        loss=replace(first.loss, matching_start_epoch=0),
        train=replace(first.train, epochs=20),
    )
    rates = {
        learning_rate(second.optim, step=step, steps_per_epoch=10, epochs=20) for step in range(200)
    }
    assert rates == {1e-4}


@pytest.mark.parametrize(
    ("preset", "image", "shown"),
    [
        ("sbd", (375, 500), (512, 512)),
        ("coco", (427, 640), (448, 672)),
        ("coco", (480, 640), (512, 672)),
        ("kins", (375, 1242), (768, 2496)),
        ("cityscapes", (1024, 2048), (1216, 2432)),
    ],
)
def test_published_test_sizes(preset: str, image: tuple[int, int], shown: tuple[int, int]) -> None:
    assert load_preset(preset).data.view.geometry(*image)[0] == shown

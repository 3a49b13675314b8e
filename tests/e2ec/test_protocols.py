"""The published protocols: training, test geometry and the way back."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dataset.transforms.test_transform import restore_points
from e2ec.app.commands.command_line import parse_config
from e2ec.config import Config, OptimConfig
from e2ec.engine.train.schedule import learning_rate
from e2ec.families import preprocess
from e2ec.losses import dynamic_matching, focal
from e2ec.named_settings import flat
from e2ec.presets import load_preset, preset_names
from lib.polygons.geometry import transform_points
from network.contour import contour_init, global_deform
from network.contour.architecture import NANO, Architecture
from network.contour.e2ec import build_network

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


# Every number of the published training and test that is a setting, by dotted name. A setting that
# is not here is ours.
DEFAULTS: dict[str, Any] = {
    "model.architecture": "dla34",
    "model.multi_component": False,
    "model.backbone_weights": None,
    "data.targets.vertices": 128,
    "data.targets.directions": 4,
    "data.targets.stride": 4,
    "data.targets.key_tolerance": 12.0,  # 3 cells of the stride-4 map
    "data.targets.min_area_cells": 5.0,
    "data.targets.min_overlap": 0.7,
    "data.targets.max_instances": None,
    "data.augmentation.crop_size": [512, 512],  # height, width, here and below
    "data.augmentation.scale_range": [0.6, 1.4],
    "data.augmentation.scale_reference": "long_side",
    "data.augmentation.flip_probability": 0.5,
    "data.augmentation.vertical_flip_probability": 0.0,
    "data.augmentation.rotate90": False,
    "data.augmentation.brightness": 0.4,
    "data.augmentation.contrast": 0.4,
    "data.augmentation.saturation": 0.4,
    "data.augmentation.lighting": 0.1,
    "data.augmentation.grayscale_probability": 0.0,
    "data.augmentation.invert_probability": 0.0,
    "data.augmentation.enabled": True,
    "data.view.mode": "canvas",
    "data.view.size": None,
    "data.view.zoom": 1.0,
    "data.view.multiple": 32,
    "data.view.warp": "exact",
    "optim.optimizer": "adam",
    "optim.lr": 1e-4,
    "optim.weight_decay": 5e-4,
    "optim.momentum": 0.9,
    "optim.schedule": "step",
    "optim.milestones": [80, 120],
    "optim.factor": 0.5,
    "optim.warmup_steps": 0,
    "optim.clip_value": 40.0,
    "loss.center_weight": 1.0,
    "loss.initial_weight": 0.1,
    "loss.coarse_weight": 0.1,
    "loss.refinement_weight": 1.0,
    "loss.average_refinements": True,
    "loss.matching_start_epoch": 10,
    "loss.matching_distance": "smooth_l1",
    "train.epochs": 150,
    "train.batch_size": 24,
    "train.ema_decay": 0.0,
    "eval.score_threshold": 0.05,
    "eval.max_detections": 100,
    "eval.nms_iou": 1.0,
    "eval.protocol": "coco",
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "sbd": {
        "data.view.mode": "letterbox",
        "data.view.size": [512, 512],
        "eval.protocol": "sbd",
    },
    "coco": {"train.epochs": 140, "eval.nms_iou": 0.7},
    "kins": {
        "train.batch_size": 64,
        "optim.factor": 0.25,
        "data.augmentation.crop_size": [384, 896],
        "data.augmentation.scale_range": [0.4, 0.5],
        "data.augmentation.scale_reference": "input",
        "data.view.mode": "fixed",
        "data.view.size": [768, 2496],
    },
    "cityscapes": {
        "train.epochs": 200,
        "train.batch_size": 32,
        "optim.milestones": [80, 120, 150],
        "data.augmentation.crop_size": [800, 800],
        "data.augmentation.scale_reference": "input",
        "data.view.mode": "fixed",
        "data.view.size": [1216, 2432],
        "eval.protocol": "cityscapes",
        "model.multi_component": True,
    },
}


def test_defaults_are_the_published_ones() -> None:
    found = flat(Config(name="x").to_dict())
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("preset", PUBLISHED)
def test_published_presets(preset: str) -> None:
    expected = DEFAULTS | PUBLISHED[preset] | {"model.backbone_weights": "imagenet"}
    found = flat(load_preset(preset).to_dict())
    assert {name: found[name] for name in expected} == expected


def test_published_constants() -> None:
    """Numbers of the method that are no settings."""
    assert preprocess.MEAN_BGR == (0.40789654, 0.44719302, 0.47026115)
    assert preprocess.STD_BGR == (0.28863828, 0.27408164, 0.27809835)
    assert (focal.ALPHA, focal.BETA, focal.MIN_PROBABILITY) == (2, 4, 1e-4)
    assert dynamic_matching.SUBDIVISION == 10
    assert (contour_init.OFFSET_SCALE, global_deform.OFFSET_SCALE) == (10, 4)
    assert Architecture() == Architecture(
        backbone_channels=(16, 32, 64, 128, 256, 512),
        stem_stride=1,
        deformable=True,
        head_channels=256,
        global_channels=64,
        global_hidden=512,
        snake_channels=128,
        snake_fusion_channels=256,
        snake_dilations=(1, 1, 1, 2, 2, 4, 4),
        refinements=3,
    )


def test_the_network_starts_as_published() -> None:
    """Heat map at -2.19, all other heads' last biases at 0, refinement at N(0, 0.01), deformable
    convolutions as plain ones."""
    torch.manual_seed(0)
    network = build_network(num_classes=3, architecture=replace(NANO, deformable=True))
    assert network.heatmap[2].bias.tolist() == pytest.approx([-2.19] * 3)
    assert network.offsets[2].bias.abs().max() == 0
    for name, parameter in network.named_parameters():
        if "conv_offset_mask" in name:
            assert parameter.abs().max() == 0, name
    weights = [m.weight for m in network.refinement.modules() if isinstance(m, nn.Conv1d)]
    values = torch.cat([weight.flatten() for weight in weights])
    assert values.std().item() == pytest.approx(0.01, rel=0.02)
    assert abs(values.mean().item()) < 1e-4


def test_the_papers_variant_can_be_asked_for() -> None:
    """The options of docs/method.md; the command line knows them by these names."""
    document = " ".join((Path(__file__).parents[2] / "docs/method.md").read_text().split())
    options = {
        "--model.refinements 2": ("model.refinements", 2),
        "--loss.no-average-refinements": ("loss.average_refinements", False),
        "--loss.matching-distance l1": ("loss.matching_distance", "l1"),
        "--loss.matching-start-epoch 0": ("loss.matching_start_epoch", 0),
        "--optim.factor 0.5": ("optim.factor", 0.5),
        "--data.augmentation.scale-range 0.4 1.0": ("data.augmentation.scale_range", [0.4, 1.0]),
    }
    words = [word for option in options for word in option.split()]
    found = flat(parse_config(["kins", *words], program="train.py", purpose="").to_dict())
    for option, (name, value) in options.items():
        assert f"`{option}`" in document
        assert found[name] == value


def test_second_stage_of_coco() -> None:
    """20 epochs of SGD at 1e-4, weight decay 1e-4, momentum 0.9, dynamic matching from the first of
    them, from the last weights of the first stage; everything else as there."""
    first, second = load_preset("coco"), load_preset("coco_sgd")
    assert second == replace(
        first,
        name="coco_sgd",
        preset="coco_sgd",
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

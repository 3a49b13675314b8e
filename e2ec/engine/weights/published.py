"""A published checkpoint as a model: its weights, and the preset that says what they mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dataset.formats.coco.categories import COCO_CATEGORIES
from e2ec.config import Config
from e2ec.engine.weights.model_card import ModelCard, prediction_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from network.contour.e2ec import E2EC
from network.published import load_published


def load_published_model(path: Path, preset: str | None) -> tuple[E2EC, ModelCard]:
    """The network of a published `.pth` file, and a description made from a preset.

    Published files hold no class names: COCO's are known, others are called by their number.

    Raises:
        InputError: no preset is named, the file is unusable, or holds code.
    """
    if preset is None:
        raise InputError(
            f"{path}: a published checkpoint needs the preset it belongs to: --preset coco, or in "
            "Python load_model(..., preset='coco')"
        )
    config = with_published_warp(load_preset(preset))
    network = load_published(path)
    count = network.num_classes
    names = tuple(f"class {number}" for number in range(1, count + 1))
    ids = tuple(range(1, count + 1))
    if count == len(COCO_CATEGORIES):
        ids, names = tuple(COCO_CATEGORIES), tuple(COCO_CATEGORIES.values())
    card = ModelCard(
        architecture="dla34",
        class_names=names,
        category_ids=ids,
        **prediction_settings(config),
        clip=network.clip,
    )
    return network, card


def with_published_warp(config: Config) -> Config:
    """The settings with the test geometry that published weights were trained for."""
    view = replace(config.data.view, warp="published")
    return replace(config, data=replace(config.data, view=view))

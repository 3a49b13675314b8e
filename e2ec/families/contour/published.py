"""A published checkpoint as a model: its weights, and the preset that says what they mean."""

from __future__ import annotations

from pathlib import Path

from dataset.formats.coco.categories import COCO_CATEGORIES
from e2ec.families.contour.card import ContourCard
from e2ec.families.model_card import prediction_settings
from e2ec.families.published import with_published_warp
from e2ec.presets import load_preset
from lib.errors import InputError
from network.contour.e2ec import E2EC
from network.published import load_published


def load_published_model(path: Path, preset: str | None) -> tuple[E2EC, ContourCard]:
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
    card = ContourCard(
        architecture="dla34",
        class_names=names,
        category_ids=ids,
        **prediction_settings(config),
        nms_iou=config.eval.nms_iou,
        group_parts=config.eval.group_parts,
        clip=network.clip,
    )
    return network, card

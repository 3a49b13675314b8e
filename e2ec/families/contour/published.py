"""A description for published weights, which have none: the preset says what they mean."""

from __future__ import annotations

from dataset.formats.coco.categories import COCO_CATEGORIES
from e2ec.config import Config
from e2ec.families.contour.card import ContourCard
from e2ec.families.model_card import prediction_settings
from network.contour.e2ec import E2EC


def published_card(network: E2EC, config: Config) -> ContourCard:
    """The card of a published network, from the settings of its preset.

    Published files hold no class names: COCO's are known, others are called by their number.
    """
    count = network.num_classes
    names = tuple(f"class {number}" for number in range(1, count + 1))
    ids = tuple(range(1, count + 1))
    if count == len(COCO_CATEGORIES):
        ids, names = tuple(COCO_CATEGORIES), tuple(COCO_CATEGORIES.values())
    return ContourCard(
        architecture="dla34",
        class_names=names,
        category_ids=ids,
        **prediction_settings(config),
        nms_iou=config.eval.nms_iou,
        group_parts=config.eval.group_parts,
        clip=network.clip,
    )

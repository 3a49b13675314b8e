"""What a weights file of a mask network says of itself, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from e2ec.families.mask.card import MaskCard
from lib.errors import InputError
from network.mask.settings import BoundaryHeadSettings, MaskNetworkSettings
from network.sharp.settings import EvolutionSettings

CARD = MaskCard(
    architecture="resnet101",
    class_names=("cell", "car"),
    category_ids=(1, 3),
    stage="sharp",
    network=MaskNetworkSettings(
        backbone="resnet101",
        anchor_sizes=(8, 16, 32, 64, 128),
        mask_head="boundary",
        mask_iou=True,
        boundary=BoundaryHeadSettings(size=14, source="pyramid"),
    ),
    nms_iou=0.4,
    evolution=EvolutionSettings(iterations=3),
)


def written(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(CARD))) | changes


def test_a_card_comes_back() -> None:
    assert MaskCard.from_json(written(), name="w") == CARD


def test_settings_that_files_do_not_name_have_their_defaults() -> None:
    card = MaskCard.from_json(written(network={"backbone": "resnet101"}), name="w")
    assert card.network == MaskNetworkSettings(backbone="resnet101")


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "dla34"},
        {"architecture": "resnet50"},
        {"stage": "final"},
        {"nms_iou": 0.0},
        {"network": 3},
        {"network": {"backbone": "resnet101", "samples": 0}},
        {"network": {"backbone": "resnet101", "samples": 3.5}},
        {"network": {"backbone": "resnet101", "samples": True}},
        {"network": {"backbone": "resnet101", "mask_iou": 1}},
        {"network": {"backbone": "resnet101", "mask_head": ["plain"]}},
        {"network": {"backbone": "resnet101", "anchor_sizes": [8]}},
        {"network": {"backbone": "resnet101", "boundary": {"size": 7}}},
        {"network": {"backbone": "resnet101", "unknown": 1}},
    ],
)
def test_damaged_cards_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^w: its description is damaged"):
        MaskCard.from_json(written(**changes), name="w")


def test_the_architecture_is_the_backbone() -> None:
    with pytest.raises(ValueError, match="resnet50"):
        replace(CARD, architecture="resnet50")

"""What a weights file of a refiner says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from e2ec.config import check_given_iou
from e2ec.families.model_card import ModelCard, choice, evolution
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS
from network.sharp.settings import EvolutionSettings

GIVEN, SHARP = STAGES = ("given", "sharp")
"""The outlines that are refined, and what becomes of them."""


@dataclass(frozen=True)
class RefinerCard(ModelCard):
    """The card of a refiner; `architecture` is a name in `ARCHITECTURES`.

    Its classes are those of the data it was trained on; it refines objects of any.
    """

    FAMILY: ClassVar[str] = "e2ec.families.refiner.family:REFINER"

    stage: str = SHARP
    """The outline that is the result."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    """How contours move."""
    given_iou: tuple[float, float] = (0.6, 0.95)
    """How well the perturbed labels fit that it is measured on, at worst and at best."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_given_iou(self.given_iou)

    @classmethod
    def own_fields(cls, card: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelCard.own_fields`."""
        choice(card["architecture"], tuple(name for name in ARCHITECTURES if name != TRANSFORMERS))
        choice(card["stage"], STAGES)
        low, high = card["given_iou"]
        return {
            "evolution": evolution(card["evolution"]),
            "given_iou": (float(low), float(high)),
        }

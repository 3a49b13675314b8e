"""What a weights file of a mask network says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from e2ec.config import EvalConfig
from e2ec.families.model_card import ModelCard, choice, evolution, flag
from network.mask.settings import Backbone, MaskNetworkSettings
from network.sharp.settings import EvolutionSettings

MASK, SHARP = STAGES = ("mask", "sharp")
"""The masks as the mask head gives them, and with their outlines refined by SharpContour."""

_Settings = TypeVar("_Settings")


@dataclass(frozen=True)
class MaskCard(ModelCard):
    """The card of a mask network; `architecture` is the name of its backbone."""

    FAMILY: ClassVar[str] = "e2ec.families.mask.family:MASK"

    stage: str = MASK
    """The masks that are the result."""
    network: MaskNetworkSettings = field(default_factory=MaskNetworkSettings)
    """What it is made of."""
    nms_iou: float = 0.5
    """Among boxes of a class that overlap more the best is kept."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    """How outlines move in the stage sharp, where the network has it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        EvalConfig(nms_iou=self.nms_iou)  # the same limit as in the settings
        if self.architecture != self.network.backbone:
            raise ValueError(f"{self.architecture} is not its network's {self.network.backbone}")

    @classmethod
    def own_fields(cls, card: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelCard.own_fields`."""
        choice(card["architecture"], get_args(Backbone))
        choice(card["stage"], STAGES)
        return {
            "network": checked_settings(MaskNetworkSettings, card["network"]),
            "nms_iou": float(card["nms_iou"]),
            "evolution": evolution(card["evolution"]),
        }


def checked_settings(kind: type[_Settings], values: Mapping[str, Any]) -> _Settings:
    """Settings of plain numbers and choices, read as JSON; what is not named has its default.

    Raises:
        TypeError, ValueError: a name is unknown, or a value is not what it should be.
    """
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    unknown = set(values) - {one.name for one in fields(kind)}
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]} is unknown")
    checked = {name: _checked(hints[name], value) for name, value in values.items()}
    return kind(**checked)


def _checked(hint: Any, value: Any) -> Any:
    """`value`, which must be of a type."""
    if is_dataclass(hint):
        return checked_settings(hint, dict(value))  # type: ignore[arg-type]
    if get_origin(hint) is Literal:
        if not isinstance(value, (str, int)) or value not in get_args(hint):
            raise ValueError(f"{value!r} is not one of {get_args(hint)}")
        return value
    if get_origin(hint) is tuple:
        return tuple(_checked(int, item) for item in value)
    if hint is bool:
        return flag(value)
    if hint is not int or type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value

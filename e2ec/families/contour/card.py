"""What a weights file of a contour network says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, get_args

from e2ec.config import EvalConfig
from e2ec.families.contour.stages import Stage, check_stage
from e2ec.families.model_card import ModelCard, choice, evolution, flag
from network.contour.architecture import ARCHITECTURES
from network.contour.contour_init import Clip
from network.contour.contour_start import Activation, ContourStart, Initial
from network.sharp.settings import EvolutionSettings


@dataclass(frozen=True)
class ContourCard(ModelCard):
    """The card of a contour network; `architecture` is a name in `ARCHITECTURES`."""

    FAMILY: ClassVar[str] = "e2ec.families.contour.family:CONTOUR"

    stage: Stage = "final-dml"
    """The contour that is the result."""
    nms_iou: float = 1.0
    """Class-wise box NMS above this IoU; 1 is none."""
    group_parts: bool = True
    """Parts whose votes agree become one instance; without effect where the network has no part
    votes."""
    clip: Clip = "edge"
    """How far initial and coarse contours may reach: to the edge of the feature map, where labels
    end, or to its last cell (published weights)."""
    start: ContourStart = field(default_factory=ContourStart)
    """What stands before the refinements."""
    box_vertices: int | None = None
    """Of contours that begin as boxes; other weights show the number themselves."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    """How contours move in the stage sharp, where the network has it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        EvalConfig(nms_iou=self.nms_iou)  # the same limit as in the settings

    @classmethod
    def own_fields(cls, card: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelCard.own_fields`."""
        choice(card["architecture"], tuple(ARCHITECTURES))
        check_stage(card["stage"])
        return {
            "nms_iou": float(card["nms_iou"]),
            # Files written before there were part votes do not have it.
            "group_parts": flag(card.get("group_parts", True)),
            # Files without it were trained here, on labels that reach the edge.
            "clip": choice(card.get("clip", "edge"), get_args(Clip)),
            # Files without these two begin as in the paper.
            "start": _start(card.get("start", {})),
            "box_vertices": None if card.get("box_vertices") is None else int(card["box_vertices"]),
            # Files without it have no stage sharp.
            "evolution": evolution(card.get("evolution", {})),
        }


def _start(value: Mapping[str, Any]) -> ContourStart:
    """What stands before the refinements, read as JSON; what is not named is as in the paper."""
    values = asdict(ContourStart()) | dict(value)
    choice(values["initial"], get_args(Initial))
    choice(values["global_activation"], get_args(Activation))
    flag(values["global_deformation"])
    return ContourStart(**values)

"""What a weights file of a contour network says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, get_args

from e2ec.config import ContourSmoothing, EvalConfig, MendingSettings
from e2ec.families.contour.mending_settings import mending
from e2ec.families.contour.stages import Stage, check_stage
from e2ec.families.model_card import ModelCard, choice, evolution, flag
from network.backbones.settings import BackboneDescription
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS
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
    iou_power: float = 0.5
    """How much the predicted IoU of a contour counts in its score, where the network predicts it
    (`final_scores.final_scores`)."""
    clip: Clip = "edge"
    """How far initial and coarse contours may reach: to the edge of the feature map, where labels
    end, or to its last cell (published weights)."""
    start: ContourStart = field(default_factory=ContourStart)
    """What stands before the refinements."""
    box_vertices: int | None = None
    """Of contours that begin as boxes; other weights show the number themselves."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    """How contours move in the stage sharp, where the network has it."""
    contour_filter: bool = False
    """Jagged contours fall back to the stage before."""
    contour_smoothing: ContourSmoothing = "none"
    """What is done to the contours of the result."""
    contour_mending: MendingSettings = field(default_factory=MendingSettings)
    """How far these two go."""
    backbone: BackboneDescription | None = None
    """What the backbone of the architecture transformers is made of."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # The same limits as in the settings.
        EvalConfig(nms_iou=self.nms_iou, iou_power=self.iou_power)

    @classmethod
    def own_fields(cls, card: Mapping[str, Any]) -> dict[str, Any]:
        """See `ModelCard.own_fields`."""
        choice(card["architecture"], tuple(ARCHITECTURES))
        check_stage(card["stage"])
        backbone = card.get("backbone")
        if (backbone is None) == (card["architecture"] == TRANSFORMERS):
            raise ValueError("a backbone of transformers, and its description, go together")
        return {
            "nms_iou": float(card["nms_iou"]),
            # Files written before there were part votes do not have it.
            "group_parts": flag(card.get("group_parts", True)),
            # Files without it have no head for it.
            "iou_power": float(card.get("iou_power", 0.5)),
            # Files without it were trained here, on labels that reach the edge.
            "clip": choice(card.get("clip", "edge"), get_args(Clip)),
            # Files without these two begin as in the paper.
            "start": _start(card.get("start", {})),
            "box_vertices": None if card.get("box_vertices") is None else int(card["box_vertices"]),
            # Files without it have no stage sharp.
            "evolution": evolution(card.get("evolution", {})),
            # Files without these were written when contours were left as they are.
            "contour_filter": flag(card.get("contour_filter", False)),
            "contour_smoothing": choice(
                card.get("contour_smoothing", "none"), get_args(ContourSmoothing)
            ),
            "contour_mending": mending(card.get("contour_mending", {})),
            # Files without it have a DLA.
            "backbone": None if backbone is None else BackboneDescription.from_json(backbone),
        }


def _start(value: Mapping[str, Any]) -> ContourStart:
    """What stands before the refinements, read as JSON; what is not named is as in the paper."""
    values = asdict(ContourStart()) | dict(value)
    choice(values["initial"], get_args(Initial))
    choice(values["global_activation"], get_args(Activation))
    flag(values["global_deformation"])
    return ContourStart(**values)

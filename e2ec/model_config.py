"""The settings of networks: what all families have, and those of contours and of refiners."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from e2ec.data_config import require
from network.backbones.settings import BackboneSettings
from network.contour.architecture import MAX_REFINEMENTS, TRANSFORMERS
from network.contour.contour_start import Activation, ContourStart, Initial
from network.sharp.settings import SharpSettings

MAX_HIDDEN = 65536
"""A wider global deformation is a slip of the hand."""


@dataclass(frozen=True)
class BaseModelConfig:
    """What the engine knows of the settings of a network; every family has a subclass."""

    FAMILY: ClassVar[str]
    """Where the family of such models is: "module:NAME"."""

    architecture: str = ""
    """Name of the network's sizes; a family narrows it to the names that it has, the first of them
    its usual one: settings can be made without any arguments."""
    weights: Path | None = None
    """Weights to start from (.safetensors, or a published .pth); None starts from random ones."""


@dataclass(frozen=True)
class ModelConfig(BaseModelConfig):
    """The network."""

    FAMILY: ClassVar[str] = "e2ec.families.contour.family:CONTOUR"
    """See `BaseModelConfig.FAMILY`."""

    architecture: Literal["dla34", "nano", "transformers"] = "dla34"
    """dla34 is the published network; nano is a thin one for CPUs; transformers has the backbone
    that model.backbone names."""
    multi_component: bool = False
    """Also learn where every part's whole object is, so that its parts can be grouped."""
    boundary_map: bool = False
    """Also learn a map of the boundaries of all objects, with a head of its own, so that the shared
    map tells them better (loss.boundary_map_weight); prediction leaves it out."""
    refinements: int | None = None
    """Number of refinement modules; None takes the architecture's own: dla34 has three, as
    published (the paper has two), nano two."""
    contour_iou: bool = False
    """Also learn how well every contour fits; see eval.iou_power (docs/test-time.md)."""
    initial: Initial = "learned"
    """The initial contour: learned regresses all of its vertices, as in the paper; box_octagon and
    box_ellipse regress a box and draw one into it, as methods before it do (docs/ablation.md)."""
    global_deformation: bool = True
    """Move the initial contour by the features of all of its vertices before it is refined."""
    global_hidden: int | None = None
    """Width of the hidden layer of this global deformation; None takes the architecture's own. The
    paper's is twice the number of vertices."""
    global_activation: Activation = "none"
    """Between its two linear maps; the published network has none."""
    sharp: SharpSettings = field(default_factory=SharpSettings)
    """The stage after the last refinement, SharpContour (docs/boundaries.md)."""
    backbone_weights: Path | None = None
    """Weights of DLA-34's backbone alone to start from, where `weights` names none: a file, or
    imagenet for those that published trainings start from, fetched once (docs/backbones.md); none
    starts from random ones."""
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    """The backbone of the architecture transformers (docs/backbones.md)."""

    def __post_init__(self) -> None:
        if self.backbone_weights == Path("none"):
            object.__setattr__(self, "backbone_weights", None)
        require(
            self.backbone_weights is None or self.architecture == "dla34",
            f"model.backbone_weights {self.backbone_weights} are of dla34, and "
            f"{self.architecture} cannot start from them: give --model.backbone-weights none",
        )
        other = self.architecture == TRANSFORMERS
        require(
            other or self.backbone == BackboneSettings(),
            "model.backbone settings need --model.architecture transformers",
        )
        require(
            not other or bool(self.backbone.name) or self.weights is not None,
            "model.architecture transformers needs --model.backbone.name",
        )
        require(
            self.refinements is None or 1 <= self.refinements <= MAX_REFINEMENTS,
            f"model.refinements must lie between 1 and {MAX_REFINEMENTS}",
        )
        require(
            self.global_hidden is None or 1 <= self.global_hidden <= MAX_HIDDEN,
            f"model.global_hidden must lie between 1 and {MAX_HIDDEN}",
        )
        for name, default in (("global_hidden", None), ("global_activation", "none")):
            require(
                self.global_deformation or getattr(self, name) == default,
                f"model.{name}: there is no global deformation",
            )

    @property
    def start(self) -> ContourStart:
        """What stands before the refinements."""
        return ContourStart(self.initial, self.global_deformation, self.global_activation)


@dataclass(frozen=True)
class RefinerConfig(ModelConfig):
    """The network of a refiner: backbone, neck and SharpContour, without a detector."""

    FAMILY: ClassVar[str] = "e2ec.families.refiner.family:REFINER"
    """See `BaseModelConfig.FAMILY`."""

    sharp: SharpSettings = field(
        default_factory=lambda: SharpSettings(training="joint", spread=0.1, box_jitter=0.1)
    )
    """How it learns where boundaries are."""
    given_iou: tuple[float, float] = (0.6, 0.95)
    """It is measured on labels that are perturbed on purpose: so well they fit the true ones, at
    worst and at best."""

    def __post_init__(self) -> None:
        super().__post_init__()
        none = "a refiner has none"
        require(self.architecture != TRANSFORMERS, "model.architecture: dla34 or nano for refiners")
        require(self.refinements is None, f"model.refinements: {none}")
        require(not self.multi_component, f"model.multi_component: {none}")
        require(not self.boundary_map, f"model.boundary_map: {none}")
        require(not self.contour_iou, f"model.contour_iou: {none}")
        require(self.initial == "learned", f"model.initial: {none}")
        require(self.global_deformation, f"model.global_deformation: {none}")
        require(self.global_hidden is None, f"model.global_hidden: {none}")
        require(self.global_activation == "none", f"model.global_activation: {none}")
        require(self.sharp.training == "joint", "model.sharp.training: a refiner is always joint")
        check_given_iou(self.given_iou)


def check_given_iou(bounds: tuple[float, float]) -> None:
    """Raise ValueError where no labels can be perturbed to fit so well."""
    low, high = bounds
    require(0.3 <= low <= high <= 1, f"given_iou must rise within 0.3 to 1, not {low} {high}")

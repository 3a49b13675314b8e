"""What weights that a run starts from bring with them: sizes, and how their contours begin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from e2ec.config import BackboneSettings, Config
from e2ec.families.bundled import weights_path
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.model_settings import model_settings
from e2ec.families.published import is_published
from e2ec.families.weights_file import opened_start
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS
from network.contour.contour_start import ContourStart
from network.contour.weights import count_refinements
from network.published import load_published

_HIDDEN = "global_deformation.trans_poly.weight"


@dataclass(frozen=True)
class StartWeights:
    """What a weights file fixes: its network's sizes, vertices a contour, refinement modules, the
    width of the global deformation (None: there is none), what stands before the refinements, and
    the name of a backbone of transformers."""

    path: Path
    architecture: str
    vertices: int
    refinements: int
    global_hidden: int | None
    start: ContourStart = field(default_factory=ContourStart)
    backbone: str = ""


def read_start_weights(path: Path) -> StartWeights:
    """What a weights file fixes; the weights themselves are read only from published files.

    Raises:
        InputError: the file is missing, damaged, or no weights file.
    """
    path = weights_path(path)
    if is_published(path):
        network = load_published(path)
        deformation = network.global_deformation
        hidden = None if deformation is None else deformation.trans_poly.out_features
        return StartWeights(path, "dla34", network.vertices, len(network.refinement.snakes), hidden)
    with opened_start(path, ("contour",)) as (file, document):
        card = ContourCard.from_json(document, name=str(path))
        assert isinstance(card, ContourCard)
        offsets = file.get_slice("offsets.2.weight").get_shape()[0] // 2
        refinements = count_refinements(file.keys(), source=str(path))
        hidden = None
        if card.start.global_deformation:
            hidden = file.get_slice(_HIDDEN).get_shape()[0]
    # A box's two outputs do not tell how many vertices its contour has; the card does.
    vertices = card.box_vertices or offsets
    name = card.settings.get("model", {}).get("backbone", {}).get("name", "")
    return StartWeights(
        path, card.architecture, vertices, refinements, hidden, card.start, str(name)
    )


def adopt(config: Config, weights: StartWeights, free: Collection[str]) -> Config:
    """The settings with what the weights fix.

    Args:
        config: of the run.
        weights: it starts from.
        free: settings that may be changed; others must agree by themselves.

    Raises:
        InputError: a setting that is not free contradicts the weights; names the option.
    """
    wanted = model_settings(config).refinements
    own = {
        "model.architecture": (config.model.architecture, weights.architecture),
        "data.targets.vertices": (config.data.targets.vertices, weights.vertices),
        "model.refinements": (wanted or weights.refinements, weights.refinements),
    }
    for name, (value, brought) in own.items():
        if value != brought and name not in free:
            raise InputError(
                f"{weights.path}: its {name.rpartition('.')[2]} is {brought}, the run's {value}; "
                f"give --{name} {brought}, or other --model.weights (None: random ones)"
            )
    usual = ARCHITECTURES[weights.architecture].refinements
    unusual = weights.refinements if weights.refinements != usual else None
    backbone = BackboneSettings()
    if weights.architecture == TRANSFORMERS:
        backbone = replace(model_settings(config).backbone, name=weights.backbone)
    return with_settings(
        config,
        {
            "model.backbone_weights": None,  # the backbone comes with the weights
            "model.backbone": backbone,
            "model.architecture": weights.architecture,
            "model.weights": weights.path,
            "model.refinements": wanted or unusual,
            "data.targets.vertices": weights.vertices,
            **_start(config, weights),
        },
    )


def _start(config: Config, weights: StartWeights) -> dict[str, Any]:
    """How contours begin: as in the weights, where the settings ask for nothing else. What they ask
    for and the weights do not have begins at random (`untransferred`)."""
    model, start = model_settings(config), weights.start
    asked = model.start != ContourStart() or model.global_hidden is not None
    if asked and model.start != start:
        return {}
    usual = ARCHITECTURES[weights.architecture].global_hidden
    unusual = weights.global_hidden if weights.global_hidden != usual else None
    return {
        "model.initial": start.initial,
        "model.global_deformation": start.global_deformation,
        "model.global_activation": start.global_activation,
        "model.global_hidden": model.global_hidden or unusual,
    }

"""What weights that a run starts from bring with them: architecture and vertices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from e2ec.config import BackboneSettings, Config
from e2ec.families.bundled import weights_path
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.model_settings import model_settings
from e2ec.families.published import is_published
from e2ec.families.weights_file import opened_start
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS
from network.contour.weights import count_refinements
from network.published import load_published


@dataclass(frozen=True)
class StartWeights:
    """What a weights file fixes: its network's sizes, vertices a contour, refinement modules."""

    path: Path
    architecture: str
    vertices: int
    refinements: int


def read_start_weights(path: Path) -> StartWeights:
    """What a weights file fixes; the weights themselves are read only from published files.

    Raises:
        InputError: the file is missing, damaged, or no weights file.
    """
    path = weights_path(path)
    if is_published(path):
        network = load_published(path)
        return StartWeights(path, "dla34", network.vertices, len(network.refinement.snakes))
    with opened_start(path, ("contour",)) as (file, document):
        card = ContourCard.from_json(document, name=str(path))
        assert isinstance(card, ContourCard)
        offsets = file.get_slice("offsets.2.weight").get_shape()[0] // 2
        refinements = count_refinements(file.keys(), source=str(path))
    # A box's two outputs do not tell how many vertices its contour has; the card does.
    return StartWeights(path, card.architecture, card.box_vertices or offsets, refinements)


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
    if weights.architecture != TRANSFORMERS:
        config = with_settings(config, {"model.backbone": BackboneSettings()})
    return with_settings(
        config,
        {
            "model.backbone_weights": None,  # the backbone comes with the weights
            "model.architecture": weights.architecture,
            "model.weights": weights.path,
            "model.refinements": wanted or unusual,
            "data.targets.vertices": weights.vertices,
        },
    )

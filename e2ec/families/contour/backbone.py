"""The backbone of contour networks where it is one of the package `transformers`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from e2ec.config import Config, ModelConfig
from e2ec.families.backbone_weights import start_backbone
from e2ec.families.bundled import weights_path
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.model_settings import model_settings
from e2ec.families.preprocess import MEAN_BGR, STD_BGR
from e2ec.families.published import is_published
from e2ec.families.weights_file import opened_start
from lib.errors import InputError
from network.backbones.settings import BackboneDescription
from network.backbones.transformers_backbone import (
    TransformersBackbone,
    build_model,
    check_sizes,
    describe,
    load_pretrained,
)
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS
from network.contour.e2ec import E2EC

_PREFIX = "backbone.model."
"""Of the parameters that were trained elsewhere."""


def described_backbone(config: Config) -> BackboneDescription | None:
    """What the backbone of a run is made of; None where it is a DLA.

    It comes from the weights that the run starts from, or from the name in the settings.

    Raises:
        InputError: there is no such backbone.
    """
    model = model_settings(config)
    if model.architecture != TRANSFORMERS:
        return None
    if model.weights is None:
        return describe(model.backbone.name, pretrained=model.backbone.pretrained)
    path = weights_path(model.weights)
    if not is_published(path):
        with opened_start(path, ("contour",)) as (_, document):
            card = ContourCard.from_json(document, name=str(path))
        assert isinstance(card, ContourCard)
        if card.backbone is not None:
            return card.backbone
    raise InputError(f"{path}: its backbone is none of transformers; give other --model.weights")


def own_backbone(config: Config) -> TransformersBackbone | None:
    """The backbone of a run with random weights; None where it is a DLA."""
    description = described_backbone(config)
    if description is None:
        return None
    settings = model_settings(config).backbone
    name = settings.name or str(config.model.weights)
    backbone = made(description, name, frozen=settings.frozen)
    backbone.freeze_unused()
    return backbone


def backbone_of_card(
    card: ContourCard, state: Mapping[str, Tensor], *, name: str
) -> TransformersBackbone | None:
    """The backbone that a weights file describes; None where it is a DLA.

    Raises:
        InputError: it is not that of the weights, or stands on a package that is not installed.
    """
    if card.backbone is None:
        return None
    own = {
        key.removeprefix(_PREFIX): value for key, value in state.items() if key.startswith(_PREFIX)
    }
    check_sizes(card.backbone, own, name)
    return made(card.backbone, name)


def start_parts(config: Config, network: E2EC) -> None:
    """Put weights that were trained elsewhere into the backbone, as the settings say."""
    model = model_settings(config)
    if not isinstance(network.backbone, TransformersBackbone):
        start_backbone(model, network.backbone)
    elif model.backbone.pretrained:
        load_pretrained(network.backbone, model.backbone.name)


def rate_factors(model: ModelConfig) -> dict[str, float]:
    """See `Family.rate_factors`."""
    factor = model.backbone.lr_factor
    return {} if model.architecture != TRANSFORMERS or factor == 1 else {_PREFIX: factor}


def made(
    description: BackboneDescription, name: str, *, frozen: bool = False
) -> TransformersBackbone:
    """The backbone of a description with random weights, in training mode, for pixels as contour
    networks are given them; `name` is what asks for it."""
    return TransformersBackbone(
        build_model(description, name=name),
        description=description,
        channels=ARCHITECTURES[TRANSFORMERS].backbone_channels[2:],
        shown_mean=MEAN_BGR,
        shown_std=STD_BGR,
        frozen=frozen,
    )

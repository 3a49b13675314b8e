"""Weights that a mask network starts from: torchvision's, and ours of any head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dataset.formats.coco.categories import COCO_CATEGORIES
from e2ec.config import Config, MaskConfig
from e2ec.families.published import is_published
from e2ec.families.weights_file import opened_start
from lib.errors import InputError
from network.mask import boundary_head
from network.mask.attention_head import AttentionMaskHead
from network.mask.boundary_head import BoundaryMaskHead
from network.mask.detector import MaskNetwork
from network.mask.weights import (
    BackboneAlone,
    is_torchvision_name,
    network_from_torchvision,
    published_start,
    torchvision_file,
)

_LABELS = tuple(COCO_CATEGORIES)
"""Of torchvision's COCO detectors: labels are COCO's category ids."""
_REPLACED = ("roi_heads.", "sharp.")
"""What heads of another kind, or of other classes, do not take over."""


def detector(path: Path) -> MaskNetwork:
    """A detector of torchvision's, by the path of its file or by its name there; COCO's without the
    classes that COCO leaves out."""
    return network_from_torchvision(_file(path), _LABELS)


def start(path: Path) -> MaskNetwork | BackboneAlone:
    """The same, or a backbone of torchvision's."""
    return published_start(_file(path), _LABELS)


def _file(path: Path) -> Path:
    return torchvision_file(str(path)) if is_torchvision_name(str(path)) else path


def start_state(source: nn.Module, network: MaskNetwork) -> dict[str, Tensor]:
    """The weights of `source`; those of a mask path that is Mask R-CNN's by the names that it has
    in `network`, of whatever head either is."""
    state = dict(source.state_dict())
    if not isinstance(source, MaskNetwork):
        return state
    theirs = _plain_keys(source.roi_heads.mask_head)
    ours = {plain: key for key, plain in _plain_keys(network.roi_heads.mask_head).items()}
    plain_state = {theirs.get(key, key): value for key, value in state.items()}
    return {ours.get(key, key): value for key, value in plain_state.items()}


def _plain_keys(head: nn.Module) -> dict[str, str]:
    """Keys of a network with this mask head -> torchvision's for the same, where they differ."""
    prefix = "roi_heads."
    keys: dict[str, str] = {}
    if isinstance(head, BoundaryMaskHead):
        keys = boundary_head.plain_keys()
    if isinstance(head, AttentionMaskHead):
        keys = {ours: f"{prefix}{theirs}" for ours, theirs in head.plain_keys().items()}
    return {f"{prefix}mask_head.{ours}": theirs for ours, theirs in keys.items()}


def untransferred(source: nn.Module, network: MaskNetwork) -> tuple[str, ...]:
    """Parameters that keep their random start: of heads of another kind, of predictors of other
    classes, of SharpContour where it is not the same; of a backbone alone all others.

    Raises:
        InputError: what would keep its random start learns nothing either.
    """
    state, own = start_state(source, network), network.state_dict()
    differing = {key for key in {*state, *own} if not _same(state.get(key), own.get(key))}
    replaced: tuple[str, ...] = _REPLACED
    if isinstance(source, BackboneAlone):
        replaced = ("roi_heads.", "sharp.", "rpn.", "backbone.fpn.")
    elif getattr(source.sharp, "movement", None) != getattr(network.sharp, "movement", None):
        differing |= {key for key in own if key.startswith("sharp.")}
    # Statistics that are learned count batches, frozen ones do not; neither is a weight.
    left = [key for key in differing if key.startswith(replaced) or key.endswith("_tracked")]
    if network.sharp_alone and any(key in own and not key.startswith("sharp.") for key in left):
        raise InputError(
            "model.sharp.training alone: the weights are of other classes or heads, and nobody "
            "would learn these; start from weights of the same, or train jointly"
        )
    return tuple(sorted(left))


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape


def start_lines(config: Config, classes: int) -> list[str]:
    """What to tell the user of the weights to start from, for data of so many classes.

    Raises:
        InputError: the weights are unusable.
    """
    assert isinstance(config.model, MaskConfig)
    path = config.model.weights
    if path is None:
        if config.model.normalization == "batch":
            return []
        return [
            "weights: random ones, whose frozen normalisation brings no statistics; "
            "--model.normalization batch --model.trainable-layers 5 learns them, or name weights"
        ]
    found = _described(path)
    if found is None:
        return [f"weights: the backbone starts from {path}, all else from random weights"]
    wanted = {
        "classes": classes,
        "mask head": config.model.mask_head,
        "box head": config.model.box_head,
    }
    pairs = [(name, found[name], it) for name, it in wanted.items()]
    other = [f"{name} ({this}, not {that})" for name, this, that in pairs if this != that]
    line = f"weights: starts from {path}"
    if other:
        line += f", which differs in {', '.join(other)}; what does not fit starts from random ones"
    return [line]


def _described(path: Path) -> dict[str, Any] | None:
    """What kind of weights lie at a path; None of a backbone alone."""
    if is_published(path):
        source = start(path)
        if not isinstance(source, MaskNetwork):
            return None
        return _kinds(source.num_classes, vars(source.settings))
    with opened_start(path, ("mask",)) as (_, document):
        # Damage is found, and named, when the weights are read.
        return _kinds(len(document.get("class_names", ())), dict(document.get("network", {})))


def _kinds(classes: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    heads = {name: settings.get(f"{name}_head") for name in ("mask", "box")}
    return {"classes": classes, **{f"{name} head": kind for name, kind in heads.items()}}

"""Weights that a mask network starts from: torchvision's, and ours of any head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads

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
    """The weights of `source`; those of Mask R-CNN's mask head by the names that they have in the
    mask path of `network`."""
    state = dict(source.state_dict())
    if not isinstance(source, MaskNetwork):
        return state
    if isinstance(source.roi_heads.mask_head, MaskRCNNHeads):
        for ours, theirs in _plain_keys(network.roi_heads.mask_head):
            if theirs in state:
                state[ours] = state.pop(theirs)
    return state


def _plain_keys(head: nn.Module) -> Iterator[tuple[str, str]]:
    """Keys of a network with this mask head, and torchvision's for the same."""
    prefix = "roi_heads."
    if isinstance(head, BoundaryMaskHead):
        for ours, theirs in boundary_head.plain_keys().items():
            yield f"{prefix}mask_head.{ours}", theirs
    if isinstance(head, AttentionMaskHead):
        for ours, theirs in head.plain_keys().items():
            yield f"{prefix}mask_head.{ours}", f"{prefix}{theirs}"


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
    found = _classes_of(path)
    if found is None:
        return [f"weights: the backbone starts from {path}, all else from random weights"]
    line = f"weights: starts from {path}"
    if found != classes:
        line += f"; it has {found} classes, the data {classes}: predictors start from random ones"
    return [line]


def _classes_of(path: Path) -> int | None:
    """Of the weights at a path; None of a backbone alone."""
    if is_published(path):
        source = start(path)
        return source.num_classes if isinstance(source, MaskNetwork) else None
    with opened_start(path, ("mask",)) as (_, document):
        return len(document.get("class_names", ()))

"""Weights of the mask family: torchvision's detectors and ImageNet backbones, and our own.

torchvision's are given by the path of a `.pth` file or by torchvision's own name, such as
`MaskRCNN_ResNet50_FPN_Weights.COCO_V1`, which is looked up in its cache and downloaded once. They
are read without running code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_weight
from torchvision.models.detection.backbone_utils import BackboneWithFPN

from lib.errors import InputError
from network.checkpoint_file import read_without_code
from network.contour.weights import load_checked
from network.mask.build import build_backbone, build_mask_network
from network.mask.detector import MaskNetwork
from network.mask.settings import Backbone, MaskNetworkSettings
from network.sharp.sharp_contour import movement_of

COCO = "MaskRCNN_ResNet50_FPN_Weights.COCO_V1"
"""The detector of torchvision that networks here can take over as it is."""
_NAME = re.compile(r"\w+_Weights\.\w+")
_HASH = re.compile(r"-([0-9a-f]{8,})\.pth$")
_EPSILON = 1e-5


def is_torchvision_name(source: str) -> bool:
    """Whether weights are named as torchvision names its own, and not by a path."""
    return _NAME.fullmatch(source) is not None


def torchvision_file(name: str) -> Path:
    """The file of weights of torchvision, from torch's cache, or downloaded into it.

    Raises:
        InputError: torchvision has none of this name, or there is no way to them.
    """
    try:
        url = get_weight(name).url
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{name}: torchvision has no such weights; {COCO}, or an ImageNet backbone as "
            "ResNet50_Weights.IMAGENET1K_V2"
        ) from error
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), _hash_of(url), progress=False)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(
                f"{name}: cannot be downloaded ({reason}); fetch {url} where there is a network, "
                "and give the path of the file"
            ) from error
    return path


class BackboneAlone(nn.Module):
    """What an ImageNet classifier knows of a detector; parameters are named as there."""

    def __init__(self, backbone: BackboneWithFPN) -> None:
        """The pyramid is left out: nobody has learned it."""
        super().__init__()
        self.backbone = nn.ModuleDict({"body": backbone.body})


def published_start(path: Path, labels: Sequence[int] = ()) -> MaskNetwork | BackboneAlone:
    """What a file of torchvision's holds, an ImageNet classifier or a detector; see the functions
    below."""
    backbone = backbone_of(_tensors(path))
    if backbone is not None:
        return BackboneAlone(backbone_from_imagenet(path, backbone))
    return network_from_torchvision(path, labels)


def network_from_torchvision(path: Path, labels: Sequence[int] = ()) -> MaskNetwork:
    """torchvision's Mask R-CNN with a ResNet-50 or another backbone, in evaluation mode.

    Class count and backbone are read from the weights.

    Args:
        path: the file.
        labels: ascending, from 1 on; a network whose last label is the last of these keeps these
            alone. torchvision's COCO detectors have ten more, of categories that COCO leaves out.

    Raises:
        InputError: not a checkpoint, or not one of this network.
    """
    state = _tensors(path)
    if "roi_heads.box_head.0.0.weight" in state:
        raise InputError(
            f"{path}: torchvision's second version of Mask R-CNN, with other heads; use {COCO}"
        )
    scores = state.get("roi_heads.box_predictor.cls_score.weight")
    if (
        scores is None
        or scores.ndim != 2
        or "roi_heads.mask_predictor.conv5_mask.weight" not in state
    ):
        raise InputError(f"{path}: not weights of torchvision's Mask R-CNN; use {COCO}")
    body = _body(state)
    backbone = backbone_of(body)
    if backbone is None:
        raise InputError(f"{path}: its backbone is none of this family; use {COCO}")
    if labels and len(scores) - 1 == labels[-1]:
        state |= _of_labels(state, labels)
        scores = state["roi_heads.box_predictor.cls_score.weight"]
    if _was_made_without_epsilon(path):
        state |= {f"backbone.body.{key}": value for key, value in with_epsilon(body).items()}
    settings = MaskNetworkSettings(backbone=backbone)
    network = build_mask_network(settings, len(scores) - 1)
    try:
        load_checked(network, _without_counters(state), name=str(path))
    except InputError as error:
        raise InputError(f"{error}; use {COCO}") from error
    return network.eval()


def backbone_from_imagenet(path: Path, backbone: Backbone) -> BackboneWithFPN:
    """An ImageNet classifier without its last layer, below a pyramid of random weights.

    Raises:
        InputError: not a checkpoint, or one of another backbone.
    """
    state = _tensors(path)
    found = backbone_of(state)
    if found != backbone:
        what = "not weights of an ImageNet ResNet" if found is None else f"weights of {found}"
        raise InputError(
            f"{path}: {what}; the backbone is {backbone}: give its weights, or another backbone"
        )
    body = {key: value for key, value in _without_counters(state).items() if key[:3] != "fc."}
    network = build_backbone(MaskNetworkSettings(backbone=backbone))
    load_checked(network.body, body, name=str(path))
    return network


def mask_network_from_state(
    state: Mapping[str, Tensor], settings: MaskNetworkSettings, num_classes: int, *, name: str
) -> MaskNetwork:
    """A network in evaluation mode with the weights of `state`, which we have written.

    SharpContour is read from the weights.

    Raises:
        InputError: names or shapes do not fit, or a weight is not finite; `name` says where the
            weights came from.
    """
    movement = movement_of(state, name=name)
    network = build_mask_network(settings, num_classes, movement=movement)
    load_checked(network, state, name=name)
    return network.eval()


def backbone_of(body: Mapping[str, Tensor]) -> Backbone | None:
    """Which backbone weights are of, by names and shapes of torchvision's `ResNet`."""
    kernel = body.get("layer1.0.conv2.weight")
    if kernel is None or kernel.ndim != 4 or "layer4.0.conv1.weight" not in body:
        return None
    if "layer1.0.conv3.weight" not in body:
        return None if "layer1.2.conv1.weight" in body else "resnet18"
    depth = sum(re.fullmatch(r"layer3\.\d+\.conv1\.weight", key) is not None for key in body)
    found: dict[tuple[int, int, int], Backbone] = {
        (6, 64, 64): "resnet50",
        (23, 64, 64): "resnet101",
        (23, 256, 8): "resnext101_32x8d",
        (23, 256, 4): "resnext101_64x4d",
    }
    return found.get((depth, kernel.shape[0], kernel.shape[1]))


def with_epsilon(body: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Normalisation that was learned without an epsilon, for one that adds 1e-5 to variances.

    torchvision sets epsilon to 0 when it loads its first detectors. Here it is the same in all
    networks, and the factors of such weights make up for it.

    Returns:
        The factors alone, by name.
    """
    changed = {}
    for key, variance in body.items():
        layer, _, last = key.rpartition(".")
        if last == "running_var":
            exact = variance.double().clamp(min=torch.finfo(torch.float32).tiny)
            factor = body[f"{layer}.weight"].double() * ((exact + _EPSILON) / exact).sqrt()
            changed[f"{layer}.weight"] = factor.to(variance.dtype)
    return changed


def _of_labels(state: Mapping[str, Tensor], labels: Sequence[int]) -> dict[str, Tensor]:
    """The predictors' parameters, of these classes and background alone; what has other sizes than
    that many classes need is left as it is, for whoever checks."""
    rows = torch.tensor([0, *labels])
    boxes = (4 * rows[:, None] + torch.arange(4)).flatten()
    chosen = {"box_predictor.cls_score": rows, "box_predictor.bbox_pred": boxes}
    chosen["mask_predictor.mask_fcn_logits"] = rows
    keys = {f"roi_heads.{at}.{kind}": i for at, i in chosen.items() for kind in ("weight", "bias")}
    sizes = {key: (4 if ".bbox_pred." in key else 1) * (labels[-1] + 1) for key in keys}
    return {
        key: state[key][index]
        for key, index in keys.items()
        if key in state and state[key].ndim and len(state[key]) == sizes[key]
    }


def _was_made_without_epsilon(path: Path) -> bool:
    """Whether a file, of whatever name, is the one that torchvision loads so."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest().startswith(_hash_of(get_weight(COCO).url))


def _hash_of(url: str) -> str:
    """The beginning of the SHA-256 that torchvision's files have in their names."""
    found = _HASH.search(url)
    assert found is not None
    return found[1]


def _tensors(path: Path) -> dict[str, Tensor]:
    content: Any = read_without_code(path)
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]  # what torchvision's own training script saves
    fits = isinstance(content, Mapping) and all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    )
    if not fits or not content:
        raise InputError(f"{path}: holds no weights; give a .pth file with a state dict")
    return dict(content)


def _body(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = "backbone.body."
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def _without_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Frozen statistics count no batches."""
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}

"""Weights that training starts from: what is taken over, under which name, and what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
from mask_case import TINY
from torchvision.models import resnet18

from dataset.formats.coco.categories import COCO_CATEGORIES
from e2ec.config import Config
from e2ec.engine.train.build import build_model
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.bundled import BUNDLED_WEIGHTS
from e2ec.families.mask.card import MaskCard
from e2ec.families.mask.start_weights import start_lines
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from network.mask.build import build_mask_network
from network.mask.detector import MaskNetwork

CLASSES = 3
MASK_PATHS = {
    "bmask_rcnn": {
        "mask_head.3.0.bias": "mask_head.mask_head.3.0.bias",
        "mask_head.0.0.weight": "mask_head.mask_head.0.0.weight",
        "mask_predictor.conv5_mask.weight": "mask_head.mask_predictor.conv5_mask.weight",
        "mask_predictor.mask_fcn_logits.weight": "mask_head.mask_predictor.mask_fcn_logits.weight",
    },
    "seanet": {
        "mask_head.3.0.bias": "mask_head.mask_head.3.0.bias",
        "mask_head.0.0.weight": "mask_head.mask_head.0.0.weight",
        # Twice the channels come in from channel attention: no predictor fits but the last layer.
        "mask_predictor.mask_fcn_logits.weight": "mask_head.mask_predictor.weight",
    },
}
"""Parameters of Mask R-CNN's mask branch -> where they belong in each preset's."""


def config(preset: str, weights: Path | str, **changes: object) -> Config:
    small = {
        "model.architecture": "resnet18", "model.anchor_sizes": TINY.anchor_sizes,
        "model.weights": Path(weights), "model.trainable_layers": 5,
    }  # fmt: skip
    return with_settings(load_preset(preset), small | changes)


def mask_rcnn(classes: int = CLASSES) -> MaskNetwork:
    """The same random weights for the same classes."""
    torch.manual_seed(5)
    network = build_mask_network(TINY, classes)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:  # else biases are zeros, everywhere
                parameter.normal_()
    return network


def saved(path: Path, classes: int = CLASSES) -> Path:
    names = tuple(f"c{i}" for i in range(classes))
    card = MaskCard("resnet18", names, tuple(range(1, classes + 1)), network=TINY)
    save_weights(path, mask_rcnn(classes), card)
    return path


def assert_shared_parts(state: dict, plain: dict) -> None:
    """Backbone and proposals are those of the weights."""
    shared = [key for key in plain if key.startswith(("backbone.", "rpn."))]
    assert len(shared) > 100
    assert all(torch.equal(state[key], plain[key]) for key in shared)


@pytest.mark.parametrize("preset", MASK_PATHS)
@pytest.mark.parametrize("kind", [".safetensors", ".pth"])
def test_a_mask_path_starts_from_mask_rcnns(preset: str, kind: str, tmp_path: Path) -> None:
    plain = mask_rcnn().state_dict()
    path = tmp_path / f"w{kind}"
    if kind == ".pth":
        torch.save(plain, path)
    else:
        saved(path)
    state = build_model(config(preset, path), CLASSES).state_dict()
    assert_shared_parts(state, plain)
    for theirs, ours in MASK_PATHS[preset].items():
        assert torch.equal(state[f"roi_heads.{ours}"], plain[f"roi_heads.{theirs}"]), ours


def test_other_heads_give_mask_rcnn_its_mask_path_back(tmp_path: Path) -> None:
    """From BMask R-CNN's head to the plain one, and to SEANet's."""
    settings = replace(TINY, mask_head="boundary")
    torch.manual_seed(5)
    source = build_mask_network(settings, CLASSES)
    card = MaskCard("resnet18", ("a", "b", "c"), (1, 2, 3), network=settings)
    path = tmp_path / "boundary.safetensors"
    save_weights(path, source, card)
    theirs = source.state_dict()
    for preset, names in (("mask_rcnn", None), ("seanet", MASK_PATHS["seanet"])):
        wanted = config(preset, path)
        state = build_model(wanted, CLASSES).state_dict()
        for plain, boundary in MASK_PATHS["bmask_rcnn"].items():
            ours = plain if names is None else names.get(plain)
            if (ours is not None and ".0.weight" in plain) or names is None:
                assert torch.equal(state[f"roi_heads.{ours}"], theirs[f"roi_heads.{boundary}"])
        (line,) = start_lines(wanted, CLASSES)
        assert "mask head (boundary, not " in line and "classes" not in line


def test_weights_of_the_same_network_are_all_taken(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors")
    state = build_model(config("mask_rcnn", path), CLASSES).state_dict()
    plain = mask_rcnn().state_dict()
    assert all(torch.equal(state[key], value) for key, value in plain.items())


def test_other_classes_start_their_predictors_anew(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", 7)
    wanted = config("mask_rcnn", path)
    state, plain = build_model(wanted, CLASSES).state_dict(), mask_rcnn(7).state_dict()
    assert_shared_parts(state, plain)
    fc = "roi_heads.box_head.fc6.weight"
    assert torch.equal(state[fc], plain[fc])
    assert state["roi_heads.box_predictor.cls_score.weight"].shape[0] == CLASSES + 1
    (line,) = start_lines(wanted, CLASSES)
    assert f"starts from {path}, which differs in classes (7, not 3); what does not fit" in line
    (line,) = start_lines(wanted, 7)
    assert line == f"weights: starts from {path}"


def test_cocos_classes_are_torchvisions_without_the_ones_left_out(tmp_path: Path) -> None:
    """91 outputs by category id become background and 80 classes in the data's order."""
    labels = max(COCO_CATEGORIES)
    plain = mask_rcnn(labels).state_dict()
    torch.save(plain, tmp_path / "coco.pth")
    state = build_model(config("mask_rcnn", tmp_path / "coco.pth"), 80).state_dict()
    kept = [0, *COCO_CATEGORIES]
    assert labels == 90 and len(kept) == 81
    for name in ("box_predictor.cls_score.weight", "mask_predictor.mask_fcn_logits.bias"):
        assert torch.equal(state[f"roi_heads.{name}"], plain[f"roi_heads.{name}"][kept])
    name = "roi_heads.box_predictor.bbox_pred.bias"
    assert torch.equal(state[name].view(81, 4), plain[name].view(91, 4)[kept])


def test_an_imagenet_backbone_is_taken_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = resnet18().state_dict()
    path = tmp_path / "resnet18.pth"
    torch.save(classifier, path)
    wanted = config("seanet", path, **{"model.normalization": "batch"})
    state = build_model(wanted, CLASSES).state_dict()
    for name in ("conv1.weight", "layer4.1.bn2.running_var", "layer2.0.downsample.0.weight"):
        assert torch.equal(state[f"backbone.body.{name}"], classifier[name])
    (line,) = start_lines(wanted, CLASSES)
    assert line == f"weights: the backbone starts from {path}, all else from random weights"


def test_random_weights_are_told_of(tmp_path: Path) -> None:
    wanted = with_settings(config("mask_rcnn", "x"), {"model.weights": None})
    (line,) = start_lines(wanted, CLASSES)
    assert "--model.normalization batch --model.trainable-layers 5" in line
    assert start_lines(with_settings(wanted, {"model.normalization": "batch"}), CLASSES) == []


def test_sharp_alone_wants_all_the_rest(tmp_path: Path) -> None:
    """What nobody would learn must come from the weights."""
    path = saved(tmp_path / "w.safetensors")
    alone = {"model.sharp.training": "alone"}
    network = build_model(config("mask_rcnn", path, **alone), CLASSES)
    learns = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learns == {"sharp"} and network.stage_names == ("mask", "sharp")
    for preset, classes in (("mask_rcnn", 5), ("seanet", CLASSES)):
        with pytest.raises(InputError, match="nobody would learn these"):
            build_model(config(preset, path, **alone), classes)


def test_another_family_is_no_start() -> None:
    with pytest.raises(InputError, match="contour"):
        build_model(config("mask_rcnn", BUNDLED_WEIGHTS), CLASSES)

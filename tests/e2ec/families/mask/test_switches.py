"""What every setting of the papers' tables changes, in a training step of the whole network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
from mask_case import tiny_config

from dataset.detection.targets import MaskBatch
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.config import Config
from e2ec.families.mask.family import MASK
from network.mask.detector import MaskNetwork

COMMON = {"objectness", "rpn_box", "class", "box", "mask", "total"}
SWITCHES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "plain": ("mask_rcnn", {}, set()),
    "larger head": ("mask_rcnn", {"model.mask_convolutions": 8}, set()),
    "mask iou": ("mask_scoring_rcnn", {}, {"mask_iou"}),
    "boundary": ("bmask_rcnn", {}, {"boundary"}),
    "sobel": ("bmask_rcnn", {"model.mask_head": "sobel"}, {"boundary"}),
    "boundary from the pyramid": ("bmask_rcnn", {"model.boundary.source": "pyramid"}, {"boundary"}),
    "boundary of 14": ("bmask_rcnn", {"model.boundary.size": 14}, {"boundary"}),
    "boundary learns masks": ("bmask_rcnn", {"model.boundary.supervision": "mask"}, {"boundary"}),
    "boundary learns nothing": (
        "bmask_rcnn",
        {"model.boundary.supervision": "none"},
        {"boundary"},
    ),
    "no mask to boundary": ("bmask_rcnn", {"model.boundary.mask_to_boundary": False}, {"boundary"}),
    "no boundary to mask": ("bmask_rcnn", {"model.boundary.boundary_to_mask": False}, {"boundary"}),
    "boundary and mask iou": ("bmask_rcnn", {"model.mask_iou": True}, {"boundary", "mask_iou"}),
    "seanet": ("seanet", {}, {"box_iou", "edge"}),
    "no box iou": ("seanet", {"model.box_iou": False}, {"edge"}),
    "concatenated": ("seanet", {"model.attention.fusion": "concat"}, {"box_iou", "edge"}),
    "no edges learned": ("seanet", {"model.attention.edge_supervision": False}, {"box_iou"}),
    "no edge attention": ("seanet", {"model.attention.edge_attention": False}, {"box_iou"}),
    "no channel attention": (
        "seanet",
        {"model.attention.channel_attention": False},
        {"box_iou", "edge"},
    ),
    "seanet on mask scoring": ("seanet", {"model.mask_iou": True}, {"box_iou", "edge", "mask_iou"}),
}


@pytest.fixture(scope="module")
def batch() -> MaskBatch:
    config = tiny_config("mask_rcnn")
    data = SyntheticDataset(2, seed=0)
    make = MASK.example_maker(config, len(data.class_names))
    return MASK.collate([make(data[i], np.random.default_rng(i)) for i in range(2)])


def step(config: Config, batch: MaskBatch) -> tuple[MaskNetwork, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    network, loss = MASK.build(config, 3), MASK.loss(config)
    output = MASK.forward(network, MASK.normalize(batch.images), batch)
    return network, loss(output, batch, loss.counts(batch), epoch=0)


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_trains_with_the_losses_that_it_has(name: str, batch: MaskBatch) -> None:
    """And reaches every weight that is to learn, without which several processes stop."""
    preset, changes, losses = SWITCHES[name]
    network, found = step(tiny_config(preset, **changes), batch)
    assert set(found) == COMMON | losses
    assert all(torch.isfinite(value) for value in found.values())
    found["total"].backward()
    without = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_where_boundary_features_come_from() -> None:
    """Table 5: the finest map or the proposal's, 28 cells a side or 14."""
    pools = {
        (source, size): MASK.build(
            tiny_config(
                "bmask_rcnn", **{"model.boundary.source": source, "model.boundary.size": size}
            ),
            3,
        ).roi_heads.boundary_roi_pool
        for source in ("finest", "pyramid")
        for size in (14, 28)
    }
    for (source, size), pool in pools.items():
        assert pool.featmap_names == (["0"] if source == "finest" else ["0", "1", "2", "3"])
        assert pool.output_size == (size, size)


def test_what_the_boundary_head_learns(batch: MaskBatch) -> None:
    """Tables 4 and 7: of the same predictions, losses of other labels and other kinds."""
    changes: dict[str, dict[str, Any]] = {
        "dice_bce": {},
        **{kind: {"loss.mask.boundary": kind} for kind in ("dice", "bce", "weighted_bce")},
        "mask": {"model.boundary.supervision": "mask"},
        "none": {"model.boundary.supervision": "none"},
    }
    losses = {
        name: step(tiny_config("bmask_rcnn", **change), batch)[1]["boundary"].item()
        for name, change in changes.items()
    }
    assert losses["none"] == 0
    assert losses["dice_bce"] == pytest.approx(losses["dice"] + losses["bce"], rel=1e-5)
    assert len({round(value, 4) for value in losses.values()}) == len(losses)

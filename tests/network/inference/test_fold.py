"""Folded batch normalisation: the same outputs, nothing of the original changed."""

from __future__ import annotations

import pytest
import torch
from random_networks import random_images, random_network
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from network.contour.architecture import DLA34, NANO, Architecture
from network.contour.e2ec import E2EC
from network.contour.snake import SnakeBlock
from network.inference.fold import fold_batchnorm
from network.layers.sync_batchnorm import convert_sync_batchnorm


def trained(architecture: Architecture = DLA34) -> E2EC:
    """A network whose normalisations are far from doing nothing, some with negative factors."""
    network = random_network(architecture)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.normal_(0.7, 0.4)
                module.bias.normal_(0, 0.2)
    return network.eval()


@torch.no_grad()
def largest_difference(first: E2EC, second: E2EC, images: Tensor) -> float:
    """Of the heat maps, and of the contours at the first one's centres."""
    ours = first(images, score_threshold=0.0)
    theirs = second(images, ours.centers, ours.image_index)
    assert len(ours.centers) > 0
    pairs = zip([ours.heatmap, *ours.contours], [theirs.heatmap, *theirs.contours], strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


@pytest.mark.parametrize(
    ("architecture", "dtype", "pixels"),
    [(DLA34, torch.float64, 1e-9), (NANO, torch.float64, 1e-9), (DLA34, torch.float32, 0.01)],
)
def test_agrees_to_rounding(architecture: Architecture, dtype: torch.dtype, pixels: float) -> None:
    network = trained(architecture).to(dtype)
    images = random_images(2, 64, 96, dtype=dtype)
    assert largest_difference(fold_batchnorm(network), network, images) < pixels


def test_only_the_snakes_keep_their_normalisations() -> None:
    folded = fold_batchnorm(trained())
    left = [module for module in folded.modules() if isinstance(module, _BatchNorm)]
    snakes = [module for module in folded.modules() if isinstance(module, SnakeBlock)]
    # The projections that no network uses are not counted: see network.backbones.dla.Tree.
    assert {id(block.norm) for block in snakes} == {id(norm) for norm in left}


def test_the_original_is_left_as_it_was() -> None:
    network = trained(NANO).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded = fold_batchnorm(network)
    assert network.training and all(p.requires_grad for p in network.heatmap.parameters())
    assert not folded.training and not any(p.requires_grad for p in folded.parameters())
    after = network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_normalisation_over_processes_folds_too() -> None:
    network = trained(NANO).double()
    folded = fold_batchnorm(convert_sync_batchnorm(network))
    assert isinstance(folded.backbone.base_layer[1], nn.Identity)
    assert largest_difference(folded, network, random_images(2, 64, 96, dtype=torch.float64)) < 1e-9

"""Folded batch normalisation: the same outputs, nothing of the original changed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from network.contour.architecture import DLA34, NANO, Architecture
from network.contour.e2ec import E2EC, build_network
from network.contour.snake import SnakeBlock
from network.inference.fold import fold_batchnorm
from network.layers.sync_batchnorm import convert_sync_batchnorm


def trained(architecture: Architecture = DLA34) -> E2EC:
    """A network whose normalisations are far from doing nothing, some with negative factors."""
    torch.manual_seed(0)
    network = build_network(num_classes=2, architecture=architecture, vertices=16)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.normal_(0.7, 0.4)
                module.bias.normal_(0, 0.2)
        network.heatmap[2].weight.mul_(5)
    return network.eval()


def images(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0), dtype=dtype)


@torch.no_grad()
def largest_difference(first: E2EC, second: E2EC, images: Tensor) -> float:
    ours, theirs = (network(images, score_threshold=0.0) for network in (first, second))
    assert torch.equal(ours.centers, theirs.centers) and len(ours.centers) > 0
    pairs = zip(ours.contours, theirs.contours, strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def test_float64_agrees_to_rounding() -> None:
    for architecture in (DLA34, NANO):
        network = trained(architecture).double()
        folded = fold_batchnorm(network)
        assert largest_difference(folded, network, images(torch.float64)) < 1e-9


def test_float32_agrees_within_a_hundredth_of_a_pixel() -> None:
    network = trained()
    assert largest_difference(fold_batchnorm(network), network, images()) < 0.01


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
    assert largest_difference(folded, network, images(torch.float64)) < 1e-9

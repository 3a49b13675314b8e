"""Which convolutions of a network are exchanged, and that its contours stay where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from random_networks import random_images, random_network
from torch import nn
from torch.testing import assert_close

from lib.ops.library import LIBRARY_PATH
from network.backbones.dla import BasicBlock
from network.contour.architecture import DLA34, NANO, Architecture
from network.contour.snake import Snake
from network.inference import winograd
from network.inference.fold import fold_batchnorm
from network.inference.prepare import for_prediction
from network.inference.winograd import (
    WinogradBlock,
    WinogradConv2d,
    WinogradSnake,
    pays,
    use_winograd,
)

compiled = pytest.mark.skipif(
    not LIBRARY_PATH.exists(), reason="no compiled library here; `make ext` builds it"
)


@compiled
@torch.inference_mode()
@pytest.mark.parametrize("architecture", [DLA34, NANO])
def test_contours_agree_within_a_hundredth_of_a_pixel(architecture: Architecture) -> None:
    network = random_network(architecture).eval()
    fast = for_prediction(network)
    assert sum(isinstance(module, WinogradConv2d) for module in fast.modules()) > 20
    images = random_images(2, 96, 64)
    expected = network(images, score_threshold=0.0, max_detections=5)
    found = fast(images, expected.centers, expected.image_index)
    for ours, plain in zip(found.contours, expected.contours, strict=True):
        assert (ours - plain).abs().max() < 0.01


@compiled
@torch.inference_mode()
@pytest.mark.parametrize("channels", [16, 18])
@pytest.mark.parametrize("contours", [0, 1, 3])
def test_snake_equals_the_plain_one(contours: int, channels: int) -> None:
    """Normalisations that do something, negative factors too; inputs that lanes fit or do not."""
    torch.manual_seed(0)
    snake = Snake(channels, channels=32, fusion_channels=24, dilations=(1, 2, 4)).eval()
    for parameter in snake.parameters():
        parameter.normal_(std=0.1)
    for name, buffer in snake.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    parent = nn.Sequential(snake)
    x = torch.randn(contours, channels, 30)
    expected = parent(x)
    use_winograd(parent)
    assert isinstance(parent[0], WinogradSnake)
    assert_close(parent(x), expected, atol=1e-5, rtol=1e-4)


@compiled
@torch.inference_mode()
def test_a_relu_behind_a_convolution_is_done_with_it() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 2, 1))
    x = torch.randn(1, 16, 8, 8)
    expected = layers(x)
    use_winograd(layers)
    assert isinstance(layers[1], nn.Identity)
    assert_close(layers(x), expected, atol=1e-5, rtol=1e-4)


@compiled
@torch.inference_mode()
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_sums_with_its_convolutions(stride: int) -> None:
    torch.manual_seed(0)
    parent = fold_batchnorm(nn.ModuleList([BasicBlock(32, 48, stride)]))
    x, residual = torch.randn(2, 32, 12, 8), torch.randn(2, 48, 12 // stride, 8 // stride)
    expected = parent[0](x, residual)
    use_winograd(parent)
    assert isinstance(parent[0], WinogradBlock)
    assert_close(parent[0](x, residual), expected, atol=1e-5, rtol=1e-4)


@compiled
def test_normalisation_that_is_not_folded_stays() -> None:
    torch.manual_seed(0)
    parent = nn.ModuleList([BasicBlock(32, 32)]).eval().requires_grad_(False)
    parent[0].bn1.running_mean.fill_(0.3)
    parent[0].bn2.running_var.fill_(0.5)
    x = torch.randn(1, 32, 8, 8)
    expected = parent[0](x, x)
    use_winograd(parent)
    assert_close(parent[0](x, x), expected, atol=1e-5, rtol=1e-4)


@compiled
def test_state_keeps_its_keys() -> None:
    folded = fold_batchnorm(random_network(NANO))
    keys = list(folded.state_dict())
    use_winograd(folded)
    assert list(folded.state_dict()) == keys


@compiled
def test_only_float32_on_a_cpu_is_exchanged() -> None:
    network = random_network(NANO)
    for other in (
        for_prediction(network, torch.bfloat16),
        for_prediction(network, device=torch.device("meta")),
        for_prediction(network.double()),
    ):
        assert not any(isinstance(module, WinogradConv2d) for module in other.modules())


def test_nothing_is_exchanged_without_the_compiled_operators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "LIBRARY_PATH", Path("nowhere"))
    network = for_prediction(random_network(NANO))
    assert not any(isinstance(module, WinogradConv2d) for module in network.modules())


def test_what_pays() -> None:
    assert pays(nn.Conv2d(64, 27, 3, padding=1)) and pays(nn.Conv2d(512, 512, 3, padding=1))
    for conv in (
        nn.Conv2d(64, 64, 3, padding=1, stride=2),
        nn.Conv2d(64, 64, 3, padding=2, dilation=2),
        nn.Conv2d(64, 64, 3, padding=1, groups=2),
        nn.Conv2d(64, 64, 1),
        nn.Conv2d(64, 64, 3),
        nn.Conv2d(40, 64, 3, padding=1),
        nn.Conv2d(16, 16, 3, padding=1),
    ):
        assert not pays(conv)

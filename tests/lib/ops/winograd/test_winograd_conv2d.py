"""Convolution by minimal filtering: against conv2d, in the kernel in use and in plain PyTorch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from lib.ops import winograd_conv2d, winograd_weight
from lib.ops.library import LIBRARY_PATH
from lib.ops.winograd.winograd_conv2d import plain_winograd_conv2d

SIZES = [(1, 16, 16, 4, 4), (2, 16, 27, 5, 9), (1, 48, 40, 1, 1), (3, 32, 64, 13, 2)]


def tensors(
    batch: int, channels: int, out: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(channels)
    x = torch.randn(batch, channels, height, width, generator=generator)
    weight = torch.randn(out, channels, 3, 3, generator=generator) / (3 * channels**0.5)
    return x, weight, torch.randn(out, generator=generator)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("add", [False, True])
def test_equals_conv2d(size: tuple[int, ...], add: bool, relu: bool) -> None:
    """Sides that no tile fits, fewer outputs than lanes, several images."""
    x, weight, bias = tensors(*size)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    residual = torch.randn(expected.shape) if add else None
    expected = expected if residual is None else expected + residual
    expected = expected.relu() if relu else expected
    found = winograd_conv2d(
        x, winograd_weight(weight), bias, out_channels=size[2], residual=residual, relu=relu
    )
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert_close(found.double(), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_plain_version_equals_conv2d(size: tuple[int, ...]) -> None:
    x, weight, bias = (tensor.double() for tensor in tensors(*size))
    expected = F.conv2d(x, weight, bias, padding=1) + 1
    found = plain_winograd_conv2d(x, winograd_weight(weight), bias, x.new_ones(1), size[2], False)
    assert_close(found, expected, atol=1e-10, rtol=0)


def test_many_blocks_of_tiles_and_any_layout_of_the_input() -> None:
    x, weight, _ = tensors(2, 16, 16, 70, 66)
    expected = F.conv2d(x, weight, padding=1)
    for layout in (x, x.to(memory_format=torch.channels_last), x.mT.contiguous().mT):
        found = winograd_conv2d(layout, winograd_weight(weight), None, out_channels=16)
        assert_close(found, expected, atol=2e-5, rtol=0)


def test_a_large_weight_takes_all_tiles_at_once() -> None:
    """A million factors and more; elsewhere the tiles go block by block."""
    x, weight, bias = tensors(1, 176, 176, 18, 21)
    expected = F.conv2d(x, weight, bias, padding=1)
    found = winograd_conv2d(x, winograd_weight(weight), bias, out_channels=176)
    assert_close(found, expected, atol=2e-5, rtol=0)


def test_autocast_changes_nothing() -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    for channels in (16, 176):  # block by block, and all tiles at once
        x, weight, bias = tensors(1, channels, channels, 8, 8)
        with torch.autocast("cpu", torch.bfloat16):
            found = winograd_conv2d(x, winograd_weight(weight), bias, out_channels=channels)
        assert_close(found, F.conv2d(x, weight, bias, padding=1), atol=2e-5, rtol=0)


def test_nan_stays_nan() -> None:
    x, weight, bias = tensors(1, 16, 16, 9, 9)
    x[0, 3, 4, 4] = torch.nan
    found = winograd_conv2d(x, winograd_weight(weight), bias, out_channels=16, relu=True)
    assert found[:, :, 3:6, 3:6].isnan().all()


def test_the_number_of_threads_changes_nothing() -> None:
    x, weight, bias = tensors(1, 32, 32, 40, 40)
    threads = torch.get_num_threads()
    found = []
    for number in (1, 2, 5):
        torch.set_num_threads(number)
        found.append(winograd_conv2d(x, winograd_weight(weight), bias, out_channels=32))
    torch.set_num_threads(threads)
    for other in found[1:]:
        assert_close(found[0], other, atol=1e-5, rtol=0)


def test_a_constant_image_by_hand() -> None:
    """Ones under a weight of ones: 9 channels x taps inside, 6 at a side, 4 in a corner, x 16."""
    weight = winograd_weight(torch.ones(16, 16, 3, 3))
    found = winograd_conv2d(torch.ones(1, 16, 3, 4), weight, None, out_channels=16)
    expected = 16.0 * torch.tensor([[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]])
    assert_close(found, expected.expand(1, 16, 3, 4), atol=1e-3, rtol=0)


def test_no_image_and_no_pixel() -> None:
    weight = winograd_weight(torch.ones(16, 16, 3, 3))
    for size in ((0, 16, 4, 4), (1, 16, 0, 4)):
        assert winograd_conv2d(torch.ones(size), weight, None, out_channels=16).shape == size


def test_is_a_sound_operator() -> None:
    x, weight, bias = tensors(1, 16, 20, 6, 5)
    arguments = (x, winograd_weight(weight), bias, torch.ones(1, 20, 6, 5), 20, True)
    torch.library.opcheck(torch.ops.e2ec.winograd_conv2d.default, arguments)


def test_what_does_not_fit_is_refused() -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    x, weight, bias = tensors(1, 16, 20, 6, 5)
    good = winograd_weight(weight)
    bad: list[tuple[Tensor, Tensor, Tensor | None, int, str]] = [
        (x.double(), good, bias, 20, "float32"),
        (x[:, :8], good, bias, 20, "weight"),
        (x, weight, bias, 20, "weight"),
        (x, good, bias[:5], 20, "bias"),
        (x, good, None, 16, "output channels"),
        (x, good, None, 33, "output channels"),
    ]
    for image, factors, summand, out, message in bad:
        with pytest.raises(RuntimeError, match=message):
            winograd_conv2d(image, factors, summand, out_channels=out)
    with pytest.raises(RuntimeError, match="residual"):
        winograd_conv2d(x, good, bias, out_channels=20, residual=torch.ones(1, 20, 6, 6))

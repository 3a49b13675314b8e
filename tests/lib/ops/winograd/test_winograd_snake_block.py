"""A snake's block by minimal filtering: against its layers one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from lib.ops import snake_block_weight, winograd_snake_block
from lib.ops.library import LIBRARY_PATH
from lib.ops.winograd.winograd_snake_block import plain_winograd_snake_block

# contours, vertices, channels in and out, dilation: also of cycles that no tile fits, shorter than
# the filter's reach, walked in a dilation that does not divide them.
SIZES = [
    (2, 128, 32, 48, 1),
    (3, 128, 16, 16, 4),
    (1, 24, 16, 32, 2),
    (2, 7, 16, 16, 4),
    (1, 3, 16, 16, 1),
    (2, 30, 16, 16, 4),
]


def tensors(contours: int, vertices: int, channels: int, out: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(vertices)
    shapes = [(contours, vertices, channels), (out, channels, 9), (3, out)]
    x, weight, line = (torch.randn(shape, generator=generator) for shape in shapes)
    return [x, weight / (9 * channels) ** 0.5, line]


def layer_by_layer(x: Tensor, weight: Tensor, line: Tensor, dilation: int, add: bool) -> Tensor:
    steps = torch.arange(x.shape[1])[:, None] + (torch.arange(9) - 4) * dilation
    result = torch.einsum("nvtc,oct->nvo", x[:, steps % x.shape[1]], weight)
    bias, factor, summand = line
    result = (result + bias).relu() * factor + summand
    return result + x if add else result


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("block", "dtype", "tolerance"),
    [
        (torch.ops.e2ec.winograd_snake_block, torch.float32, 3e-5),
        (plain_winograd_snake_block, torch.float64, 1e-10),
    ],
)
def test_equals_the_layers_one_by_one(
    size: tuple[int, ...], block: Callable[..., None], dtype: torch.dtype, tolerance: float
) -> None:
    *sizes, dilation = size
    x, weight, line = (tensor.to(dtype) for tensor in tensors(*sizes))
    add = sizes[2] == sizes[3]
    output = torch.full((*x.shape[:2], sizes[3]), torch.nan, dtype=dtype)
    block(x, snake_block_weight(weight), line, dilation, add, output)
    exact = layer_by_layer(x.double(), weight.double(), line.double(), dilation, add)
    assert_close(output.double(), exact, atol=tolerance, rtol=0)


def test_reads_and_writes_states_that_lie_side_by_side() -> None:
    x, weight, line = tensors(70, 40, 16, 16)
    states = torch.zeros(70, 40, 3, 16)
    states[:, :, 0] = x
    factors = snake_block_weight(weight)
    winograd_snake_block(states[:, :, 0], factors, line, states[:, :, 2], dilation=2, residual=True)
    expected = layer_by_layer(x, weight, line, 2, True)
    assert_close(states[:, :, 2], expected, atol=3e-5, rtol=0)
    assert torch.equal(states[:, :, 0], x) and not states[:, :, 1].any()


def test_missing_input_channels_count_as_zeros() -> None:
    x, weight, line = tensors(1, 24, 10, 16)
    output = torch.empty(1, 24, 16)
    factors = snake_block_weight(weight)
    assert factors.shape == (30, 16, 16)
    winograd_snake_block(F.pad(x, (0, 6)), factors, line, output, dilation=1, residual=False)
    assert_close(output, layer_by_layer(x, weight, line, 1, False), atol=3e-5, rtol=0)


def test_no_contour() -> None:
    x, weight, line = tensors(0, 24, 16, 16)
    winograd_snake_block(
        x, snake_block_weight(weight), line, torch.empty_like(x), dilation=1, residual=True
    )


def test_autocast_changes_nothing() -> None:
    """A weight of a million factors and more takes another path than a small one."""
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    x, weight, line = tensors(1, 128, 192, 192)
    output = torch.empty_like(x)
    with torch.autocast("cpu", torch.bfloat16):
        winograd_snake_block(x, snake_block_weight(weight), line, output, dilation=1, residual=True)
    assert_close(output, layer_by_layer(x, weight, line, 1, True), atol=3e-5, rtol=0)


def test_nan_stays_nan() -> None:
    x, weight, line = tensors(1, 24, 16, 16)
    x[0, 5, 3] = torch.nan
    output = torch.empty_like(x)
    winograd_snake_block(x, snake_block_weight(weight), line, output, dilation=1, residual=False)
    assert output[0, 1:10].isnan().all()  # all that nine taps reach


@pytest.mark.parametrize("dilation", [2**62 + 1, 30])
def test_a_dilation_beyond_the_contour_goes_around(dilation: int) -> None:
    x, weight, line = tensors(1, 30, 16, 16)
    output = torch.empty_like(x)
    factors = snake_block_weight(weight)
    winograd_snake_block(x, factors, line, output, dilation=dilation, residual=True)
    expected = layer_by_layer(x, weight, line, dilation % 30, True)
    assert_close(output, expected, atol=3e-5, rtol=0)


def test_is_a_sound_operator() -> None:
    x, weight, line = tensors(1, 24, 16, 16)
    arguments = (x, snake_block_weight(weight), line, 2, True, torch.empty_like(x))
    torch.library.opcheck(torch.ops.e2ec.winograd_snake_block.default, arguments)


def test_what_does_not_fit_is_refused() -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    x, weight, line = tensors(1, 24, 16, 32)
    factors, output = snake_block_weight(weight), torch.empty(1, 24, 32)
    bad: list[tuple[Tensor, Tensor, Tensor, int, bool, Tensor, str]] = [
        (x.double(), factors, line, 1, False, output, "float32"),
        (x.mT.contiguous().mT, factors, line, 1, False, output, "side by side"),
        (x[..., :8], factors, line, 1, False, output, "weight"),
        (x, weight, line, 1, False, output, "weight"),
        (x, factors, line[:2], 1, False, output, "bias"),
        (x, factors, line, 0, False, output, "fit each other"),
        (x, factors, line, 1, True, output, "fit each other"),
        (x, factors, line, 1, False, output[:, :5], "fit each other"),
        (x[..., :0], factors[:, :0], line, 1, False, output, "weight"),
        (x, factors[..., :0].contiguous(), line[:, :0], 1, False, output[..., :0], "weight"),
        (
            output,
            snake_block_weight(torch.ones(32, 32, 9)),
            line,
            1,
            True,
            output,
            "overlap|memory",
        ),
    ]
    for image, weights, lines, dilation, residual, to, message in bad:
        with pytest.raises(RuntimeError, match=message):
            winograd_snake_block(image, weights, lines, to, dilation=dilation, residual=residual)

"""Deformable convolution in bfloat16 against the reference in float64 on the same tensors."""

from __future__ import annotations

import math

import pytest
import torch
from deform_case import Case
from torch import Tensor

from lib.ops import deform_conv2d
from lib.ops.deform import reference


def bfloat16_case(channels: int = 16, groups: int = 1, offset_groups: int = 1) -> Case:
    return Case(
        3,
        channels,
        4 * groups,
        (19, 23),
        groups=groups,
        offset_groups=offset_groups,
        dtype=torch.bfloat16,
        reach=2,
    )


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference by the norm of what is expected."""
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.filterwarnings("ignore:TF32")  # from the switch of oneDNN
@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize(
    ("channels", "groups", "offset_groups"), [(1, 1, 1), (7, 1, 1), (64, 1, 1), (18, 2, 3)]
)
def test_as_exact_as_the_type(
    channels: int, groups: int, offset_groups: int, mask: bool, native: bool
) -> None:
    """Products in bfloat16 (where the processor has them) or float32; rounding is 2^-9 = 0.002."""
    case = bfloat16_case(channels, groups, offset_groups)
    tensors = case.tensors(requires_grad=True)
    image, offset, weight, bias, factors = tensors
    with torch.backends.mkldnn.flags(enabled=native):
        output = deform_conv2d(image, offset, weight, bias, factors if mask else None, *case.sizes)
        grad = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
        output.backward(grad)
    exact = [t.detach().double() for t in tensors]
    extra = exact[4] if mask else None
    expected = reference.deform_conv2d(*exact[:4], extra, *case.sizes)
    assert output.dtype == torch.bfloat16
    assert relative_error(output.detach(), expected) < 0.006
    gradients = reference.deform_conv2d_backward(grad.double(), *exact[:3], extra, *case.sizes)
    for tensor, gradient in zip((image, offset, weight, factors), gradients, strict=True):
        if gradient.numel():
            assert tensor.grad is not None
            assert tensor.grad.dtype == torch.bfloat16
            assert relative_error(tensor.grad, gradient) < 0.01


def test_channels_last_and_empty_batches() -> None:
    case = bfloat16_case()
    tensors = case.tensors()
    expected = deform_conv2d(*tensors, *case.sizes)
    tensors[0] = tensors[0].contiguous(memory_format=torch.channels_last)
    output = deform_conv2d(*tensors, *case.sizes)
    assert output.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(output, expected)
    image, offset, weight, bias, mask = tensors
    empty = deform_conv2d(image[:0], offset[:0], weight, bias, mask[:0], *case.sizes)
    assert empty.shape == (0, *output.shape[1:])
    assert empty.dtype == torch.bfloat16


def test_infinity_and_nan_are_kept() -> None:
    image = torch.ones(1, 32, 4, 4)
    image[0, 0, 1, 1], image[0, 1, 2, 2] = math.inf, math.nan
    offset, weight = torch.zeros(1, 2, 4, 4), torch.ones(1, 32, 1, 1)
    output = deform_conv2d(image.bfloat16(), offset, weight.bfloat16())
    expected = reference.deform_conv2d(image, offset, weight, None, None, [1, 1], [0, 0], [1, 1])
    torch.testing.assert_close(output.float(), expected, equal_nan=True)

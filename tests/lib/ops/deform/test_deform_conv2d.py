"""Deformable convolution: the kernel in use against obvious loops, the reference and conv2d."""

from __future__ import annotations

import math

import pytest
import torch
from deform_case import Case
from torch import Tensor

from lib.ops import deform_conv2d
from lib.ops.deform import reference

CASES = [
    pytest.param(Case(), id="plain"),
    pytest.param(Case(mask=False, bias=False), id="no mask, no bias"),
    pytest.param(Case(batch=3, channels=12, groups=2, offset_groups=3), id="groups"),
    pytest.param(
        Case(channels=12, out_channels=6, groups=3, offset_groups=2, mask=False),
        id="crossing groups",
    ),
    pytest.param(Case(kernel=(1, 2), stride=(2, 1), padding=(0, 2)), id="odd kernel"),
    pytest.param(Case(kernel=(3, 2), padding=(2, 3), dilation=(2, 3), batch=1), id="dilation"),
    pytest.param(Case(batch=5, size=(23, 31), channels=20), id="many blocks"),
    pytest.param(Case(batch=3, channels=12, groups=2, offset_groups=3, reach=0), id="on pixels"),
    pytest.param(Case(batch=0), id="empty batch"),
    pytest.param(Case(size=(1, 1), batch=1, channels=1, out_channels=1), id="one pixel"),
]


def naive(case: Case, tensors: list[Tensor | None]) -> Tensor:
    """The definition, number by number."""
    image, offset, weight, bias, mask = tensors
    assert image is not None and offset is not None and weight is not None
    _, height, width = image.shape[1:]
    output = torch.zeros(case.batch, case.out_channels, *offset.shape[2:], dtype=case.dtype)
    per_offset_group = case.channels // case.offset_groups
    taps = math.prod(case.kernel)

    def pixel(b: int, c: int, y: int, x: int) -> float:
        return float(image[b, c, y, x]) if 0 <= y < height and 0 <= x < width else 0.0

    for b, o, oy, ox in torch.cartesian_prod(*map(torch.arange, output.shape)).tolist():
        total = 0.0 if bias is None else float(bias[o])
        first = o // (case.out_channels // case.groups) * weight.shape[1]
        for c in range(weight.shape[1]):
            for tap in range(taps):
                ky, kx = divmod(tap, case.kernel[1])
                k = (first + c) // per_offset_group * taps + tap
                y = oy * case.stride[0] - case.padding[0] + ky * case.dilation[0]
                x = ox * case.stride[1] - case.padding[1] + kx * case.dilation[1]
                y += float(offset[b, 2 * k, oy, ox])
                x += float(offset[b, 2 * k + 1, oy, ox])
                top, left = math.floor(y), math.floor(x)
                sample = sum(
                    pixel(b, first + c, top + i, left + j)
                    * (1 - abs(y - top - i))
                    * (1 - abs(x - left - j))
                    for i in (0, 1)
                    for j in (0, 1)
                )
                factor = 1.0 if mask is None else float(mask[b, k, oy, ox])
                total += factor * sample * float(weight[o, c, ky, kx])
        output[b, o, oy, ox] = total
    return output


@pytest.mark.parametrize(
    "case",
    [
        Case(batch=2, channels=2, out_channels=2, size=(4, 5)),
        Case(batch=1, channels=4, groups=2, offset_groups=2, size=(5, 4), stride=(2, 1)),
        Case(batch=1, channels=4, offset_groups=4, kernel=(2, 3), dilation=(1, 2), mask=False),
    ],
)
def test_equals_the_definition(case: Case) -> None:
    tensors = case.tensors()
    torch.testing.assert_close(deform_conv2d(*tensors, *case.sizes), naive(case, tensors))


@pytest.mark.parametrize("case", CASES)
def test_kernel_equals_reference(case: Case) -> None:
    tensors = case.tensors()
    output = deform_conv2d(*tensors, *case.sizes)
    torch.testing.assert_close(output, reference.deform_conv2d(*tensors, *case.sizes))


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_reference(case: Case) -> None:
    image, offset, weight, bias, mask = case.tensors(requires_grad=True)
    output = deform_conv2d(image, offset, weight, bias, mask, *case.sizes)
    grad = torch.randn(output.shape, dtype=case.dtype, generator=torch.Generator().manual_seed(1))
    output.backward(grad)
    with torch.no_grad():
        expected = reference.deform_conv2d_backward(grad, image, offset, weight, mask, *case.sizes)
    for tensor, gradient in zip((image, offset, weight, mask), expected, strict=True):
        if tensor is not None:
            torch.testing.assert_close(tensor.grad, gradient)
    if bias is not None:
        torch.testing.assert_close(bias.grad, grad.sum((0, 2, 3)))


def test_gradcheck() -> None:
    case = Case(batch=1, channels=4, size=(4, 3), groups=2, offset_groups=2)
    tensors = case.tensors(requires_grad=True)
    assert torch.autograd.gradcheck(lambda *t: deform_conv2d(*t, *case.sizes), tensors)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", [0, 2])
def test_zero_offset_is_an_ordinary_convolution(groups: int, padding: int) -> None:
    case = Case(groups=groups, padding=(padding, padding), stride=(2, 1), mask=False)
    image, offset, weight, bias, _ = case.tensors()
    output = deform_conv2d(image, offset * 0, weight, bias, None, (2, 1), padding)
    expected = torch.conv2d(image, weight, bias, (2, 1), padding, groups=groups)
    torch.testing.assert_close(output, expected)


def test_non_contiguous_tensors() -> None:
    case = Case()
    tensors = case.tensors()
    expected = deform_conv2d(*tensors, *case.sizes)
    strided = [torch.stack([t, t], dim=-1)[..., 0] for t in tensors]
    assert not strided[0].is_contiguous()
    torch.testing.assert_close(deform_conv2d(*strided, *case.sizes), expected)


def outcome(case: Case, tensors: list[Tensor]) -> list[Tensor]:
    """The output, and the gradients of the sum of its squares."""
    output = deform_conv2d(*tensors, *case.sizes)
    return [output.detach(), *torch.autograd.grad(output.square().sum(), tensors)]


def test_expanded_gradient() -> None:
    case = Case()
    tensors = case.tensors(requires_grad=True)
    output = deform_conv2d(*tensors, *case.sizes)
    expanded = torch.ones((), dtype=output.dtype).expand(output.shape)  # of stride 0
    found = torch.autograd.grad(output, tensors, expanded, retain_graph=True)
    torch.testing.assert_close(found, torch.autograd.grad(output, tensors, expanded.contiguous()))


def test_channels_last_in_channels_last_out() -> None:
    case = Case()
    plain = case.tensors(requires_grad=True)
    tensors = [
        t.detach().contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t.detach()
        for t in plain
    ]
    found = outcome(case, [t.requires_grad_() for t in tensors])
    output, image_gradient, *_ = found
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert image_gradient.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, outcome(case, plain))


def test_positions_that_are_not_numbers_count_as_outside() -> None:
    case = Case(mask=False, bias=False)
    image, offset, weight, _, _ = case.tensors()
    far = offset.clone()
    offset[0, 0, 0, 0], offset[0, 3, 1, 1], offset[1, 4, 2, 2] = math.nan, math.inf, -1e300
    far[0, 0, 0, 0], far[0, 3, 1, 1], far[1, 4, 2, 2] = -100, 100, -100
    for kernel in (deform_conv2d, reference.deform_conv2d):
        output = kernel(image, offset, weight, None, None, *case.sizes)
        torch.testing.assert_close(output, kernel(image, far, weight, None, None, *case.sizes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_positions_a_hair_above_the_end_stay_in_their_image(dtype: torch.dtype) -> None:
    """The float before 4, plus 1, is rounded to 5; yet it lies in row 3, not in a row 4."""
    before_4 = math.nextafter(4, 0) if dtype == torch.float64 else 4 - 2**-22
    tensors = [torch.zeros(2, 1, 4, 4), torch.zeros(2, 2, 4, 4), torch.ones(1, 1, 1, 1)]
    image, offset, weight = (tensor.to(dtype) for tensor in tensors)
    image[0], image[1] = torch.arange(16).view(4, 4), 1e6
    offset[:, 0, 3], offset[:, 1, :, 3] = before_4 - 3, before_4 - 3
    assert (offset[0, 0, 3] + 3 == before_4).all() and before_4 < 4
    found = []
    for kernel in (torch.ops.e2ec.deform_conv2d, reference.deform_conv2d):
        leaves = [t.clone().requires_grad_() for t in (image, offset, weight)]
        output = kernel(*leaves, None, None, [1, 1], [0, 0], [1, 1])
        output[:, :, 2:, 2:].sum().backward()
        found.append([output.detach(), *(leaf.grad for leaf in leaves)])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected)
    assert found[0][0][0, 0, 3].abs().max() < 1e-4


def test_results_repeat_bit_for_bit() -> None:
    case = Case(batch=3, channels=24, out_channels=16, size=(25, 29), dtype=torch.float32)

    tensors = case.tensors(requires_grad=True)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            first = outcome(case, tensors)
            for _ in range(2):
                again = outcome(case, tensors)
                assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    finally:
        torch.set_num_threads(threads)

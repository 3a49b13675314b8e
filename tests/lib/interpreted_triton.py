"""The Triton kernels on CPU tensors, under Triton's interpreter, against the reference.

Run by `test_triton_deform_conv2d.py` in a process of its own: TRITON_INTERPRET=1 must be set before
triton is first imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import triton.language as tl
from test_deform_conv2d import Case
from torch import Tensor
from triton.runtime.interpreter import InterpreterBuilder

from lib.ops import deform_conv2d, reference, triton_deform_conv2d

assert os.environ.get("TRITON_INTERPRET") == "1"

F32 = torch.float32
CASES = [
    pytest.param(Case(dtype=F32), id="plain"),
    pytest.param(Case(dtype=F32, mask=False, bias=False, batch=1), id="no mask, no bias"),
    pytest.param(
        Case(dtype=F32, size=(4, 5), channels=12, groups=2, offset_groups=3, kernel=(2, 2)),
        id="groups",
    ),
    pytest.param(
        Case(dtype=F32, size=(3, 4), channels=6, out_channels=6, groups=3, offset_groups=2),
        id="crossing groups",
    ),
    pytest.param(
        Case(dtype=F32, kernel=(1, 2), stride=(2, 1), padding=(0, 2)), id="odd kernel, stride"
    ),
    pytest.param(
        Case(dtype=F32, kernel=(3, 2), padding=(2, 3), dilation=(2, 3), batch=1), id="dilation"
    ),
    pytest.param(
        Case(dtype=F32, batch=1, channels=35, out_channels=130, kernel=(1, 1), padding=(0, 0)),
        id="several blocks of channels",
    ),
    pytest.param(Case(dtype=F32, batch=3, size=(9, 11), kernel=(2, 1)), id="blocks across images"),
    pytest.param(Case(dtype=F32, batch=0), id="empty batch"),
    pytest.param(Case(dtype=F32, size=(1, 1), batch=1, channels=1, out_channels=1), id="one pixel"),
    pytest.param(Case(dtype=torch.float16, kernel=(2, 2)), id="float16"),
    pytest.param(Case(dtype=torch.bfloat16, kernel=(2, 2)), id="bfloat16"),
    pytest.param(Case(kernel=(2, 2)), id="float64"),
]
# Sampled columns and their gradients are rounded to half precision before they are multiplied.
TOLERANCE = {torch.float16: 2e-3, torch.bfloat16: 2e-2, F32: 2e-6, torch.float64: 1e-12}


@pytest.fixture(autouse=True)
def bfloat16_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter holds bfloat16 as uint16 and multiplies those as integers: widen them."""
    create_dot = InterpreterBuilder.create_dot

    def widened(self: Any, a: Any, b: Any, *others: Any) -> Any:
        if a.dtype.scalar == tl.bfloat16:
            a, b = self.create_fp_ext(a, tl.float32), self.create_fp_ext(b, tl.float32)
        return create_dot(self, a, b, *others)

    monkeypatch.setattr(InterpreterBuilder, "create_dot", widened)


def assert_equal(actual: Tensor, expected: Tensor) -> None:
    """Type, shape, strides and values, within a part of the largest value."""
    assert actual.shape == expected.shape and actual.stride() == expected.stride()
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    tolerance = TOLERANCE[expected.dtype] * largest
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_forward_equals_reference(case: Case) -> None:
    tensors = case.tensors()
    output = triton_deform_conv2d.deform_conv2d(*tensors, *case.sizes)
    assert_equal(output, reference.deform_conv2d(*tensors, *case.sizes))


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_reference(case: Case) -> None:
    image, offset, weight, _, mask = case.tensors()
    shape = (case.batch, case.out_channels, *offset.shape[2:])
    grad = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(case.dtype)
    arguments = (grad, image, offset, weight, mask, *case.sizes)
    gradients = triton_deform_conv2d.deform_conv2d_backward(*arguments)
    expected = reference.deform_conv2d_backward(*arguments)
    for actual, wanted in zip(gradients, expected, strict=True):
        assert_equal(actual, wanted)


def test_positions_far_outside_or_no_numbers() -> None:
    case = Case(dtype=F32, batch=1, size=(4, 5))
    tensors = case.tensors()
    offset = tensors[1]
    offset[0, 0, 0, 0], offset[0, 3, 1, 1], offset[0, 4, 2, 2] = math.nan, math.inf, -1e30
    offset[0, 6, 1, 1], offset[0, 6, 2, 1] = -1.0, 1e4  # a row above the image exactly; far below
    output = triton_deform_conv2d.deform_conv2d(*tensors, *case.sizes)
    assert_equal(output, reference.deform_conv2d(*tensors, *case.sizes))
    image, _, weight, _, mask = tensors
    arguments = (torch.ones_like(output), image, offset, weight, mask, *case.sizes)
    gradients = triton_deform_conv2d.deform_conv2d_backward(*arguments)
    expected = reference.deform_conv2d_backward(*arguments)
    for actual, wanted in zip(gradients, expected, strict=True):
        assert_equal(actual, wanted)


def test_channels_last_and_strided_tensors() -> None:
    case = Case(dtype=F32, batch=2, size=(4, 5), kernel=(2, 2))
    image, offset, weight, bias, mask = case.tensors()
    image = image.contiguous(memory_format=torch.channels_last)
    offset, weight, mask = (torch.stack([t, t], -1)[..., 0] for t in (offset, weight, mask))
    tensors = (image, offset, weight, bias, mask)
    output = triton_deform_conv2d.deform_conv2d(*tensors, *case.sizes)
    assert_equal(output, reference.deform_conv2d(*tensors, *case.sizes))
    grad = torch.ones(1, dtype=F32).expand(output.shape)
    arguments = (grad, image, offset, weight, mask, *case.sizes)
    gradients = triton_deform_conv2d.deform_conv2d_backward(*arguments)
    for actual, wanted in zip(gradients, reference.deform_conv2d_backward(*arguments), strict=True):
        assert_equal(actual, wanted)


def test_deterministic_algorithms_are_left_to_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the kernel with atomic additions ran")

    monkeypatch.setattr(triton_deform_conv2d, "_weight_gradient", fail)
    case = Case(dtype=F32, batch=1, size=(3, 3))
    image, offset, weight, _, mask = case.tensors()
    torch.use_deterministic_algorithms(True)
    try:
        triton_deform_conv2d.deform_conv2d_backward(
            torch.ones(1, 4, 3, 3), image, offset, weight, mask, *case.sizes
        )
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.fixture
def triton_on_cpu() -> Iterator[None]:
    """The operators' CPU kernels replaced by the Triton ones."""
    library = torch.library.Library("e2ec", "IMPL")
    for name in ("deform_conv2d", "deform_conv2d_backward"):
        kernel = getattr(triton_deform_conv2d, name)
        library.impl(name, kernel, "CPU", allow_override=True)
    yield
    library._destroy()


def test_the_operator_with_autograd(triton_on_cpu: None) -> None:
    case = Case(dtype=F32, batch=1, size=(4, 4), kernel=(2, 2))
    tensors = case.tensors(requires_grad=True)
    torch.library.opcheck(
        torch.ops.e2ec.deform_conv2d.default,
        (*tensors, *case.sizes),
        test_utils=("test_schema", "test_faketensor", "test_autograd_registration"),
    )
    output = deform_conv2d(*tensors, *case.sizes)
    output.backward(torch.ones_like(output))
    image, offset, weight, bias, mask = tensors
    with torch.no_grad():
        expected = reference.deform_conv2d_backward(
            torch.ones_like(output), image, offset, weight, mask, *case.sizes
        )
    for tensor, gradient in zip((image, offset, weight, mask), expected, strict=True):
        assert_equal(tensor.grad, gradient)
    torch.testing.assert_close(bias.grad, output.new_ones(output.shape).sum((0, 2, 3)))

"""The Triton kernels on CPU tensors, under Triton's interpreter, against the reference.

Run by `test_triton_deform_conv2d.py` in a process of its own: TRITON_INTERPRET=1 must be set before
triton is first imported.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
import triton.language as tl
from deform_case import Case
from torch import Tensor
from triton.runtime.interpreter import InterpreterBuilder

from lib.ops import deform_conv2d
from lib.ops.deform import reference, triton_deform_conv2d
from lib.ops.deform.geometry import Geometry

assert os.environ.get("TRITON_INTERPRET") == "1"

F32 = torch.float32
SMALL = {"size": (3, 4), "kernel": (1, 2)}  # the interpreter's time goes by taps and blocks


CASES = [
    pytest.param(Case(dtype=F32, size=(4, 5)), id="plain"),
    pytest.param(Case(dtype=F32, mask=False, bias=False, batch=1, **SMALL), id="no mask, no bias"),
    pytest.param(Case(dtype=F32, channels=12, groups=2, offset_groups=3, **SMALL), id="groups"),
    pytest.param(
        Case(dtype=F32, channels=6, out_channels=6, groups=3, offset_groups=2, **SMALL),
        id="crossing groups",
    ),
    pytest.param(
        Case(dtype=F32, kernel=(1, 2), stride=(2, 1), padding=(0, 2)), id="odd kernel, stride"
    ),
    pytest.param(
        Case(dtype=F32, size=(4, 3), kernel=(3, 2), padding=(2, 3), dilation=(2, 3), batch=1),
        id="dilation",
    ),
    pytest.param(
        Case(dtype=F32, batch=1, channels=35, out_channels=130, kernel=(1, 1), padding=(0, 0)),
        id="several blocks of channels",
    ),
    pytest.param(Case(dtype=F32, batch=3, size=(5, 9), kernel=(2, 1)), id="blocks across images"),
    pytest.param(Case(dtype=F32, batch=0), id="empty batch"),
    pytest.param(
        Case(dtype=F32, size=(1, 1), batch=1, channels=1, out_channels=1, kernel=(1, 2)),
        id="one pixel",
    ),
    pytest.param(Case(dtype=torch.float16, **SMALL), id="float16"),
    pytest.param(Case(dtype=torch.bfloat16, **SMALL), id="bfloat16"),
    pytest.param(
        Case(dtype=torch.float16, position_dtype=F32, **SMALL), id="float16, wide positions"
    ),
    pytest.param(
        Case(dtype=torch.bfloat16, position_dtype=F32, **SMALL), id="bfloat16, wide positions"
    ),
    pytest.param(Case(**SMALL), id="float64"),
]
CASE = Case(dtype=F32, batch=1, **SMALL)
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


def assert_equal(actual: Tensor, expected: Tensor, computed: torch.dtype | None = None) -> None:
    """Type, shape, strides and values, within a part of the largest value; `computed` is the type
    of the products where it is not that of the result."""
    assert actual.shape == expected.shape and actual.stride() == expected.stride()
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    tolerance = TOLERANCE[computed or expected.dtype] * largest
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


def check(case: Case, tensors: Sequence[Tensor | None], grad: Tensor | None = None) -> None:
    """Output and gradients of tensors like the case's against the reference."""
    output = triton_deform_conv2d.deform_conv2d(*tensors, *case.sizes)
    assert_equal(output, reference.deform_conv2d(*tensors, *case.sizes))
    if grad is None:
        generator = torch.Generator().manual_seed(1)
        grad = torch.randn(output.shape, generator=generator).to(case.dtype)
    image, offset, weight, _, mask = tensors
    arguments = (grad, image, offset, weight, mask, *case.sizes)
    gradients = triton_deform_conv2d.deform_conv2d_backward(*arguments)
    expected = reference.deform_conv2d_backward(*arguments)
    for actual, wanted in zip(gradients, expected, strict=True):
        assert_equal(actual, wanted, case.dtype)


@pytest.mark.parametrize("case", CASES)
def test_equals_the_reference(case: Case) -> None:
    check(case, case.tensors())


def test_positions_far_outside_or_no_numbers() -> None:
    case = Case(dtype=F32, batch=1, size=(4, 5), kernel=(2, 2))
    tensors = case.tensors()
    offset = tensors[1]
    offset[0, 0, 0, 0], offset[0, 3, 1, 1], offset[0, 4, 2, 2] = math.nan, math.inf, -1e30
    offset[0, 6, 0, 1], offset[0, 6, 2, 1] = -1.0, 1e4  # a row above the image exactly; far below
    check(case, tensors)


def test_channels_last_and_strided_tensors() -> None:
    case = Case(dtype=F32, batch=2, **SMALL)
    image, offset, weight, bias, mask = case.tensors()
    image = image.contiguous(memory_format=torch.channels_last)
    offset, weight, mask = (torch.stack([t, t], -1)[..., 0] for t in (offset, weight, mask))
    out_size = (case.batch, case.out_channels, *offset.shape[2:])
    check(case, (image, offset, weight, bias, mask), torch.ones(1).expand(out_size))


def test_deterministic_algorithms_are_left_to_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the kernel with atomic additions ran")

    monkeypatch.setattr(triton_deform_conv2d, "_weight_gradient", fail)
    image, offset, weight, bias, mask = CASE.tensors()
    output = reference.deform_conv2d(image, offset, weight, bias, mask, *CASE.sizes)
    torch.use_deterministic_algorithms(True)
    try:
        triton_deform_conv2d.deform_conv2d_backward(
            torch.ones_like(output), image, offset, weight, mask, *CASE.sizes
        )
    finally:
        torch.use_deterministic_algorithms(False)


def test_an_output_of_more_elements_than_int32_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third output's values begin 2**31 elements after the first's. Only the pages that are
    written to take memory."""
    case = Case(dtype=F32, batch=1, channels=1, out_channels=3, size=(1, 2), kernel=(1, 2))
    tensors = case.tensors()
    expected = reference.deform_conv2d(*tensors, *case.sizes)
    step = 2**30
    pages = mmap.mmap(-1, 4 * (2 * step + 16), flags=mmap.MAP_PRIVATE | 0x4000)  # no reserve
    far = torch.frombuffer(pages, dtype=F32).as_strided(expected.shape, (0, step, 3, 1))
    monkeypatch.setattr(triton_deform_conv2d.torch, "empty", lambda *_, **__: far)
    output = triton_deform_conv2d.deform_conv2d(*tensors, *case.sizes)
    assert output is far
    torch.testing.assert_close(far.clone(memory_format=torch.contiguous_format), expected)


def test_what_int32_does_not_count_is_left_to_the_reference() -> None:
    few, image = torch.empty(1, 1, 1, 1), torch.empty(1, 1, 4, 4)
    many = torch.empty(2**15, 2, 2**8, 2**8, device="meta")
    assert triton_deform_conv2d._supported(image, few, few)
    assert not triton_deform_conv2d._supported(image, many, few)
    assert not triton_deform_conv2d._supported(image, few, many)


def precision(dtype: torch.dtype) -> str:
    """Of the products of a small convolution."""
    image, offset, weight, *_ = CASE.tensors()
    geometry = Geometry.of(image, offset, weight, *CASE.sizes)
    return triton_deform_conv2d._options(geometry, dtype, 64, 16)["PRECISION"]


def test_float32_products_are_exact() -> None:
    assert precision(F32) == "ieee"


@pytest.mark.skipif(
    not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="torch has one switch alone"
)
def test_float32_products_follow_torchs_switch() -> None:
    """Switched on in the newer of torch's two ways; to ask in the older one then raises."""
    matmul = torch.backends.cuda.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, "tf32"
    try:
        assert precision(F32) == "tf32" and precision(torch.bfloat16) == "ieee"
    finally:
        matmul.fp32_precision = before


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
    tensors = CASE.tensors(requires_grad=True)
    torch.library.opcheck(
        torch.ops.e2ec.deform_conv2d.default,
        (*tensors, *CASE.sizes),
        test_utils=("test_schema", "test_faketensor", "test_autograd_registration"),
    )
    output = deform_conv2d(*tensors, *CASE.sizes)
    output.backward(torch.ones_like(output))
    image, offset, weight, bias, mask = tensors
    with torch.no_grad():
        expected = reference.deform_conv2d_backward(
            torch.ones_like(output), image, offset, weight, mask, *CASE.sizes
        )
    for tensor, gradient in zip((image, offset, weight, mask), expected, strict=True):
        assert_equal(tensor.grad, gradient)
    torch.testing.assert_close(bias.grad, output.new_ones(output.shape).sum((0, 2, 3)))

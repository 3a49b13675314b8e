"""Deformable convolution as PyTorch sees it: types, autocast, graphs, wrong arguments."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from deform_case import Case

from lib.ops import deform_conv2d

CASE = Case(channels=4, out_channels=3, size=(5, 6), dtype=torch.float32, reach=1)
SIZES = CASE.sizes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_types(dtype: torch.dtype) -> None:
    tensors = replace(CASE, dtype=dtype).tensors(requires_grad=True)
    output = deform_conv2d(*tensors, *SIZES)
    assert output.dtype == dtype
    expected = deform_conv2d(*[t.detach().float() for t in tensors], *SIZES)
    torch.testing.assert_close(output, expected.to(dtype), rtol=0.02, atol=0.02)
    output.sum().backward()
    assert all(t.grad.dtype == dtype and t.grad.isfinite().all() for t in tensors)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_offset_and_mask_may_be_wider(dtype: torch.dtype) -> None:
    """bfloat16 has whole numbers only far from zero: a quarter of a pixel must not get lost."""
    image = torch.arange(400.0).repeat(3, 1)[None, None]
    offset = torch.full((1, 2, 3, 400), 0.0, requires_grad=True)
    mask = torch.full((1, 1, 3, 400), 0.125, requires_grad=True)
    with torch.no_grad():
        offset[:, 1] = 200.25
    weight = torch.ones(1, 1, 1, 1)
    # Sampled at 200.25 + x between equal steps, and scaled.
    output = deform_conv2d(image.to(dtype), offset, weight.to(dtype), mask=mask)
    assert output.dtype == dtype
    expected = (torch.arange(199.0) + 200.25) / 8
    torch.testing.assert_close(output[0, 0, 0, :199].float(), expected, rtol=0.01, atol=0)
    output.sum().backward()
    assert offset.grad.dtype == mask.grad.dtype == torch.float32
    torch.testing.assert_close(offset.grad[0, 1, 0, :10], torch.full((10,), 0.125))
    with pytest.raises(ValueError, match=r"weight torch\.float32"):
        deform_conv2d(image.to(dtype), offset, weight, mask=mask)


def test_autocast_computes_in_the_type_of_the_input() -> None:
    image, offset, weight, bias, mask = CASE.tensors(requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        full = deform_conv2d(image, offset, weight, bias, mask, *SIZES)
        half = deform_conv2d(image.bfloat16(), offset, weight, bias, mask.bfloat16(), *SIZES)
    torch.testing.assert_close(full, deform_conv2d(image, offset, weight, bias, mask, *SIZES))
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, rtol=0.05, atol=0.1)
    half.float().sum().backward()
    assert all(t.grad.dtype == torch.float32 for t in (image, offset, weight, bias, mask))


def test_inference_mode() -> None:
    expected = deform_conv2d(*CASE.tensors(), *SIZES)
    with torch.inference_mode():
        output = deform_conv2d(*CASE.tensors(), *SIZES)
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(mask: bool, dtype: torch.dtype) -> None:
    """In bfloat16 with float32 offsets and factors: every gradient has the type of its tensor."""
    case = replace(CASE, dtype=dtype, position_dtype=torch.float32, mask=mask, bias=mask)
    image, offset, weight, bias, factors = case.tensors(requires_grad=True)
    operators = torch.ops.e2ec
    arguments = (image, offset, weight, bias, factors, *SIZES)
    torch.library.opcheck(operators.deform_conv2d.default, arguments)
    saved = [None if t is None else t.detach() for t in (image, offset, weight, factors)]
    arguments = (torch.randn(2, 3, 5, 6).to(dtype), *saved, *SIZES)
    torch.library.opcheck(operators.deform_conv2d_backward.default, arguments)


def test_a_second_derivative_is_refused() -> None:
    """Instead of zeros; the first one, with or without a graph of it, is as ever."""
    tensors = replace(CASE, dtype=torch.float64).tensors(requires_grad=True)
    plain = torch.autograd.grad(deform_conv2d(*tensors, *SIZES).square().sum(), tensors)
    output = deform_conv2d(*tensors, *SIZES).square().sum()
    gradients = torch.autograd.grad(output, tensors, create_graph=True)
    for found, expected in zip(gradients, plain, strict=True):
        torch.testing.assert_close(found, expected)
    with pytest.raises(RuntimeError, match="deform_conv2d has no second derivative"):
        gradients[0].square().sum().backward()


def test_compiled_graph_with_dynamic_shapes() -> None:
    compiled = torch.compile(deform_conv2d, backend="aot_eager", fullgraph=True, dynamic=True)
    for batch, size in ((2, (5, 6)), (3, (7, 11))):
        tensors = replace(CASE, batch=batch, size=size).tensors()
        torch.testing.assert_close(compiled(*tensors, *SIZES), deform_conv2d(*tensors, *SIZES))


IMAGE, OFFSET, WEIGHT = torch.zeros(1, 4, 5, 5), torch.zeros(1, 18, 3, 3), torch.zeros(2, 4, 3, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": IMAGE[0]}, "input must have 4 dimensions"),
        ({"weight": torch.zeros(2, 3, 3, 3)}, "does not fit 4 input channels"),
        ({"weight": torch.zeros(3, 2, 3, 3)}, "does not fit 4 input channels"),
        ({"offset": torch.zeros(1, 17, 3, 3)}, "offset has 17 channels"),
        ({"offset": torch.zeros(1, 54, 3, 3)}, "offset has 54 channels"),
        ({"offset": torch.zeros(1, 18, 5, 5)}, r"offset must have shape \(1, 18, 3, 3\)"),
        ({"offset": torch.zeros(2, 18, 3, 3)}, r"offset must have shape \(1, 18, 3, 3\)"),
        ({"mask": torch.zeros(1, 18, 3, 3)}, r"mask must have shape \(1, 9, 3, 3\)"),
        ({"bias": torch.zeros(3)}, r"bias must have shape \(2,\)"),
        ({"stride": 0}, "stride must be"),
        ({"padding": (1, 2, 3)}, "padding must be"),
        ({"dilation": 3}, "smaller than the kernel"),
        ({"weight": WEIGHT.double()}, "one dtype"),
        ({"input": IMAGE.long()}, "floating point"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    valid = {"input": IMAGE, "offset": OFFSET, "weight": WEIGHT}
    with pytest.raises(ValueError, match=message):
        deform_conv2d(**{**valid, **arguments})


def test_the_operator_itself_refuses_shapes_it_cannot_read() -> None:
    """Kernels trust their shapes with memory accesses, also when the wrapper is passed by."""
    pairs = ([1, 1], [0, 0], [1, 1])
    with pytest.raises(Exception, match=r"offset|shape|size"):
        torch.ops.e2ec.deform_conv2d(IMAGE, OFFSET[:, :17], WEIGHT, None, None, *pairs)

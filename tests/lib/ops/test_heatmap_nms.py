"""Peaks of score maps: the compiled kernel and the plain version against max pooling."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lib.ops import heatmap_nms
from lib.ops.heatmap_nms import heatmap_nms_reference


def scores_of(size: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Few different values, so that many neighbours are equal; some below 0."""
    generator = torch.Generator().manual_seed(sum(size))
    return torch.randint(-3, 9, size, generator=generator).to(dtype) / 8


def by_max_pooling(scores: Tensor) -> Tensor:
    maps = scores.permute(0, 3, 1, 2)
    return maps.where(F.max_pool2d(maps, 3, 1, 1) == maps, 0).permute(0, 2, 3, 1)


SIZES = [(2, 6, 9, 3), (1, 1, 1, 1), (3, 1, 7, 2), (1, 5, 1, 20), (1, 2, 2, 37), (1, 40, 70, 80)]


@pytest.mark.parametrize("kernel", [heatmap_nms, heatmap_nms_reference])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_equals_max_pooling(kernel, dtype, size) -> None:  # type: ignore[no-untyped-def]
    scores = scores_of(size, dtype)
    found = kernel(scores)
    assert found.is_contiguous() and found.dtype == dtype
    assert torch.equal(found, by_max_pooling(scores))


@pytest.mark.parametrize("kernel", [heatmap_nms, heatmap_nms_reference])
def test_beside_not_a_number_there_is_no_peak(kernel) -> None:  # type: ignore[no-untyped-def]
    scores = torch.full((1, 3, 5, 1), 0.5)
    scores[0, 0, 0] = math.nan
    expected = torch.full((1, 3, 5, 1), 0.5)
    expected[0, :2, :2] = 0
    assert torch.equal(kernel(scores), expected)
    assert torch.equal(kernel(scores[:, :1, :1]), torch.zeros(1, 1, 1, 1))


@pytest.mark.parametrize("size", [(0, 4, 4, 3), (2, 0, 4, 3), (2, 4, 0, 3), (2, 4, 4, 0)])
def test_nothing(size: tuple[int, ...]) -> None:
    assert heatmap_nms(torch.zeros(size)).shape == size


def test_other_layouts() -> None:
    scores = scores_of((2, 4, 5, 3))
    assert torch.equal(heatmap_nms(scores.permute(0, 2, 1, 3)), heatmap_nms(scores).transpose(1, 2))
    assert heatmap_nms(scores[:, ::2]).is_contiguous()


def test_gradients_reach_peaks_alone() -> None:
    scores = torch.tensor([[[[0.2], [0.7], [0.1], [0.4]]]], requires_grad=True)
    (grad,) = torch.autograd.grad(heatmap_nms(scores).square().sum(), scores)
    assert torch.allclose(grad.flatten(), torch.tensor([0.0, 1.4, 0.0, 0.8]))


def test_the_operator_is_registered_completely() -> None:
    scores = torch.rand(1, 4, 5, 3, requires_grad=True)
    torch.library.opcheck(torch.ops.e2ec.heatmap_nms.default, (scores,))
    torch.library.opcheck(torch.ops.e2ec.heatmap_nms.default, (scores.transpose(1, 2),))


@pytest.mark.parametrize("scores", [torch.zeros(3, 4, 4), torch.zeros(1, 3, 4, 4).long()])
def test_wrong_scores(scores: Tensor) -> None:
    with pytest.raises((RuntimeError, ValueError), match="scores must be"):
        heatmap_nms(scores)

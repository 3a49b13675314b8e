"""Heads evaluated at single cells against the dense head."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from network.layers.heads import DenseHead, head_at_cells


def head_and_map(batch: int = 2, height: int = 5, width: int = 7) -> tuple[DenseHead, Tensor]:
    torch.manual_seed(0)
    head = DenseHead(6, 8, 4).double()
    return head, torch.randn(batch, 6, height, width, dtype=torch.float64)


def all_cells(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Every cell of every image: also those whose patch reaches over an edge or corner."""
    grid = torch.cartesian_prod(torch.arange(batch), torch.arange(height), torch.arange(width))
    return grid[:, [2, 1]], grid[:, 0]


def gather_cells(dense: Tensor, cells: Tensor, image_index: Tensor) -> Tensor:
    """(n, C): one by one, the values of a map (B, C, h, w) at cells (n, 2), x then y."""
    pairs = zip(image_index.tolist(), cells.tolist(), strict=True)
    return torch.stack([dense[image, :, y, x] for image, (x, y) in pairs])


@pytest.mark.parametrize("size", [(2, 5, 7), (1, 1, 1), (3, 1, 4)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_the_dense_head_at_every_cell(
    size: tuple[int, int, int], layout: torch.memory_format
) -> None:
    head, features = head_and_map(*size)
    features = features.contiguous(memory_format=layout)
    cells, image_index = all_cells(*size)
    dense = gather_cells(head(features), cells, image_index)
    assert torch.allclose(head_at_cells(head, features, cells, image_index), dense, atol=1e-12)


def test_gradients_equal_those_of_the_dense_head() -> None:
    """Also where two patches overlap and where a cell is asked for twice."""
    head, features = head_and_map()
    features.requires_grad_()
    cells = torch.tensor([[0, 0], [3, 2], [4, 2], [4, 2], [6, 4]])
    image_index = torch.tensor([0, 0, 0, 1, 1])
    inputs = [features, *head.parameters()]
    dense = gather_cells(head(features), cells, image_index)
    sparse = head_at_cells(head, features, cells, image_index)
    expected = torch.autograd.grad(dense.sin().sum(), inputs)
    found = torch.autograd.grad(sparse.sin().sum(), inputs)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-12)


def test_under_autocast_cells_keep_full_precision() -> None:
    head, features = head_and_map()
    head, features = head.float(), features.bfloat16()
    cells, image_index = all_cells(2, 5, 7)
    with torch.autocast("cpu", torch.bfloat16):
        found = head_at_cells(head, features, cells, image_index)
    assert found.dtype == torch.float32
    dense = gather_cells(head(features.float()), cells, image_index)
    assert torch.allclose(found, dense, atol=1e-5)

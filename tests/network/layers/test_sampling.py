"""Feature sampling: bilinear, zeros outside, half a cell up and left of the given position."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from network.layers.sampling import sample_features


def slow_sample(features: Tensor, points: Tensor, image_index: Tensor) -> Tensor:
    """Corner by corner; a point at x reads the map at index x - 0.5."""
    _, channels, height, width = features.shape
    result = features.new_zeros(len(points), channels, points.shape[1])
    for n, contour in enumerate(points.tolist()):
        for p, (x, y) in enumerate(contour):
            x, y = x - 0.5, y - 0.5
            left, top = math.floor(x), math.floor(y)
            for i, wy in ((top, top + 1 - y), (top + 1, y - top)):
                for j, wx in ((left, left + 1 - x), (left + 1, x - left)):
                    if 0 <= i < height and 0 <= j < width:
                        result[n, :, p] += wy * wx * features[image_index[n], :, i, j]
    return result


@pytest.mark.parametrize(
    ("batch", "image_index"),
    [
        *((3, index) for index in ([], [0], [0, 0, 0], [0, 0, 1, 2], [1, 1, 1], [0, 2, 2], [2])),
        (1, [0, 0, 0]),
    ],
)
def test_against_a_loop(batch: int, image_index: list[int]) -> None:
    """Several images, some without instances, or one; points inside and outside the map."""
    torch.manual_seed(len(image_index))
    features = torch.randn(batch, 4, 5, 7, dtype=torch.float64)
    points = torch.rand(len(image_index), 6, 2, dtype=torch.float64) * 12 - 2
    index = torch.tensor(image_index, dtype=torch.int64)
    expected = slow_sample(features, points, index)
    assert torch.allclose(sample_features(features, points, index), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ((1.0, 1.0), 1.5),  # the corner between all four cells: (0 + 1 + 2 + 3) / 4
        ((1.5, 1.5), 3.0),  # index (1, 1)
        ((1.0, 1.5), 2.5),  # halfway between the cells of the lower row: (2 + 3) / 2
        ((2.0, 1.5), 1.5),  # half of cell (1, 1), half of the zeros outside
        ((2.5, 1.5), 0.0),
        ((-9.0, 40.0), 0.0),
    ],
)
def test_hand_worked_values(point: tuple[float, float], value: float) -> None:
    features = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    sampled = sample_features(features, torch.tensor([[point]]), torch.tensor([0]))
    assert sampled.item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("batch", [1, 2])
def test_gradients_reach_features_and_points(batch: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(batch, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    points = (torch.rand(2, 3, 2, dtype=torch.float64) * 3).requires_grad_()
    index = torch.tensor([0, batch - 1])
    assert torch.autograd.gradcheck(lambda f, p: sample_features(f, p, index), (features, points))


def test_half_precision_features_are_sampled_in_float32() -> None:
    features = torch.ones(2, 3, 4, 4, dtype=torch.bfloat16)
    points = torch.full((1, 5, 2), 2.0)
    assert sample_features(features, points, torch.tensor([1])).dtype == torch.float32


def test_a_known_size_of_the_table_changes_nothing() -> None:
    """Exact or too large; images without instances before, between and after."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(5, 3, 6, 7, generator=generator)
    points = torch.rand(6, 4, 2, generator=generator) * 8 - 1
    index = torch.tensor([1, 1, 1, 3, 3, 3])
    expected = sample_features(features, points, index)
    for max_per_image in (3, 5):
        assert torch.equal(
            sample_features(features, points, index, max_per_image=max_per_image), expected
        )
    nothing = sample_features(features, points[:0], index[:0], max_per_image=0)
    assert nothing.shape == (0, 3, 4)

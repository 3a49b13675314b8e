"""Initial contours, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from network.contour.contour_init import Clip, clip_to_map, initial_contours


def test_channels_alternate_x_and_y_in_tens_of_cells() -> None:
    offsets = torch.tensor([[0.1, 0.2, -0.3, 0.4, 0.5, -0.6]])  # three vertices
    contours = initial_contours(offsets, torch.tensor([[3, 2]]))
    # The centre is x 3, y 2; offsets count ten cells.
    expected = torch.tensor([[[4.0, 4.0], [0.0, 6.0], [8.0, -4.0]]])
    assert torch.allclose(contours, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ("cells", [[0.0, 2.5], [9.0, 0.0], [3.9, 3.0], [9.0, 3.0]]),
        ("edge", [[0.0, 2.5], [9.5, 0.0], [3.9, 4.0], [10.0, 3.5]]),
    ],
)
def test_clipping_to_the_edge_or_the_last_cell(clip: Clip, expected: list[list[float]]) -> None:
    """Of a map of 10 x 4 cells: the edge is at 10 and 4, the last cell at 9 and 3."""
    contours = torch.tensor([[[-1.0, 2.5], [9.5, -0.1], [3.9, 7.0], [12.0, 3.5]]])
    clipped = clip_to_map(contours, height=4, width=10, clip=clip)
    assert torch.equal(clipped, torch.tensor([expected]))

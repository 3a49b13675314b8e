"""Contours drawn into boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lib.polygons.box_shapes import BoxShape, box_contours
from lib.polygons.geometry import signed_area

SIZES = torch.tensor([[8.0, 8.0], [40.0, 3.0], [2.0, 50.0]], dtype=torch.float64)


@pytest.mark.parametrize("shape", ["octagon", "ellipse"])
@pytest.mark.parametrize("vertices", [4, 32, 128])
def test_shapes_touch_all_sides_of_any_box_in_their_middle(shape: BoxShape, vertices: int) -> None:
    """Vertices 0, N/4, N/2, 3N/4: below, right, above, left; nothing lies outside the box."""
    contours = box_contours(SIZES, vertices, shape)
    half = SIZES / 2
    zero = torch.zeros(len(SIZES), dtype=torch.float64)
    expected = [(zero, half[:, 1]), (half[:, 0], zero), (zero, -half[:, 1]), (-half[:, 0], zero)]
    for quarter, (x, y) in enumerate(expected):
        vertex = contours[:, quarter * vertices // 4]
        assert torch.allclose(vertex, torch.stack([x, y], dim=1), atol=1e-9)
    assert (contours.abs() <= half[:, None] + 1e-9).all()


@pytest.mark.parametrize("shape", ["octagon", "ellipse"])
def test_vertices_lie_at_equal_arc_length(shape: BoxShape) -> None:
    """So finely divided, corners shorten few edges: all but one in a hundred are equally long."""
    edges = box_contours(SIZES, 4000, shape).diff(dim=1).norm(dim=2)
    middle = edges.median(dim=1, keepdim=True).values
    assert ((edges / middle - 1).abs() < 1e-3).double().mean() > 0.99


def test_areas_are_those_of_the_shapes() -> None:
    """Of a box of 8 x 8, the octagon lacks four triangles with legs of 3; the ellipse has pi r^2.
    A negative signed area is counter-clockwise on screen."""
    for shape, area in (("octagon", 64 - 4 * 4.5), ("ellipse", math.pi * 16)):
        contour = box_contours(SIZES[:1], 1024, shape)[0]  # type: ignore[arg-type]
        assert signed_area(np.asarray(contour)) == pytest.approx(-area, rel=2e-3)


def test_gradients_reach_the_sizes_and_nothing_gives_nothing() -> None:
    sizes = torch.tensor([[5.0, 3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: box_contours(s, 12, "octagon"), (sizes,))
    assert box_contours(SIZES[:0], 12, "ellipse").shape == (0, 12, 2)

"""Multi-direction alignment: labels whose vertices mean the same place on every object.

Section 3.2 of the E2EC paper. A few vertices of the label are fixed at the points of the contour
that lie in given directions from the centre of the bounding box; the others are spread at equal arc
length between their two fixed neighbours. Vertex k then always lies roughly on the same side of
the object, which makes the target of the initial contour nearly unambiguous.

Choices that the paper leaves open:

- The point "most nearly" in a direction is the point of the contour, not only of its vertices,
  that makes the smallest angle with the direction. Where the ray from the centre crosses the
  contour the angle is zero, and of several crossings the farthest is taken: it lies on the
  outside of the object, where the order of the directions along the contour is least disturbed.
  A ray that crosses nothing (the centre can lie outside a bent object) takes the vertex of
  smallest angle.
- On a winding contour the fixed points can come in another order than the directions. The largest
  set of directions that stands in order is kept, always with the first one; the stretch that a
  dropped direction would have ended is joined with its neighbour and the two share their points.
  So the contour is walked exactly once and always has the full number of vertices.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.ops.labels import reference
from lib.ops.polygons.pack import Polygons, pack_polygons

torch.library.define(
    "e2ec::align_contours",
    "(Tensor points, Tensor offsets, Tensor rays, int vertices) -> Tensor",
)
torch.library.impl("e2ec::align_contours", "default", reference.align_contours)


def align_contours(parts: Polygons, vertices: int, directions: int) -> np.ndarray:
    """The labels of closed contours; see `lib.ops.labels.reference.align_contour`.

    Args:
        parts: `Ragged` or a list of n closed polygons, each (k, 2), x then y.
        vertices: number N of vertices of a label.
        directions: number M of directions, 0 to N.

    Returns:
        (n, vertices, 2) float64.

    Raises:
        ValueError: a part has fewer than three distinct points or is not finite, N < 3, or M > N.
    """
    if vertices < 3 or not 0 <= directions <= vertices:
        raise ValueError(f"cannot place {directions} directions on {vertices} vertices")
    packed, _ = pack_polygons(parts)
    points, offsets = torch.from_numpy(packed.points), torch.from_numpy(packed.offsets)
    rays = torch.from_numpy(reference.direction_rays(max(directions, 1)))
    return torch.ops.e2ec.align_contours(points, offsets, rays, vertices).numpy()


@torch.library.register_fake("e2ec::align_contours")
def _fake(points: Tensor, offsets: Tensor, rays: Tensor, vertices: int) -> Tensor:
    return points.new_empty((offsets.shape[0] - 1, vertices, 2))

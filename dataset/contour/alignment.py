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

`align_contour` is the plain version, for one contour; `align_contours` gives the same for all
contours of an image at once.
"""

from __future__ import annotations

from lib.ops import align_contours
from lib.ops.labels.reference import align_contour

__all__ = ["align_contour", "align_contours"]

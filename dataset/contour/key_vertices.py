"""Key vertices of label contours: the ones that carry their shape.

The dynamic matching loss (section 3.4 of the E2EC paper) pulls predicted vertices to the key
vertices, which are the ones that the Douglas-Peucker simplification of the label keeps.
"""

from __future__ import annotations

import numpy as np

from lib import ops


def key_vertices(contours: np.ndarray, tolerance: float) -> np.ndarray:
    """Which vertices of closed label contours are key vertices.

    The algorithm is that of `lib.polygons.geometry.simplify_closed`, for all contours at once.

    Args:
        contours: (..., N, 2) labels, x then y.
        tolerance: largest distance that a dropped vertex may have from the simplified contour, in
            the contour's unit (the published value is 3 cells of the stride-4 map, 12 pixels).

    Returns:
        (..., N) bool; vertex 0 is always a key vertex.
    """
    return ops.key_vertices(contours, tolerance)

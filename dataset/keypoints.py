"""Key vertices of a label contour: the ones that carry its shape.

The dynamic matching loss (section 3.4 of the E2EC paper) pulls predicted vertices to the key
vertices, which are the ones that the Douglas-Peucker simplification of the label keeps.
"""

from __future__ import annotations

import numpy as np

from lib.geometry import simplify_closed


def key_vertices(contour: np.ndarray, tolerance: float) -> np.ndarray:
    """Which vertices of a closed label contour are key vertices.

    Args:
        contour: (N, 2) label, x then y.
        tolerance: largest distance that a dropped vertex may have from the simplified contour, in
            the contour's unit (the published value is 3 cells of the stride-4 map, 12 pixels).

    Returns:
        (N,) bool; vertex 0 is always a key vertex.
    """
    return simplify_closed(np.asarray(contour, dtype=np.float64), tolerance)

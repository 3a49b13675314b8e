"""Key vertices of label contours: the ones that carry their shape.

The dynamic matching loss (section 3.4 of the E2EC paper) pulls predicted vertices to the key
vertices, which are the ones that the Douglas-Peucker simplification of the label keeps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.ops.labels import reference

torch.library.define("e2ec::key_vertices", "(Tensor contours, float tolerance) -> Tensor")
torch.library.impl("e2ec::key_vertices", "default", reference.key_vertices)


def key_vertices(contours: np.ndarray, tolerance: float) -> np.ndarray:
    """Which vertices of closed contours the Douglas-Peucker algorithm keeps.

    Args:
        contours: (..., N, 2), x then y.
        tolerance: largest distance that a dropped vertex may have from the simplified contour, in
            the unit of the contours.

    Returns:
        (..., N) bool, that of `lib.polygons.geometry.simplify_closed` for every contour: vertex 0
        is always kept.
    """
    points = np.ascontiguousarray(contours, np.float64).reshape(-1, *contours.shape[-2:])
    kept = torch.ops.e2ec.key_vertices(torch.from_numpy(points), float(tolerance))
    return kept.numpy().reshape(contours.shape[:-1])


@torch.library.register_fake("e2ec::key_vertices")
def _fake(contours: Tensor, tolerance: float) -> Tensor:
    return contours.new_empty(contours.shape[:2], dtype=torch.bool)

"""Where an image of a batch came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.polygons.geometry import transform_points


@dataclass(frozen=True, eq=False)
class ShownImage:
    """Where an image of a batch came from.

    Attributes:
        size: (height, width) of the original in pixels.
        matrix: the (2, 3) map from it to the network's input.
        source: its name in the result.
    """

    size: tuple[int, int]
    matrix: np.ndarray
    source: str | None

    @property
    def extent(self) -> np.ndarray:
        """(4,) x0, y0, x1, y1: where the input shows the image, in pixels of the input."""
        height, width = self.size
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        shown = transform_points(corners, self.matrix)
        return np.concatenate([shown.min(axis=0), shown.max(axis=0)])

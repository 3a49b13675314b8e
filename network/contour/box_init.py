"""Initial contours from boxes: the manually designed ones that the paper replaces (sec. 3.1).

The branch of the detector that E2EC widens to 2N outputs has two of them, the width and the height
of a box around the centre. An octagon or an ellipse is drawn into the box. The octagon of methods
that detect extreme points has its corners beside these points; here there is a box only, and the
middles of its sides take their place.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from lib.polygons.box_shapes import BoxShape, box_contours
from network.layers.heads import DenseHead

SIZE_SCALE = 10.0
"""The head predicts sizes in tens of feature cells."""
SMALLEST = 1e-3
"""Of a side, feature cells: a softplus ends at 0, and arc lengths are divided by."""


class BoxHead(DenseHead):
    """A dense head for width and height, and the contours that they stand for."""

    def __init__(self, channels_in: int, hidden: int, *, vertices: int, shape: BoxShape) -> None:
        """`vertices` must be a multiple of 4, so that contours touch all sides of their boxes."""
        if vertices % 4:
            raise ValueError(f"a box's contour needs a multiple of 4 vertices, not {vertices}")
        super().__init__(channels_in, hidden, 2)
        self.vertices = vertices
        self.shape: BoxShape = shape

    def contours(self, values: Tensor, centers: Tensor) -> Tensor:
        """Contours from the values of the head at the centres.

        Args:
            values: (n, 2), of width and height; a softplus keeps sizes positive.
            centers: (n, 2) int64, x then y, feature cells: the middles of the boxes.

        Returns:
            (n, N, 2), x then y, feature cells, not clipped.
        """
        sizes = (SIZE_SCALE * F.softplus(values)).clamp(min=SMALLEST)
        around_origin = box_contours(sizes, self.vertices, self.shape)
        return centers[:, None].to(values.dtype) + around_origin

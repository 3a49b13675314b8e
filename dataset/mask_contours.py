"""Masks to polygons, with the outline exactly on the pixel edges.

Tracing pixel centres, or tracing a label image at level 0.5 of "mask times id", moves the outline
by half a pixel and more; following the edges between pixels does not: rasterising the result gives
the mask back.
"""

from __future__ import annotations

import cv2
import numpy as np

# Directions of travel on the grid of pixel corners, x then y: right, down, left, up.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def mask_to_contours(mask: np.ndarray) -> list[np.ndarray]:
    """Outer outline of every 8-connected component of a mask; holes are filled.

    Args:
        mask: (H, W) bool, or numbers where non-zero means inside.

    Returns:
        One (n, 2) float64 closed polygon a component, x then y, pixels, clockwise on screen, with
        vertices on pixel corners (the top-left pixel alone is (0, 0), (1, 0), (1, 1), (0, 1)), in
        reading order of the components' first pixels.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask has two dimensions, not shape {mask.shape}")
    if not mask.any():
        return []
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask != 0).view(np.uint8), connectivity=8
    )
    contours = []
    for label in range(1, count):
        left, top, width, height = (int(value) for value in boxes[label, :4])
        component = labels[top : top + height, left : left + width] == label
        contours.append(_outline(component) + np.array([left, top]))
    return contours


def _outline(component: np.ndarray) -> np.ndarray:
    """Outer outline of the single component in a tight (h, w) bool window, corners only."""
    height, width = component.shape
    padded = np.zeros((height + 2, width + 2), dtype=bool)
    padded[1:-1, 1:-1] = component
    inside = padded.tolist()
    x, y = int(np.argmax(component[0])), 0
    start, heading = (x, y), 0
    corners: list[tuple[int, int]] = [start]
    while True:
        dx, dy = _STEPS[heading]
        x, y = x + dx, y + dy
        if (x, y) == start and heading == 3:
            break
        # With the inside on the right: turn left where the pixel ahead on the left belongs to the
        # component (also across a corner, which makes it 8-connected), right where none does.
        left, right = _ahead(inside, x, y, heading)
        turn = 3 if left else (0 if right else 1)
        if turn:
            corners.append((x, y))
            heading = (heading + turn) % 4
    return np.array(corners, dtype=np.float64)


def _ahead(inside: list[list[bool]], x: int, y: int, heading: int) -> tuple[bool, bool]:
    """Whether the pixels ahead on the left and on the right of a corner are inside.

    `inside` carries a border of one pixel, so the pixel right of and below corner (x, y) is
    `inside[y + 1][x + 1]`.
    """
    above, below = inside[y], inside[y + 1]
    if heading == 0:
        return above[x + 1], below[x + 1]
    if heading == 1:
        return below[x + 1], below[x]
    if heading == 2:
        return below[x], above[x]
    return above[x], above[x + 1]

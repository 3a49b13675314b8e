"""Marks in pictures of labels: what was pasted in, and where nothing is learned."""

from __future__ import annotations

import cv2
import numpy as np

from dataset.contour.ignored import IgnoredCells

_WHITE = (255, 255, 255)
_STRIPE = 8
"""From one stripe to the next, pixels of the sheet."""


def frame_pasted(canvas: np.ndarray, outline: np.ndarray, shift: int) -> None:
    """A white band under the outline of a pasted object, in place.

    Args:
        canvas: (H, W, 3) uint8.
        outline: (n, 1, 2) int32, in OpenCV's positions with `shift` binary digits.
        shift: that number.
    """
    cv2.polylines(canvas, [outline], True, _WHITE, 5, cv2.LINE_AA, shift)


def shade_ignored(canvas: np.ndarray, ignored: IgnoredCells | None) -> None:
    """White stripes where cells of any class are ignored, in place, whatever the canvas's size."""
    if ignored is None or not len(ignored.cells):
        return
    cells = ignored.cells.any(dim=0).numpy().astype(np.uint8)
    height, width = canvas.shape[:2]
    shown = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
    y, x = np.indices(shown.shape)
    stripes = shown & ((x + y) % _STRIPE < 2)
    canvas[stripes] = _WHITE

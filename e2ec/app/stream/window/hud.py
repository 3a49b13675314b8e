"""Lines of text over a picture: rates in a corner, and the list of keys."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from e2ec.results.draw.labels import text_scale

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHADE = 0.35
"""How much of the picture is left behind the text."""


def draw_lines(picture: np.ndarray, lines: Sequence[str]) -> None:
    """Write lines of ASCII into the top left corner of `picture`, (H, W, 3) uint8, in place.

    The text stands on a darkened field and grows with the picture; what does not fit is cut off.
    """
    if not lines:
        return
    scale = text_scale(*picture.shape[:2])
    thickness = max(1, round(scale))
    sizes = [cv2.getTextSize(line, _FONT, scale, thickness) for line in lines]
    step = max(height + below for (_, height), below in sizes) + 4
    width = max(width for (width, _), _ in sizes) + 12
    field = picture[: step * len(lines) + 8, :width]
    field[:] = (field * _SHADE).astype(np.uint8)
    for row, line in enumerate(lines, start=1):
        place = (6, row * step)
        cv2.putText(picture, line, place, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)

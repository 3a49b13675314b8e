"""Writing class and score beside the contours of a picture, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from e2ec.results.instances import Instances
from e2ec.results.one_line import one_line

_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Below this nobody can read the letters.
_SMALLEST_SCALE = 0.35
# Shares that a label may take: of the picture's sides, of its object's box, and of any other's.
_OF_WIDTH = 0.5
_OF_HEIGHT = 0.25
_OF_OBJECT = 0.3
_OF_OTHERS = 0.05


def draw_labels(
    canvas: np.ndarray, contours: Instances, colors: Sequence[tuple[int, int, int]]
) -> None:
    """Write class and score at the instances into `canvas`, (H, W, 3) uint8, in place.

    Those of highest score come first. A label lies inside the picture, above its object, else below
    or, on a large one, inside of it. It covers no other label and next to nothing of other objects.
    Where class and score find no place the class alone may; else there is no label.
    """
    height, width = canvas.shape[:2]
    scale = text_scale(height, width)
    taken = np.zeros((height, width), bool)
    boxes = np.clip(contours.boxes(), 0, [width, height, width, height])
    for i in np.argsort(-contours.scores, kind="stable"):
        name = one_line(contours.class_names[contours.labels[i]], 30)
        if contours.track_ids is not None and contours.track_ids[i] >= 0:
            name = f"#{contours.track_ids[i]} {name}"
        for text in (f"{name} {contours.scores[i]:.2f}", name):
            size = _box_size(text, scale)
            place = _place(size, int(i), boxes, taken)
            if place is not None:
                x, y = place
                taken[y : y + size[1], x : x + size[0]] = True
                _write(canvas, text, place, size, colors[i], scale)
                break


def text_scale(height: int, width: int) -> float:
    """Scale of OpenCV's font for an image: letters of about a hundredth of the longer side."""
    return max(min(max(height, width) / 1600, min(height, width) / 400), _SMALLEST_SCALE)


def _place(
    size: tuple[int, int], index: int, boxes: np.ndarray, taken: np.ndarray
) -> tuple[int, int] | None:
    """Top-left corner (x, y) of a label of `size` (width, height); None where it has no place.

    The best is above its object, then below, then inside at the top.

    Args:
        index: its object.
        boxes: (n, 4) x0, y0, x1, y1 of all objects, inside the image.
        taken: (H, W) bool, pixels of labels that stand already.
    """
    height, width = taken.shape
    if size[0] > _OF_WIDTH * width or size[1] > _OF_HEIGHT * height:
        return None
    allowed = _OF_OTHERS * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    allowed[index] *= _OF_OBJECT / _OF_OTHERS
    x = int(min(boxes[index, 0], width - size[0]))
    above, below = int(np.floor(boxes[index, 1])) - size[1], int(np.ceil(boxes[index, 3]))
    for y in (above, below, int(boxes[index, 1])):
        right, bottom = x + size[0], y + size[1]
        if y < 0 or bottom > height or taken[y:bottom, x:right].any():
            continue
        common = np.minimum(boxes[:, 2:], [right, bottom]) - np.maximum(boxes[:, :2], [x, y])
        if (np.clip(common, 0, None).prod(axis=1) <= allowed).all():
            return x, y
    return None


def _box_size(text: str, scale: float) -> tuple[int, int]:
    (width, height), below = cv2.getTextSize(text, _FONT, scale, _thickness(scale))
    return width + 4, height + below + 2


def _thickness(scale: float) -> int:
    return max(1, round(scale))


def _write(
    canvas: np.ndarray,
    text: str,
    place: tuple[int, int],
    size: tuple[int, int],
    color: tuple[int, int, int],
    scale: float,
) -> None:
    """`text` on a box of `color`, in black or white, whichever can be read."""
    (x, y), (width, height) = place, size
    cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), color, cv2.FILLED)
    brightness = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    ink = (0, 0, 0) if brightness > 128 else (255, 255, 255)
    thickness = _thickness(scale)
    below = cv2.getTextSize(text, _FONT, scale, thickness)[1]
    position = (x + 2, y + height - below - 1)
    cv2.putText(canvas, text, position, _FONT, scale, ink, thickness, cv2.LINE_AA)

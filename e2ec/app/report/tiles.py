"""Small pictures of single objects: a piece of the image with outlines over it, inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from dataset.masks.tracing import mask_to_rings
from e2ec.app.report.html import Markup, tag

LABEL, FOUND = (40, 220, 150), (255, 130, 30)  # RGB; both are seen on light and on dark images
_SIDE = 208  # pixels of a tile, shown at about half of it: phones have finer screens
_LEAST = 24  # pixels of the image in a tile
_ROOM = 1.6  # how much larger than what it shows
_SHIFT = 4
_QUALITY = 82


def window(entries: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> tuple[int, int, int]:
    """A square with room around the boxes of entries: x, y of its top left corner, and its side.

    Args:
        entries: with bbox, (x, y, width, height) in pixels.
        size: (height, width) of the image; the square may reach beyond it.
    """
    boxes = np.array([entry["bbox"] for entry in entries], np.float64)
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    limit = 2 * max(size)
    side = int(np.clip(np.ceil(_ROOM * (high - low).max()), _LEAST, limit))
    x, y = np.floor((low + high - side) / 2)
    return int(np.clip(x, -limit, limit)), int(np.clip(y, -limit, limit)), side


def draw_tile(
    image: np.ndarray,
    place: tuple[int, int, int],
    outlines: Sequence[tuple[Mapping[str, Any], tuple[int, int, int]]],
) -> np.ndarray:
    """A piece of an image at a tile's size with the outlines of entries.

    Args:
        image: (H, W, 3) uint8 RGB.
        place: from `window`.
        outlines: entries with segmentation (compressed run lengths) or bbox, and RGB colours.

    Returns:
        (`_SIDE`, `_SIDE`, 3) uint8 RGB; grey where the image ends.
    """
    x, y, side = place
    canvas = np.full((side, side, 3), 128, np.uint8)
    top, left = max(0, y), max(0, x)
    piece = image[top : max(top, y + side), left : max(left, x + side)]
    canvas[top - y : top - y + piece.shape[0], left - x : left - x + piece.shape[1]] = piece
    small = side > _SIDE
    way = cv2.INTER_AREA if small else cv2.INTER_CUBIC
    tile = cv2.resize(canvas, (_SIDE, _SIDE), interpolation=way)
    for entry, color in outlines:
        # Coordinates are those of pixel edges; OpenCV's are those of pixel centres.
        rings = [(ring - (x, y)) * (_SIDE / side) - 0.5 for ring in _rings(entry)]
        points = [np.round(ring * 2**_SHIFT).astype(np.int32) for ring in rings]
        cv2.polylines(tile, points, True, color, 2, cv2.LINE_AA, _SHIFT)
    return tile


def _rings(entry: Mapping[str, Any]) -> list[np.ndarray]:
    """Outlines with holes (n, 2), x then y, pixels; of what has no mask its box."""
    if "segmentation" not in entry:
        x, y, width, height = entry["bbox"]
        return [np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])]
    rings = mask_to_rings(coco_mask.decode(entry["segmentation"]))
    return [ring for outer, holes in rings for ring in (outer, *holes)]


def picture(image: np.ndarray, alt: str, *, class_: str | None = None) -> Markup:
    """An image (H, W, 3) uint8 RGB as an element that holds it."""
    _, data = cv2.imencode(
        ".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
    )
    source = f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
    height, width = image.shape[:2]
    return tag("img", src=source, alt=alt, width=width, height=height, class_=class_)


def tile(image: np.ndarray, *caption: object, alt: str) -> Markup:
    """A tile and what stands below it."""
    return tag("div", picture(image, alt), *caption, class_="tile")

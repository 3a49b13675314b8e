"""Resampling images of any size: OpenCV's own function counts in 16 and 32 bits.

`cv2.warpAffine` reads beyond the image, and ends the process, where the bytes of the source do not
fit into 31 bits; sides are meant to fit into 15. A result whose source is larger is put together
from tiles, each of which sees a smaller part of it: the same pixels, from the same samples.
"""

from __future__ import annotations

import cv2
import numpy as np

MAX_BYTES = (1 << 31) - 1
"""Bytes from the first to the last pixel of a source, at most."""
MAX_SIDE = (1 << 15) - 2
"""Pixels of a side of the source and of the result, at most."""
# Bilinear samples need a pixel beyond; another one for OpenCV's rounding.
_MARGIN = 2


def warp_image(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], *, exact: bool = True
) -> np.ndarray:
    """Resample an image of any size under an affine map, bilinear, black outside.

    The one place where the project's pixel convention (centre of the top-left pixel at (0.5, 0.5))
    meets OpenCV's (at (0, 0)).

    Args:
        image: (H, W, C) uint8.
        matrix: (2, 3) from image coordinates to coordinates of the result.
        size: height, width of the result.
        exact: False takes the map for one between OpenCV's coordinates, as the published code did:
            what it shows lies 0.5 (zoom - 1) pixels up and left of where the map puts it.
    """
    shifted = np.array(matrix, dtype=np.float64)
    if exact:
        shifted[:, 2] += 0.5 * (shifted[:, 0] + shifted[:, 1]) - 0.5
    if _fits(image) and max(size) <= MAX_SIDE:
        return cv2.warpAffine(image, shifted, size[::-1], flags=cv2.INTER_LINEAR)
    result = np.zeros((*size, image.shape[2]), image.dtype)
    _fill(result, image, shifted, 0, 0)
    return result


def _fits(image: np.ndarray) -> bool:
    """Whether OpenCV can address the pixels; rows of a part lie as far apart as in the whole."""
    return image.shape[0] * image.strides[0] <= MAX_BYTES and max(image.shape[:2]) <= MAX_SIDE


def _fill(tile: np.ndarray, image: np.ndarray, matrix: np.ndarray, x: int, y: int) -> None:
    """Fill a tile of the result in place; (x, y) is its first pixel in the result.

    The map is one between OpenCV's coordinates.
    """
    height, width = tile.shape[:2]
    left, top, right, bottom = _seen(image, matrix, x, y, width, height)
    if left >= right or top >= bottom:
        return  # it sees nothing of the image
    source = image[top:bottom, left:right]
    if _fits(source) and max(height, width) <= MAX_SIDE:
        own = np.array(matrix)
        own[:, 2] += matrix[:, :2] @ (left, top) - (x, y)
        tile[:] = cv2.warpAffine(source, own, (width, height), flags=cv2.INTER_LINEAR)
    elif height >= width and height > 1:
        half = height // 2
        _fill(tile[:half], image, matrix, x, y)
        _fill(tile[half:], image, matrix, x, y + half)
    elif width > 1:
        half = width // 2
        _fill(tile[:, :half], image, matrix, x, y)
        _fill(tile[:, half:], image, matrix, x + half, y)
    else:
        raise MemoryError(f"a row of {image.strides[0]} bytes is too long for OpenCV")


def _seen(
    image: np.ndarray, matrix: np.ndarray, x: int, y: int, width: int, height: int
) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the part of the image that a tile of the result sees."""
    corners = np.array([[x, y], [x + width - 1, y], [x, y + height - 1]], np.float64)
    corners = np.vstack([corners, corners[1] + corners[2] - corners[0]])
    points = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T)
    sides = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(points.min(axis=1)) - _MARGIN, 0, sides).astype(np.int64)
    high = np.clip(np.ceil(points.max(axis=1)) + _MARGIN + 1, 0, sides).astype(np.int64)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])

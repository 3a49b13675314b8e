"""The mask of a labelled object in a crop, exact where its source is."""

from __future__ import annotations

import numpy as np

from dataset.loading.sample import Instance
from dataset.masks.rasterize import polygons_to_mask
from dataset.masks.run_lengths import decode_mask, runs_box
from lib.polygons.geometry import transform_points


def object_mask(
    instance: Instance, image_size: tuple[int, ...], matrix: np.ndarray, *, out: np.ndarray
) -> None:
    """Draw all parts of an object, holes left out.

    Of an exact mask a pixel of the crop has what the pixel of the image has in which its centre
    lies. Polygons are rasterised in the crop, as COCO's tools do it.

    Args:
        instance: object of the original image.
        image_size: height, width of the original, pixels.
        matrix: (2, 3) map from there to the crop: zoom, flips, quarter turns, shift.
        out: (h, w) uint8 zeros, the crop; becomes 1 inside of the object.
    """
    if instance.runs is None:
        parts = [transform_points(part, matrix) for part in instance.parts]
        corners = np.concatenate(parts)
    else:
        x0, y0, x1, y1 = runs_box(instance.runs, image_size[0])
        corners = transform_points(np.array([[x0, y0], [x1, y1]], np.float64), matrix)
    # Rasterising and sampling see the object's window of the crop alone, with a pixel to spare.
    limits = out.shape[::-1]
    left, top = np.clip(np.floor(corners.min(axis=0)) - 1, 0, limits).astype(np.int64).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, limits).astype(np.int64).tolist()
    if left >= right or top >= bottom:
        return
    if instance.runs is None:
        moved = [part - (left, top) for part in parts]
        window = polygons_to_mask(moved, bottom - top, right - left)
    else:
        mask = decode_mask(instance.runs, *image_size)
        window = _sampled(mask, matrix, left, top, right, bottom)
    out[top:bottom, left:right] = window


def _sampled(
    mask: np.ndarray, matrix: np.ndarray, left: int, top: int, right: int, bottom: int
) -> np.ndarray:
    """A window of the crop, bool: what an (H, W) mask has at the centres of its pixels."""
    turned = matrix[0, 0] == 0  # by a quarter: rows of the crop are columns of the image
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    if turned:
        columns = (y - matrix[1, 2]) / matrix[1, 0]
        rows = (x - matrix[0, 2]) / matrix[0, 1]
    else:
        columns = (x - matrix[0, 2]) / matrix[0, 0]
        rows = (y - matrix[1, 2]) / matrix[1, 1]
    columns, seen_columns = _pixels(columns, mask.shape[1])
    rows, seen_rows = _pixels(rows, mask.shape[0])
    found = mask[np.ix_(rows, columns)] & seen_rows[:, None] & seen_columns
    return found.T if turned else found


def _pixels(places: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a side in which places lie, and which of them lie in any."""
    pixels = np.floor(places).astype(np.int64)
    return pixels.clip(0, side - 1), (pixels >= 0) & (pixels < side)

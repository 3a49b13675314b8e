"""Exact masks as another view of the image shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset.masks.run_lengths import decode_mask


def warp_masks(
    runs: Sequence[np.ndarray], size: tuple[int, int], matrix: np.ndarray, result: tuple[int, int]
) -> np.ndarray:
    """Masks resampled without interpolation: a pixel of the result is that under its centre.

    Computed in floating point: OpenCV's own nearest neighbour rounds positions first.

    Args:
        runs: run lengths of every mask over the original image (`Instance.runs`).
        size: height, width of the original image.
        matrix: (2, 3) map from there to the result; pixels, centre of the top-left one (0.5, 0.5).
        result: height, width of the result.

    Returns:
        (n, height, width) bool; what lies outside the original image is background.
    """
    inverse = np.linalg.inv(matrix[:, :2])
    x, y = np.arange(result[1]) + 0.5 - matrix[0, 2], np.arange(result[0]) + 0.5 - matrix[1, 2]
    columns = np.floor(inverse[0, 0] * x + inverse[0, 1] * y[:, None]).astype(np.int64)
    rows = np.floor(inverse[1, 0] * x + inverse[1, 1] * y[:, None]).astype(np.int64)
    inside = (columns >= 0) & (columns < size[1]) & (rows >= 0) & (rows < size[0])
    masks = np.zeros((len(runs), *result), bool)
    for mask, lengths in zip(masks, runs, strict=True):
        mask[inside] = decode_mask(lengths, *size)[rows[inside], columns[inside]]
    return masks

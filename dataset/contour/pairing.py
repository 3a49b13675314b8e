"""Pairing label points with the vertices of a box's contour: how contours were taught before.

The baseline of the paper's Table 1a starts from a shape in the object's box and samples labels
uniformly; which label point a vertex is to reach is decided by distance, not by direction
(multi-direction alignment, sec. 3.2, takes the place of this).
"""

from __future__ import annotations

import numpy as np
import torch

from lib.ops import align_contours
from lib.polygons.box_shapes import box_contours
from lib.polygons.ragged import Ragged


def nearest_contours(parts: Ragged, vertices: int) -> np.ndarray:
    """Labels of equal arc length whose first vertex is chosen by distance.

    Of the N cyclic shifts the one with the least sum of squared distances to the octagon in the
    part's bounding box is taken, vertex by vertex.

    Args:
        parts: n closed polygons, x then y.
        vertices: number N of vertices of a label.

    Returns:
        (n, N, 2) float64, counter-clockwise as seen on screen.

    Raises:
        ValueError: as of `align_contours`.
    """
    labels = align_contours(parts, vertices, 1)
    if not len(labels):
        return labels
    boxes = parts.bounding_boxes()
    low, high = boxes[:, :2], boxes[:, 2:]
    shapes = box_contours(torch.from_numpy(high - low), vertices, "octagon").numpy()
    return nearest_shift(labels, shapes + ((low + high) / 2)[:, None])


def nearest_shift(labels: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Labels (n, N, 2), each turned by the shift that brings it nearest to its shape (n, N, 2).

    The squares of both are the same for every shift: the least distance is the highest circular
    correlation, which Fourier transforms give for all shifts at once.
    """
    middle = shapes.mean(axis=1, keepdims=True)
    spectra = [np.fft.rfft(points - middle, axis=1) for points in (labels, shapes)]
    count = labels.shape[1]
    products = np.fft.irfft(spectra[0] * spectra[1].conj(), n=count, axis=1).sum(axis=2)
    turned = (products.argmax(axis=1)[:, None] + np.arange(count)) % count
    return np.take_along_axis(labels, turned[..., None], axis=1)

"""Accuracy in a narrow band around the boundaries of labels: a trimap (SEANet, sec. 4.4, table 5).

After Kohli et al. (2008). The numbers of the paper's table 5 (7 to 57 %) are not of this kind:
next to a boundary half of the pixels are background, which an empty mask gets right. The paper
does not say what it counts, so compare ours with each other alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

WIDTHS = (1, 3, 8)
"""Table 5, pixels."""


def boundary_band(mask: np.ndarray, width: float) -> np.ndarray:
    """The pixels within `width` of the boundary of a mask, on both sides.

    The boundary runs half a pixel off the nearest pixel of the other kind, distances are Euclidean,
    from the centres of pixels: a straight boundary has a band of 2 width pixels. The border of the
    image is no boundary.

    Args:
        mask: (H, W), set where it is not 0.
        width: pixels.

    Returns:
        (H, W) bool; empty for a mask of one kind alone.
    """
    inside = mask.astype(bool)
    if inside.all() or not inside.any():
        return np.zeros(inside.shape, bool)
    to_inside, to_outside = (
        cv2.distanceTransform(kind.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for kind in (~inside, inside)
    )
    return np.maximum(to_inside, to_outside) - 0.5 < width


def trimap_counts(predicted: np.ndarray, truth: np.ndarray, width: float) -> tuple[int, int]:
    """How many pixels of the band around the true mask are right, and how many there are.

    Args:
        predicted: (H, W), set where it is not 0; all 0 for an object that was not found.
        truth: (H, W), likewise.
        width: of the band, pixels.

    Raises:
        ValueError: the masks have different shapes.
    """
    if predicted.shape != truth.shape or truth.ndim != 2:
        raise ValueError(f"masks must both be (H, W): {predicted.shape}, {truth.shape}")
    band = boundary_band(truth, width)
    right = predicted.astype(bool)[band] == truth.astype(bool)[band]
    return int(right.sum()), int(band.sum())


def trimap_accuracy(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], widths: Iterable[float] = WIDTHS
) -> dict[float, float]:
    """Share of right pixels in the bands of all objects together, by width of the band.

    Args:
        pairs: a predicted and a true mask (H, W) an object, as `trimap_counts` takes them; images
            may differ in size.
        widths: pixels.

    Returns:
        width -> accuracy in [0, 1]; nan where no object has a boundary.
    """
    widths = list(widths)
    counts = np.zeros((len(widths), 2), np.int64)
    for predicted, truth in pairs:
        counts += [trimap_counts(predicted, truth, width) for width in widths]
    return {
        width: int(right) / int(total) if total else float("nan")
        for width, (right, total) in zip(widths, counts, strict=True)
    }

"""Boundaries of masks and their IoU: Cheng et al., "Boundary IoU" (CVPR 2021).

The boundary of a mask is what lies in it within a distance of its contour: the mask without its
erosion, pixel by pixel, by a square of 3 x 3. Outside the image counts as outside the object, so
that the border of the image is part of the contour of an object that it cuts.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

BOUNDARY_RATIO = 0.02


def boundary_width(height: int, width: int, ratio: float = BOUNDARY_RATIO) -> int:
    """Width in pixels of the boundaries in an image: max(1, round(ratio * image diagonal)).

    A half is rounded to the even number, as in the authors' code: 12 for 500 x 375 pixels.
    """
    return max(1, round(ratio * math.hypot(height, width)))


def mask_boundary(mask: np.ndarray, width: int) -> np.ndarray:
    """The boundary of a mask.

    Args:
        mask: (H, W) bool.
        width: of the boundary in pixels, at least 1.

    Returns:
        (H, W) bool, a part of the mask.

    Raises:
        ValueError: the mask is not two-dimensional, or the width below 1.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask must be (H, W), not {mask.shape}")
    if width < 1:
        raise ValueError(f"a boundary is at least 1 pixel wide, not {width}")
    padded = np.pad(mask.astype(np.uint8), 1)
    inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return mask.astype(bool) & (inside == 0)


def boundary_iou(mask_a: np.ndarray, mask_b: np.ndarray, *, ratio: float = BOUNDARY_RATIO) -> float:
    """IoU of the boundaries of two masks of one image, 0 to 1.

    Boundary AP takes min(mask IoU, boundary IoU); this is the boundary IoU alone.

    Args:
        mask_a, mask_b: (H, W) bool, of the whole image: its diagonal sets the boundary's width.
        ratio: width of the boundaries as a share of the image diagonal, at least 1 pixel.

    Returns:
        |A and B| / |A or B| of the two boundaries; 0 if both masks are empty.

    Raises:
        ValueError: the masks are not two-dimensional, or not of one size.
    """
    if mask_a.shape != mask_b.shape:
        raise ValueError(f"masks of one image, not of {mask_a.shape} and {mask_b.shape}")
    if mask_a.ndim != 2:
        raise ValueError(f"a mask must be (H, W), not {mask_a.shape}")
    width = boundary_width(mask_a.shape[0], mask_a.shape[1], ratio)
    boundary_a, boundary_b = mask_boundary(mask_a, width), mask_boundary(mask_b, width)
    union = np.count_nonzero(boundary_a | boundary_b)
    return np.count_nonzero(boundary_a & boundary_b) / union if union else 0.0


def run_length_boundary(mask: dict[str, Any], ratio: float = BOUNDARY_RATIO) -> dict[str, Any]:
    """The boundary of a mask in compressed run lengths, {"size": [height, width], "counts"}."""
    height, width = mask["size"]
    left, top, box_width, box_height = (int(v) for v in coco_mask.toBbox(mask))
    # Outside the box there is nothing to erode, and objects are small: only the box is looked at.
    box = np.s_[top : top + box_height, left : left + box_width]
    boundary = coco_mask.decode(mask)
    boundary[box] = mask_boundary(boundary[box], boundary_width(height, width, ratio))
    return coco_mask.encode(boundary)

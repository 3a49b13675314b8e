"""Boundaries of masks: Cheng et al., "Boundary IoU" (CVPR 2021).

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


def boundary_width(height: int, width: int) -> int:
    """Width in pixels of the boundaries in an image: max(1, round(0.02 * image diagonal)).

    A half is rounded to the even number, as in the authors' code: 12 for 500 x 375 pixels.
    """
    return max(1, round(0.02 * math.hypot(height, width)))


def mask_boundary(mask: np.ndarray, width: int) -> np.ndarray:
    """The boundary (H, W) bool of a mask (H, W), `width` pixels wide, at least 1."""
    padded = np.pad(mask.astype(np.uint8), 1)
    inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return mask.astype(bool) & (inside == 0)


def run_length_boundary(mask: dict[str, Any]) -> dict[str, Any]:
    """The boundary of a mask in compressed run lengths, {"size": [height, width], "counts"}."""
    height, width = mask["size"]
    left, top, box_width, box_height = (int(v) for v in coco_mask.toBbox(mask))
    # Outside the box there is nothing to erode, and objects are small: only the box is looked at.
    box = np.s_[top : top + box_height, left : left + box_width]
    boundary = coco_mask.decode(mask)
    boundary[box] = mask_boundary(boundary[box], boundary_width(height, width))
    return coco_mask.encode(boundary)

"""Boundaries of masks, and the overlaps that boundary AP takes from them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from coco_scenes import as_coco_mask, random_scene
from faster_coco_eval.core import mask as fast_mask
from hypothesis import given
from hypothesis import strategies as st
from plain_pycocotools import LIBRARIES, computed_by

from e2ec.metrics.boundary import boundary_width, mask_boundary, run_length_boundary
from e2ec.metrics.coco import evaluate_coco


def blobs(height: int, width: int, seed: int) -> np.ndarray:
    """A (height, width) bool mask of random blobs, one of them in the corner of the image."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    mask = cv2.GaussianBlur(noise, (0, 0), 5) > 0
    mask[: height // 2, : width // 2] = True
    return mask


def boundary_iou(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (mask_boundary(mask, boundary_width(*mask.shape)) for mask in (one, other))
    return (first & second).sum() / (first | second).sum()


def test_boundary_iou_by_hand() -> None:
    """100 x 100 pixels have a diagonal of 141.4 and boundaries of round(2.83) = 3 pixels. Squares
    of 20 x 20 have a ring of 20^2 - 14^2 = 204. Shifted by 5 columns both squares share 15 x 20.
    Both rings hold there: the rows 0-2 and 17-19, 2 * 15 * 3 = 90 pixels; in the 14 rows between,
    columns 5-19: the first ring has 17-19, the second 5-7 (its left edge): none in common. So
    90 / (204 + 204 - 90) = 0.2830."""
    square = np.zeros((100, 100), bool)
    square[10:30, 10:30] = True
    assert boundary_width(100, 100) == 3
    assert mask_boundary(square, 3).sum() == 204
    assert boundary_iou(square, np.roll(square, 5, axis=1)) == 90 / 318


def test_the_border_of_the_image_is_a_boundary() -> None:
    """A mask that fills its image of 10 x 10 has a ring of 36 pixels, 1 wide."""
    full = np.ones((10, 10), bool)
    ring = mask_boundary(full, 1)
    assert ring.sum() == 36
    assert not ring[1:-1, 1:-1].any()


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(480, 640, 16), (375, 500, 12), (405, 540, 14), (1024, 2048, 46), (1, 1, 1), (10, 12, 1)],
)
def test_width_is_two_percent_of_the_diagonal(height: int, width: int, expected: int) -> None:
    """Diagonals 800, 625 (12.5: half to even), 675 (13.5), 2289.7; at least 1."""
    assert boundary_width(height, width) == expected


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_boundary_is_what_lies_near_the_outside(
    height: int, width: int, steps: int, seed: int
) -> None:
    """Against the definition: a pixel of the mask with one outside it within `steps`."""
    mask = np.random.default_rng(seed).random((height, width)) < 0.9
    padded = np.pad(mask, steps)
    size = 2 * steps + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    expected = mask & ~windows.all(axis=(2, 3))
    assert (mask_boundary(mask, steps) == expected).all()


@pytest.mark.parametrize("size", [(200, 240), (40, 60), (10, 12), (375, 500), (1040, 1388)])
def test_same_as_the_library(size: tuple[int, int]) -> None:
    """Boundaries as faster-coco-eval computes them, from masks and run lengths."""
    mask = blobs(*size, seed=0)
    code = fast_mask.encode(np.asfortranarray(mask, np.uint8))
    theirs = fast_mask.rleToBoundary(code)
    assert (fast_mask.decode(theirs) == mask_boundary(mask, boundary_width(*size))).all()
    assert run_length_boundary(code)["counts"] == theirs["counts"]


@pytest.mark.parametrize("size", [(405, 540), (20, 475), (475, 20), (3, 200), (45, 60)])
@pytest.mark.parametrize("library", LIBRARIES)
def test_boundary_ap_where_the_library_goes_wrong(size: tuple[int, int], library: Any) -> None:
    """Images as flat as two boundaries, and widths that end in a half: overlaps are those of
    `boundary_iou`: right just below it, wrong just above."""
    height, width = size
    first = np.zeros(size, bool)
    first[: max(1, height // 2), : width // 2] = True
    second = np.zeros(size, bool)
    second[: max(1, height // 2), 1 : width // 2 + 3] = True
    overlap = min(boundary_iou(first, second), (first & second).sum() / (first | second).sum())
    ground_truth = {
        "images": [{"id": 1, "height": height, "width": width}],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": as_coco_mask(first)}
        ],
    }
    result = {"image_id": 1, "category_id": 1, "score": 1, "segmentation": as_coco_mask(second)}
    for threshold, expected in ((overlap - 1e-9, 1.0), (overlap + 1e-9, 0.0)):
        with computed_by(library):
            metrics = evaluate_coco(
                ground_truth, [result], iou_types=["boundary"], iou_thresholds=[threshold]
            )
        assert metrics["boundary/AP"] == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_cannot_match_need_no_boundaries(seed: int) -> None:
    """A threshold near 0 makes the boundaries of nearly all pairs; the values of the others are the
    same with them and without. Thresholds are matched one by one."""
    scene, results = random_scene(seed, rle=True)
    few = evaluate_coco(scene, results, iou_types=["boundary"], iou_thresholds=[0.5, 0.75])
    all_ = evaluate_coco(scene, results, iou_types=["boundary"], iou_thresholds=[1e-9, 0.5, 0.75])
    assert few["boundary/AP50"] == all_["boundary/AP50"] and few["boundary/AP50"]
    assert few["boundary/AP75"] == all_["boundary/AP75"]

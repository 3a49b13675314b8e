"""COCO results of contours that leave their image, a little or beyond all bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from small_instances import of_polygons

from e2ec.metrics.coco import evaluate_coco
from e2ec.results.contours import Contours

HEIGHT, WIDTH = 40, 60
OUTSIDE = np.array([[-30.0, 5.0], [-10.0, 5.0], [-10.0, 25.0]])


def one(*parts: Any) -> Contours:
    """One instance of the given parts."""
    return of_polygons(height=HEIGHT, width=WIDTH, parts=[list(parts)], holes=())


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def run_lengths(contours: Contours) -> np.ndarray:
    """The mask (H, W) in the instance's COCO result."""
    (result,) = contours.to_coco(1, segmentation="rle")
    return coco_mask.decode(result["segmentation"])


@pytest.mark.parametrize("far", [1e6, 1e7, 1e9, 1e15, 1e300])
def test_masks_of_contours_far_outside(far: float) -> None:
    """Quarter planes: columns 20 and up, rows 10 and up, are inside."""
    contours = one(rectangle(20, 10, far, far))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[10:, 20:] = 1
    assert (run_lengths(contours) == expected).all()
    assert (contours.to_masks()[0] == expected).all()
    nowhere = one(rectangle(far, far, 1.1 * far, 1.1 * far))
    assert not run_lengths(nowhere).any() and not nowhere.to_masks().any()


def test_a_far_diagonal_edge_stays_where_it_is() -> None:
    """Below the line y = x through the image: a pixel is inside where its row is the larger."""
    mask = run_lengths(one([[-1e8, -1e8], [1e8, 1e8], [-1e8, 1e8]]))
    rows, columns = np.indices((HEIGHT, WIDTH))
    assert mask[rows > columns].all() and not mask[rows < columns].any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([60.0, 300.0, 5e3, 2e4]))
def test_masks_of_ordinary_contours_are_those_of_pycocotools(seed: int, spread: float) -> None:
    """Bit for bit, also where the contour leaves the image."""
    points = np.random.default_rng(seed).normal([30, 20], spread, (12, 2))
    (expected,) = coco_mask.frPyObjects([points.ravel().tolist()], HEIGHT, WIDTH)
    (result,) = one(points).to_coco(1, segmentation="rle")
    assert result["segmentation"]["counts"].encode() == expected["counts"]


def test_box_and_area_are_those_inside_the_image() -> None:
    (result,) = one(rectangle(-20, 5, 10, 25)).to_coco(1)
    assert result["bbox"] == [0.0, 5.0, 10.0, 20.0]
    assert result["area"] == 200.0
    # Of two parts one lies outside: the box is that of the other.
    (result,) = one(rectangle(50, 30, 70, 50), OUTSIDE).to_coco(1)
    assert (result["bbox"], result["area"]) == ([50.0, 30.0, 10.0, 10.0], 100.0)


def test_an_instance_outside_the_image_has_an_empty_box() -> None:
    for contours in (one(OUTSIDE), one(OUTSIDE + 1e9)):
        (result,) = contours.to_coco(1, segmentation="rle")
        assert (result["bbox"], result["area"]) == ([0.0, 0.0, 0.0, 0.0], 0.0)


def test_the_result_itself_keeps_what_lies_outside() -> None:
    contours = one(rectangle(-20, 5, 10, 25))
    assert contours.boxes().tolist() == [[-20, 5, 10, 25]]
    assert contours.areas().tolist() == [600]
    assert contours.to_coco(1)[0]["segmentation"] == [[-20, 5, 10, 5, 10, 25, -20, 25]]


@pytest.mark.parametrize("segmentation", ["polygon", "rle"])
def test_a_perfect_object_at_the_border_has_a_perfect_box(segmentation: Any) -> None:
    ground_truth = {
        "images": [{"id": 1, "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "segmentation": [rectangle(0, 5, 10, 25).ravel().tolist()],
            }
        ],
    }
    results = one(rectangle(-20, 5, 10, 25)).to_coco(1, segmentation=segmentation)
    metrics = evaluate_coco(ground_truth, results)
    for kind in ("bbox", "segm"):
        assert metrics[f"{kind}/AP"] == pytest.approx(1.0)

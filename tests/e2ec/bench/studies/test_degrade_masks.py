"""Masks as a mask head leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from front_doors import assert_one_line_error, call

from dataset.formats.coco.read import read_coco
from e2ec.bench.studies.degrade_masks import (
    DegradeMasksOptions,
    _averaged,
    degraded,
    degraded_results,
)
from e2ec.metrics.coco import evaluate_coco


def test_means_of_cells() -> None:
    """Whole cells as OpenCV's area averages; three pixels in two cells by hand: 1, (0.5, 1) / 1.5
    and so on."""
    crop = np.random.default_rng(0).random((56, 84)).astype(np.float32)
    expected = cv2.resize(crop, (28, 28), interpolation=cv2.INTER_AREA)
    assert np.abs(_averaged(crop, 28) - expected).max() < 1e-5
    row = np.array([[1.0, 0.0, 4.0]], np.float32)
    assert np.allclose(_averaged(row, 2), [[2 / 3, 8 / 3]] * 2)
    assert np.allclose(_averaged(np.array([[7.0]], np.float32), 3), 7)


def test_small_masks_stay_and_fine_ones_are_lost() -> None:
    """A square that fills its box is whole at any resolution; a comb of 112 pixels with teeth of
    one pixel is grey in 28 cells."""
    square = np.zeros((60, 80), bool)
    square[10:40, 20:50] = True
    assert np.array_equal(degraded(square, (20, 10, 50, 40), 28), square)
    assert degraded(square, (20, 10, 50, 40), 1).sum() == square.sum()
    comb = np.zeros((112, 112), bool)
    comb[:, ::4] = True
    assert not degraded(comb, (0, 0, 112, 112), 28).any()


def test_boxes_that_leave_the_image() -> None:
    mask = np.zeros((30, 40), bool)
    mask[:10, :10] = True
    found = degraded(mask, (-10, -10, 10, 10), 28)
    assert np.array_equal(found, mask)
    assert not degraded(mask, (-50, -50, -20, -20), 28).any()
    assert not degraded(mask, (3, 3, 3, 3), 28)[5:, 5:].any()


def test_results_are_evaluated_below_the_labels(tmp_path: Path) -> None:
    """Flowers, of which 7 x 7 cells lose the petals: good but not perfect, and the same again."""
    document: dict = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "a"}]}
    rng = np.random.default_rng(0)
    for number in range(1, 7):
        angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        radius = 60 + 12 * np.sin(17 * angle) + rng.normal(0, 1, 200)
        points = np.stack([80 + radius * np.cos(angle), 80 + radius * np.sin(angle)], axis=1)
        document["images"].append(
            {"id": number, "file_name": f"{number}.png", "height": 160, "width": 160}
        )
        document["annotations"].append(
            {
                "id": number, "image_id": number, "category_id": 3, "iscrowd": 0, "area": 11000.0,
                "bbox": [8.0, 8.0, 144.0, 144.0], "segmentation": [points.ravel().tolist()],
            }
        )  # fmt: skip
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    index = read_coco(path)
    options = DegradeMasksOptions(path, side=7, seed=1)
    results = list(degraded_results(index, options))
    assert len(results) == 6 and results == list(degraded_results(index, options))
    assert results != list(degraded_results(index, DegradeMasksOptions(path, side=7, seed=2)))
    metrics = evaluate_coco(document, results, iou_types=("segm",))
    assert 0.5 < (metrics["segm/AP"] or 0) < 1


def test_options() -> None:
    with pytest.raises(ValueError, match="--side"):
        DegradeMasksOptions(Path("a"), side=0)
    with pytest.raises(ValueError, match="--shift"):
        DegradeMasksOptions(Path("a"), shift=0.5)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    ending = call("e2ec/bench/studies/degrade_masks.py", str(tmp_path / "none.json"))
    assert_one_line_error(ending, "none.json", "not found")

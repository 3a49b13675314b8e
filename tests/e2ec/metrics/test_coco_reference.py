"""COCO's own example results on 100 images of val2014 and the numbers published with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from plain_pycocotools import (
    LIBRARIES,
    NAMES,
    computed_by,
    library_boundary_metrics,
    pycocotools_metrics,
)

from e2ec.metrics.coco import evaluate_coco
from e2ec.metrics.results_file import read_results

# Printed with three decimals by COCO's tool (val2014_fake_eval_res.txt).
OFFICIAL = {
    "segm": (0.320, 0.562, 0.299, 0.387, 0.310, 0.327, 0.417),
    "bbox": (0.505, 0.697, 0.573, 0.586, 0.519, 0.501, 0.595),
}


def load(kind: str) -> tuple[dict, list[dict[str, Any]]]:
    root = os.environ.get("E2EC_DATA")
    if root is None or not (folder := Path(root, "coco_eval_reference")).exists():
        pytest.skip("E2EC_DATA does not point at a folder with coco_eval_reference")
    ground_truth = json.loads((folder / "instances_val2014_100.json").read_text("utf-8"))
    return ground_truth, read_results(folder / f"instances_val2014_fake{kind}100_results.json")


@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_official_numbers_from_both_libraries(kind: Any) -> None:
    """The official decimals; 1e-6 between the libraries, and to pycocotools as it is."""
    ground_truth, results = load(kind)
    direct = pycocotools_metrics(ground_truth, results, kind)
    for library in LIBRARIES:
        with computed_by(library):
            metrics = evaluate_coco(ground_truth, results, iou_types=[kind])
        for key, official in zip(NAMES, OFFICIAL[kind], strict=True):
            assert metrics[f"{kind}/{key}"] == pytest.approx(official, abs=5e-4), key
            assert metrics[f"{kind}/{key}"] == pytest.approx(direct[key], abs=1e-6), key


def test_boundary_numbers_from_both_libraries() -> None:
    ground_truth, results = load("segm")
    first = evaluate_coco(ground_truth, results, iou_types=["boundary"])
    with computed_by("pycocotools"):
        second = evaluate_coco(ground_truth, results, iou_types=["boundary"])
    for key in NAMES:
        name = f"boundary/{key}"
        assert first[name] == pytest.approx(second[name], abs=1e-6), key
    for key, value in library_boundary_metrics(ground_truth, results).items():
        assert first[f"boundary/{key}"] == pytest.approx(value, abs=1e-6), key

"""`test.py --eval.extra-metrics`: of weights and of results of any origin."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from front_doors import TINY, assert_one_line_error, assert_usage_error, call, coco_folder

from dataset.synthetic.dataset import SyntheticDataset
from e2ec.config import EvalConfig
from e2ec.engine.evaluate import choose_threshold as module
from lib.files import read_json

# The objects of `coco_folder`: one square of 30 x 30 pixels an image.
SQUARE = [[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]]
HALF = [[10.0, 10.0, 28.0, 10.0, 28.0, 40.0, 10.0, 40.0]]  # 18 of 30 columns: IoU 0.6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return coco_folder(tmp_path / "data")


def results(folder: Path, *entries: tuple[int, list[list[float]], float]) -> Path:
    """A results file of (image, mask, score)."""
    path = folder / "found.json"
    path.write_text(
        json.dumps(
            [
                {"image_id": image, "category_id": 1, "score": score, "segmentation": mask}
                for image, mask, score in entries
            ]
        )
    )
    return path


def test_results_of_any_origin(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Image 1 is found, image 2 by IoU 0.6, and what scores 0.2 is below the usual threshold."""
    seen: list[Any] = []

    def boundary_distances(
        truth: dict[str, Any],
        found: list[dict[str, Any]],
        *,
        max_detections: int,
        results_name: str,
    ) -> dict[str, float]:
        scores = sorted(entry["score"] for entry in found)
        seen.append((len(truth["images"]), scores, max_detections, results_name))
        return {"distance/mean": 1.5}

    fake = ModuleType("e2ec.metrics.boundary_distance")
    vars(fake)["boundary_distances"] = boundary_distances
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    path = results(tmp_path, (1, SQUARE, 0.9), (2, HALF, 0.8), (2, SQUARE, 0.2))
    ending = call(
        "test.py", "nuclei", "--data.root", data, "--results", path, "--out", tmp_path / "out",
        "--eval.extra-metrics", "microscopy", "distances", "calibration",
    )  # fmt: skip
    assert ending.status == 0, ending
    document = read_json(tmp_path / "out/metrics.json")
    metrics = document["metrics"]
    assert metrics["microscopy/0.60"] == 1 and metrics["microscopy/0.65"] == 0.5
    assert metrics["distances/mean"] == 1.5 and seen == [(2, [0.8, 0.9], 2, str(path))]
    # Calibration takes all: at 0.9 and 0.8 right, at 0.2 wrong, because the object is taken.
    assert metrics["calibration/error"] == pytest.approx((0.1 + 0.2 + 0.2) / 3)
    assert [row["detections"] for row in document["calibration"]] == [1, 1, 1]
    assert document["threshold"]["score"] == 0.3 and "segm/AP" in metrics
    for word in ("microscopy", "distances", "calibration", "found is what scores 0.3 or more"):
        assert word in ending.out


def test_panoptic_quality_of_results(data: Path, tmp_path: Path) -> None:
    path = results(tmp_path, (1, SQUARE, 0.9), (2, HALF, 0.8))
    ending = call(
        "test.py", "nuclei", "--data.root", data, "--results", path, "--out", tmp_path / "out",
        "--eval.extra-metrics", "panoptic", "--eval.microscopy-threshold", "0.85",
    )  # fmt: skip
    assert ending.status == 0, ending
    document = read_json(tmp_path / "out/metrics.json")
    assert document["metrics"]["panoptic/PQ"] == pytest.approx(1 / 1.5)  # image 2 is missed
    assert document["threshold"] == {"score": 0.85, "origin": "eval.microscopy_threshold"}
    assert "panoptic" in ending.out and "microscopy/0.50" not in document["metrics"]


def test_the_nuclei_preset_gives_the_microscopists_table(data: Path, tmp_path: Path) -> None:
    path = results(tmp_path, (1, SQUARE, 0.9))
    common = ("test.py", "nuclei", "--data.root", data, "--results", path)
    ending = call(*common, "--out", tmp_path / "out")
    assert "microscopy" in ending.out and "panoptic" not in ending.out
    ending = call(*common, "--out", tmp_path / "plain", "--eval.extra-metrics")
    assert ending.status == 0 and "microscopy" not in ending.out
    assert "threshold" not in read_json(tmp_path / "plain/metrics.json")


def test_boxes_alone_are_evaluated_without_them(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    entry = {"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [10, 10, 30, 30]}
    path.write_text(json.dumps([entry]))
    ending = call(
        "test.py", "nuclei", "--data.root", data, "--results", path, "--out", tmp_path / "out"
    )
    assert ending.status == 0, ending
    assert "no microscopy: not every result has a mask" in ending.out
    assert "bbox/AP" in read_json(tmp_path / "out/metrics.json")["metrics"]


def test_a_threshold_is_not_chosen_on_the_results_that_are_evaluated(
    data: Path, tmp_path: Path
) -> None:
    path = results(tmp_path, (1, SQUARE, 0.9))
    ending = call(
        "test.py", "nuclei", "--data.root", data, "--results", path, "--out", tmp_path / "out",
        "--eval.choose-threshold", "4",
    )  # fmt: skip
    assert_one_line_error(ending, path, "--eval.microscopy-threshold")
    ending = call(
        "test.py", "nuclei", "--eval.choose-threshold", "4", "--eval.microscopy-threshold", "0.5"
    )
    assert_usage_error(ending, "set one of them")
    ending = call("test.py", "coco", "--eval.choose-threshold", "4")
    assert_usage_error(ending, "name one of them")


def test_weights_choose_it_on_training_images(weights: Path, tmp_path: Path) -> None:
    """Three of the four there are."""
    ending = call(
        "test.py", *TINY, "--weights", weights, "--out", tmp_path / "out",
        "--eval.extra-metrics", "microscopy", "--eval.choose-threshold", "3",
    )  # fmt: skip
    assert ending.status == 0, ending
    threshold = read_json(tmp_path / "out/metrics.json")["threshold"]
    assert threshold["origin"].startswith("chosen on 3 training images")
    assert threshold["origin"] in ending.out


def test_the_threshold_that_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right detections score 0.62, wrong ones 0.4: from 0.41 on all is right. Only every other of
    the six images is shown, and those not shown, where nothing is found, do not count."""
    dataset = SyntheticDataset(6)
    truth = dataset.ground_truth()
    asked: list[list[int]] = []

    def predict(predictor: Any, dataset: Any, *, indices: Any, stages: Any, **options: Any) -> Any:
        asked.append(list(indices))
        ids = [truth["images"][index]["id"] for index in indices]
        found = []
        for entry in truth["annotations"]:
            if entry["image_id"] in ids:
                right = {key: entry[key] for key in ("image_id", "category_id", "segmentation")}
                found.append({**right, "score": 0.62})
                left = entry["category_id"] % len(truth["categories"]) + 1  # another class
                found.append({**right, "category_id": left, "score": 0.4})
        return {stages[0]: found}

    monkeypatch.setattr(module, "predict_dataset", predict)
    predictor: Any = SimpleNamespace(card=SimpleNamespace(score_threshold=0.05))
    config = EvalConfig(choose_threshold=3, extra_metrics=("microscopy",))
    chosen = module.choose_threshold(predictor, dataset, config, "final")
    assert asked == [[0, 2, 4]]
    assert chosen == module.Threshold(0.41, "chosen on 3 training images, mean 100.0 there")
    config = replace(config, choose_threshold=100)
    assert module.choose_threshold(predictor, dataset, config, "final").score == 0.41
    assert asked[1] == [0, 1, 2, 3, 4, 5]

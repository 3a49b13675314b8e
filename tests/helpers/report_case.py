"""A tiny evaluation whose every number is known by hand.

Two images of 64 x 64 pixels, two classes, four labels, in squares (x, y, side):

    image 1   cat (4, 4, 20)    found as it is, score 0.9
              dog (36, 4, 20)   found 16 of 20 columns wide, IoU 0.8, score 0.8
    image 2   cat (4, 4, 20)    a dog is found there as it is, score 0.7: false, and the cat missed
              cat (40, 40, 10)  nothing is found

A cat is found at (40, 4, 20) of image 2, where nothing is, with score 0.6; it and the label of
40, 40 do not touch. At the stage `init` the first cat is 10 of 20 columns wide, IoU 0.5.

AP at an IoU of 50 %: of cats one of three is found before anything false, so precision is 1 up to
a recall of 1/3, which are 34 of 101 points; of dogs the only one is found first: 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from e2ec.app.report.stage_file import write_stages
from e2ec.metrics.calibration import calibration
from e2ec.metrics.coco import evaluate_coco
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.image_overlaps import image_overlaps
from lib.files import atomic_write_json

CATS_AP50 = 34 / 101


def square(x: float, y: float, width: float, height: float | None = None) -> list[list[float]]:
    height = width if height is None else height
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def write_data(folder: Path, names: tuple[str, str], files: tuple[str, str]) -> dict[str, Any]:
    """Images and labels of the preset `nuclei`'s layout."""
    labels = [(1, 1, (4, 4, 20)), (1, 2, (36, 4, 20)), (2, 1, (4, 4, 20)), (2, 1, (40, 40, 10))]
    truth = {
        "images": [
            {"id": i, "file_name": name, "width": 64, "height": 64}
            for i, name in enumerate(files, 1)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "iscrowd": 0,
             "area": float(side**2), "bbox": [x, y, side, side], "segmentation": square(x, y, side)}
            for n, (image, category, (x, y, side)) in enumerate(labels, 1)
        ],
    }  # fmt: skip
    (folder / "images").mkdir(parents=True)
    noise = np.random.default_rng(0)
    for name in files:
        _, data = cv2.imencode(".png", noise.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        (folder / "images" / name).write_bytes(data.tobytes())
    for split in ("train", "val"):
        (folder / f"instances_{split}.json").write_text(json.dumps(truth))
    return truth


def found(first_width: float = 20) -> list[dict[str, Any]]:
    """COCO results; the first cat is that wide."""
    rows = [
        (1, 1, square(4, 4, first_width, 20), 0.9),
        (1, 2, square(36, 4, 16, 20), 0.8),
        (2, 2, square(4, 4, 20), 0.7),
        (2, 1, square(40, 4, 20), 0.6),
    ]
    return [
        {"image_id": i, "category_id": c, "segmentation": s, "score": score}
        for i, c, s, score in rows
    ]


def write_evaluation(
    folder: Path,
    *,
    names: tuple[str, str] = ("cat", "dog"),
    files: tuple[str, str] = ("one.png", "two.png"),
    first_width: float = 20,
) -> Path:
    """The folder of `test.py` (and data/ beside it), as of weights with the stages init and final.

    Returns:
        The folder.
    """
    data = folder.parent / "data"
    if data.exists():
        truth = json.loads((data / "instances_val.json").read_text())
    else:
        truth = write_data(data, names, files)
    by_stage = {"init": found(10), "refine1": found(first_width)}
    results = by_stage["refine1"]
    metrics = evaluate_coco(truth, results, iou_types=["segm"], per_class=True)
    for stage, own in by_stage.items():
        metrics[f"stages/{stage}"] = evaluate_coco(truth, own, iou_types=["segm"])["segm/AP"]
    errors, rows = calibration(image_overlaps(prepare_inputs(truth, results)))
    summary = {
        "preset": "nuclei", "source": "weights.safetensors", "split": "val", "stage": "final",
        "images": 2, "max_detections": 100, "metrics": metrics | errors, "calibration": rows,
    }  # fmt: skip
    scored = {"iou_types": ["segm"], "protocol": "coco", "max_detections": 100, "stage": "final"}
    settings = {
        "data": {
            "format": "coco", "root": str(data), "train_images": "images", "val_images": "images",
            "train_annotations": "instances_train.json",
            "val_annotations": "instances_val.json",
        },
        "train": {"seed": 0},
        "eval": scored,
    }  # fmt: skip
    atomic_write_json(folder / "metrics.json", summary)
    atomic_write_json(folder / "config.json", settings)
    atomic_write_json(folder / "results.json", results)
    write_stages(folder, by_stage, "refine1", [1, 2])
    return folder


def write_training(folder: Path, *, losses: tuple[float, ...] = (3.0, 2.0, 1.5)) -> Path:
    """A run's folder, without TensorBoard files."""
    history: list[dict[str, Any]] = [
        {"epoch": n, "losses": {"total": loss, "center<i>": loss / 2}}
        for n, loss in enumerate(losses, 1)
    ]
    for entry, ap in zip(history[1:], (0.25, 0.375), strict=False):
        entry["metrics"] = {"segm/AP": ap, "segm/APl": None, "stage": "final"}
    kept = {"which": "best", "epoch": 3, "segm/AP": 0.375}
    atomic_write_json(folder / "metrics.json", {"latest": {}, "kept": kept, "history": history})
    settings = {
        "preset": "nuclei",
        "optim": {"lr": losses[0]},
        "train": {"epochs": 3, "batch_size": 8, "seed": 0},
    }
    atomic_write_json(folder / "config.json", settings)
    return folder

"""Ground truth and results in COCO's format for the tests of the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from label_scenes import run_length
from pycocotools import mask as coco_mask

from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.sbd import sbd_metrics

HEIGHT, WIDTH = 200, 240


def evaluate_sbd(ground_truth: dict, results: list[dict], **options: Any) -> Metrics:
    return sbd_metrics(prepare_inputs(ground_truth, results), **options)


def rectangle(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def truth(boxes: list[tuple[int, int, tuple]], *, images: int = 1, classes: int = 1) -> dict:
    """Ground truth of rectangles, given as (image id, category id, (x, y, width, height))."""
    return {
        "images": [{"id": i, "height": HEIGHT, "width": WIDTH} for i in range(1, images + 1)],
        "categories": [{"id": c, "name": f"class {c}"} for c in range(1, classes + 1)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": category,
                "iscrowd": 0,
                "area": box[2] * box[3],
                "bbox": list(box),
                "segmentation": [rectangle(*box)],
            }
            for number, (image, category, box) in enumerate(boxes, start=1)
        ],
    }


def found(image: int, category: int, box: tuple, score: float) -> dict[str, Any]:
    return {
        "image_id": image,
        "category_id": category,
        "score": score,
        "segmentation": [rectangle(*box)],
        "bbox": list(box),
    }


def random_scene(seed: int, *, rle: bool) -> tuple[dict, list[dict]]:
    """12 images, 4 classes, crowds, missed objects, false ones, images without either."""
    rng = np.random.default_rng(seed)
    boxes, results = [], []
    for image in range(1, 11):
        for _ in range(rng.integers(1, 9)):
            size = rng.choice([12, 40, 110])
            x, y = rng.uniform(0, 120, 2)
            box = (x, y, size * rng.uniform(0.6, 1), size * rng.uniform(0.6, 1))
            category = int(rng.integers(1, 4))
            boxes.append((image, category, box))
            for _ in range(rng.integers(0, 3)):
                moved = tuple(np.array(box) + rng.normal(0, 0.06 * size, 4))
                guess = category if rng.random() < 0.8 else int(rng.integers(1, 5))
                results.append(found(image, guess, moved, float(rng.random())))
    ground_truth = truth(boxes, images=12, classes=4)
    for annotation in ground_truth["annotations"][::7]:
        mask = coco_mask.frPyObjects(annotation["segmentation"], HEIGHT, WIDTH)[0]
        annotation["iscrowd"] = 1
        annotation["segmentation"] = run_length(coco_mask.decode(mask))
    return ground_truth, [as_rle(result) for result in results] if rle else results


def as_rle(result: dict[str, Any]) -> dict[str, Any]:
    mask = coco_mask.frPyObjects(result["segmentation"], HEIGHT, WIDTH)[0]
    return {**result, "segmentation": as_coco_mask(coco_mask.decode(mask))}


def as_coco_mask(mask: np.ndarray) -> dict[str, Any]:
    """Compressed run lengths of an (H, W) mask, as a results file holds them."""
    code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(mask.shape), "counts": code["counts"].decode("ascii")}

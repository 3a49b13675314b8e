"""Panoptic quality of instances: Kirillov et al., "Panoptic segmentation" (CVPR 2019).

Every pixel belongs to one object at most. Detections take their pixels in the order of scores, and
those that keep less than half of their mask are dropped. Of overlapping labels the smaller object
has the pixel. Crowd regions are void. Computed by torchmetrics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from faster_coco_eval.core import mask as coco_mask

from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import EvaluationInputs
from lib.errors import InputError

_BACKGROUND, _VOID = 0, -1
_KEPT = 0.5


def panoptic_metrics(inputs: EvaluationInputs, threshold: float) -> Metrics:
    """Panoptic, segmentation and recognition quality, means over the classes that occur.

    Args:
        inputs: with masks.
        threshold: lowest score of a detection that counts.

    Returns:
        "panoptic/PQ", "panoptic/SQ" and "panoptic/RQ"; None where no class occurs.

    Raises:
        InputError: torchmetrics is not installed.
    """
    try:
        from torchmetrics.detection import PanopticQuality
    except ImportError as error:
        raise InputError(
            "panoptic quality needs torchmetrics: pip install -e '.[panoptic]', or leave it out of "
            "--eval.extra-metrics"
        ) from error
    # Background is a class of its own, so that a detection there is false; classes count from 1.
    classes = {c["id"]: number for number, c in enumerate(inputs.categories, start=1)}
    quality = PanopticQuality(
        things=set(classes.values()),
        stuffs={_BACKGROUND},
        return_sq_and_rq=True,
        return_per_class=True,
    )
    truth, found = _by_image(inputs.annotations), _by_image(inputs.detections)
    for image, size in inputs.sizes.items():
        kept = [entry for entry in found[image] if entry["score"] >= threshold]
        kept.sort(key=lambda entry: -entry["score"])
        pair = _painted(kept, size, classes), _labels(truth[image], size, classes)
        quality.update(*(torch.from_numpy(painted)[None] for painted in pair))
    columns = [quality.cat_id_to_continuous_id[number] for number in classes.values()]
    occurs = quality.true_positives + quality.false_positives + quality.false_negatives > 0
    columns = [column for column in columns if occurs[column]]
    names = ("panoptic/PQ", "panoptic/SQ", "panoptic/RQ")
    if not columns:
        return dict.fromkeys(names)
    means = quality.compute()[columns].double().mean(0).tolist()
    return dict(zip(names, means, strict=True))


def _by_image(entries: Iterable[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    grouped: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        grouped[entry["image_id"]].append(entry)
    return grouped


def _painted(
    found: list[dict[str, Any]], size: tuple[int, int], classes: dict[int, int]
) -> np.ndarray:
    """(H, W, 2) int64, class and number of the detection that has the pixel; best first."""
    image = np.zeros((*size, 2), np.int64)
    for number, entry in enumerate(found, start=1):
        mask = coco_mask.decode(entry["segmentation"]).astype(bool)
        free = mask & (image[..., 1] == 0)
        if free.sum() >= _KEPT * mask.sum() and free.any():
            image[free] = (classes[entry["category_id"]], number)
    return image


def _labels(
    truth: list[dict[str, Any]], size: tuple[int, int], classes: dict[int, int]
) -> np.ndarray:
    """(H, W, 2) int64, class and number of the object that has the pixel."""
    image = np.zeros((*size, 2), np.int64)
    objects = [entry for entry in truth if not entry["iscrowd"]]
    for entry in truth:
        if entry["iscrowd"]:
            image[coco_mask.decode(entry["segmentation"]).astype(bool)] = (_VOID, 0)
    objects.sort(key=lambda entry: -float(coco_mask.area(entry["segmentation"])))
    for number, entry in enumerate(objects, start=1):
        mask = coco_mask.decode(entry["segmentation"]).astype(bool)
        image[mask] = (classes[entry["category_id"]], number)
    return image

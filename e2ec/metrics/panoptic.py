"""Panoptic quality of instances: Kirillov et al., "Panoptic segmentation" (CVPR 2019), section 4.

Every pixel belongs to one object at most. Detections take their pixels in the order of scores, and
those that keep less than half of their mask are dropped. Of overlapping labels the smaller object
has the pixel. Crowd regions are void: their pixels count for nothing, and detections that lie in
them by more than half are not false.

torchmetrics gives the same numbers, which tests hold, but sorts the pixels as pairs and takes
seconds an image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco_mask

from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import EvaluationInputs

_KEPT = 0.5
_MATCHED = 0.5
NAMES = ("panoptic/PQ", "panoptic/SQ", "panoptic/RQ")


def panoptic_metrics(inputs: EvaluationInputs, threshold: float) -> Metrics:
    """Panoptic, segmentation and recognition quality, means over the classes that occur.

    Args:
        inputs: with masks.
        threshold: lowest score of a detection that counts.

    Returns:
        "panoptic/PQ", "panoptic/SQ" and "panoptic/RQ"; None where no class occurs.
    """
    # By class: IoUs of the matched pairs, and how many are false and missed.
    sums: defaultdict[int, np.ndarray] = defaultdict(lambda: np.zeros(4))
    truth, found = _by_image(inputs.annotations), _by_image(inputs.detections)
    for image, size in inputs.sizes.items():
        kept = [entry for entry in found[image] if entry["score"] >= threshold]
        kept.sort(key=lambda entry: -entry["score"])
        objects = [entry for entry in truth[image] if not entry["iscrowd"]]
        objects.sort(key=lambda entry: -float(coco_mask.area(entry["segmentation"])))
        void = len(objects) + 1
        labels = np.zeros(size, np.int64)
        for entry in truth[image]:
            if entry["iscrowd"]:
                box, mask = _cut(entry)
                labels[box][mask] = void
        for number, entry in enumerate(objects, start=1):
            box, mask = _cut(entry)
            labels[box][mask] = number
        _add(sums, _shared(_painted(kept, size), labels, len(kept), void), kept, objects)
    occurring = [own for own in sums.values() if own[1:].any()]
    if not occurring:
        return dict.fromkeys(NAMES)
    by_class = []
    for ious, matched, false, missed in occurring:
        quality = ious / matched if matched else 0.0
        recognition = matched / (matched + 0.5 * false + 0.5 * missed)
        by_class.append((quality * recognition, quality, recognition))
    return dict(zip(NAMES, np.mean(by_class, axis=0).tolist(), strict=True))


def _by_image(entries: Iterable[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    grouped: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        grouped[entry["image_id"]].append(entry)
    return grouped


def _cut(entry: dict[str, Any]) -> tuple[tuple[slice, slice], np.ndarray]:
    """The box of a mask, and the mask in it, bool: objects are small."""
    left, top, width, height = (int(v) for v in coco_mask.toBbox(entry["segmentation"]))
    box = np.s_[top : top + height, left : left + width]
    return box, coco_mask.decode(entry["segmentation"])[box].astype(bool)


def _painted(found: list[dict[str, Any]], size: tuple[int, int]) -> np.ndarray:
    """(H, W) int64: number, from 1, of the detection that has the pixel; the first come first."""
    image = np.zeros(size, np.int64)
    for number, entry in enumerate(found, start=1):
        box, mask = _cut(entry)
        free = mask & (image[box] == 0)
        if free.sum() >= _KEPT * mask.sum():
            image[box][free] = number
    return image


def _shared(painted: np.ndarray, labels: np.ndarray, found: int, void: int) -> np.ndarray:
    """(found + 1, void + 1): pixels of every pair of numbers, those of nothing included."""
    codes = painted.ravel() * (void + 1) + labels.ravel()
    counts = np.bincount(codes, minlength=(found + 1) * (void + 1))
    return counts.reshape(found + 1, void + 1)


def _add(
    sums: defaultdict[int, np.ndarray],
    shared: np.ndarray,
    found: list[dict[str, Any]],
    objects: list[dict[str, Any]],
) -> None:
    """Add an image: pairs above an IoU of one half are unique, as no pixel is in two of them."""
    areas, outside = shared[1:].sum(1), shared[1:, -1]
    unions = (areas - outside)[:, None] + shared[:, 1:-1].sum(0) - shared[1:, 1:-1]
    ious = shared[1:, 1:-1] / np.maximum(unions, 1)
    classes = [np.array([e["category_id"] for e in entries]) for entries in (found, objects)]
    pairs = (ious > _MATCHED) & (classes[0][:, None] == classes[1])
    for detection, label in zip(*pairs.nonzero(), strict=True):
        sums[found[detection]["category_id"]] += (ious[detection, label], 1, 0, 0)
    # What has lost all of its pixels is nowhere.
    false = ~pairs.any(1) & (areas > 0) & (outside <= 0.5 * areas)
    missed = ~pairs.any(0) & (shared[:, 1:-1].sum(0) > 0)
    for entry, counts in zip(found, false, strict=True):
        sums[entry["category_id"]] += (0, 0, counts, 0)
    for entry, counts in zip(objects, missed, strict=True):
        sums[entry["category_id"]] += (0, 0, 0, counts)

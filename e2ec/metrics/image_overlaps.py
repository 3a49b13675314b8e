"""How much the detections and the objects of every image overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco_mask

from e2ec.metrics.coco_inputs import EvaluationInputs


@dataclass(frozen=True, eq=False)
class ImageOverlaps:
    """The detections (D) and the objects (G) of one image; crowd regions are no objects.

    Attributes:
        scores: (D,) float64, falling.
        ious: (D, G) float64, IoU of masks; 0 between different classes.
        crowd: (D,) float64, the largest share of a detection that lies in one crowd region of its
            class.
    """

    scores: np.ndarray
    ious: np.ndarray
    crowd: np.ndarray


def image_overlaps(inputs: EvaluationInputs) -> list[ImageOverlaps]:
    """Of every image, in order, with or without detections and objects.

    Args:
        inputs: with masks.
    """
    truth, found = _by_image(inputs.annotations), _by_image(inputs.detections)
    return [_overlaps(truth[image], found[image]) for image in inputs.sizes]


def _by_image(entries: Sequence[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    grouped: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        grouped[entry["image_id"]].append(entry)
    return grouped


def _overlaps(truth: list[dict[str, Any]], found: list[dict[str, Any]]) -> ImageOverlaps:
    found = sorted(found, key=lambda entry: -entry["score"])  # equal scores keep their order
    objects = [entry for entry in truth if not entry["iscrowd"]]
    regions = [entry for entry in truth if entry["iscrowd"]]
    return ImageOverlaps(
        scores=np.array([entry["score"] for entry in found], np.float64),
        ious=_shares(found, objects, crowd=False),
        crowd=_shares(found, regions, crowd=True).max(1, initial=0.0),
    )


def _shares(found: list[dict[str, Any]], truth: list[dict[str, Any]], *, crowd: bool) -> np.ndarray:
    """(D, G): IoU or, of crowd regions, the covered share of the detection; 0 between classes."""
    if not found or not truth:
        return np.zeros((len(found), len(truth)))
    masks = [[entry["segmentation"] for entry in entries] for entries in (found, truth)]
    shares = np.asarray(coco_mask.iou(*masks, [int(crowd)] * len(truth)), np.float64)
    classes = [np.array([entry["category_id"] for entry in entries]) for entries in (found, truth)]
    return np.where(classes[0][:, None] == classes[1], shares, 0.0)

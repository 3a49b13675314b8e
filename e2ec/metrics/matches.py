"""Which detection is whose: one to one at an IoU, by pycocotools' own matching.

Detections are taken by falling score, each with the free object that it overlaps most; what lies in
a crowd region counts for nothing. Within classes that is what average precision counts; across
classes it tells what is taken for what.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from e2ec.metrics.coco_inputs import EvaluationInputs

MATCH_IOU = 0.5


@dataclass(frozen=True)
class Match:
    """An object and the detection that found it, by their ids in `EvaluationInputs`, and their IoU
    (a share)."""

    annotation: int
    detection: int
    iou: float


@dataclass(frozen=True)
class Matches:
    """Every object is in a match or missed, every detection in a match, false or left out.

    Attributes:
        found: the matches, by image.
        missed: ids of objects that no detection found; crowd regions are no objects.
        false: ids of detections that found none and lie in no crowd region.
    """

    found: tuple[Match, ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]


def match_detections(
    inputs: EvaluationInputs,
    *,
    score: float = 0.0,
    iou: float = MATCH_IOU,
    max_detections: int = 100,
    across_classes: bool = False,
) -> Matches:
    """Match detections that score `score` or more with objects.

    Args:
        inputs: masks are compared where all annotations and detections have one, else boxes.
        score: lowest score of a detection that counts.
        iou: smallest overlap of a match.
        max_detections: the most detections taken an image and class, those of highest score; an
            image where `across_classes`.
        across_classes: match whatever the class.
    """
    kept = [entry for entry in inputs.detections if entry["score"] >= score]
    masks = all("segmentation" in entry for entry in (*inputs.annotations, *kept))
    with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does
        indices = [_index(inputs, inputs.annotations), _index(inputs, kept)]
        evaluation = COCOeval(*indices, "segm" if masks else "bbox")
        evaluation.params.iouThrs = [iou]
        evaluation.params.maxDets = [max_detections]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.useCats = int(not across_classes)
        evaluation.evaluate()
    found: list[Match] = []
    missed: list[int] = []
    false: list[int] = []
    for image in evaluation.evalImgs:
        if image is None:  # neither objects nor detections of this class
            continue
        key = (image["image_id"], image["category_id"])
        columns = {id: column for column, id in enumerate(_objects(evaluation, *key))}
        ignored = dict(zip(image["gtIds"], image["gtIgnore"], strict=True))
        pairs = zip(image["dtIds"], image["dtMatches"][0], image["dtIgnore"][0], strict=True)
        for row, (detection, annotation, left_out) in enumerate(pairs):
            if annotation and not ignored[int(annotation)]:
                overlap = evaluation.ious[key][row, columns[int(annotation)]]
                found.append(Match(int(annotation), int(detection), float(overlap)))
            elif not left_out:
                false.append(int(detection))
        taken = zip(image["gtIds"], image["gtMatches"][0], strict=True)
        missed += [int(id) for id, match in taken if not match and not ignored[id]]
    return Matches(tuple(found), tuple(missed), tuple(false))


def _index(inputs: EvaluationInputs, entries: Sequence[Mapping[str, Any]]) -> COCO:
    index = COCO()
    index.dataset = {
        "images": [{"id": i, "height": h, "width": w} for i, (h, w) in inputs.sizes.items()],
        "categories": inputs.categories,
        # One range of areas holds all: it decides nothing here.
        "annotations": [{"iscrowd": 0, **entry, "area": 1.0} for entry in entries],
    }
    index.createIndex()
    return index


def _objects(evaluation: COCOeval, image: int, category: int) -> list[int]:
    """Ids of the objects of an image in the order of the evaluator's overlaps."""
    categories = [category] if evaluation.params.useCats else evaluation.params.catIds
    return [entry["id"] for one in categories for entry in evaluation._gts[image, one]]

"""The ceiling of the representation: what AP contours of N vertices can reach at best.

    python -m e2ec.bench.studies.ceiling FILE.json [FILE.json ...]

takes the labels of COCO annotation files, turns every contour into N aligned vertices as training
does, and evaluates these contours, with score 1, as predictions against the exact ground truth.
Objects in several parts are predicted in three ways: with all their parts, as a detector that
groups parts does; with a prediction for every part, as one without grouping does at best; and by
their largest part alone. Crowd regions are not predicted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset.formats.coco.read import read_coco
from dataset.index.label_index import LabelIndex
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.report import table
from e2ec.bench.studies.labels import LabelFiles, objects
from e2ec.metrics.coco import Metrics, evaluate_coco
from e2ec.metrics.table import percent
from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import area

Polygons = list[np.ndarray]

# How the contours of an object, one at least, become predictions of some contours each.
PARTS: dict[str, Callable[[Polygons], list[Polygons]]] = {
    "parts kept": lambda contours: [contours],
    "a prediction a part": lambda contours: [[contour] for contour in contours],
    "largest part only": lambda contours: [[max(contours, key=area)]],
}
VERTICES = (32, 64, 128, 256)
DIRECTIONS = 4


def label_predictions(index: LabelIndex, vertices: int | None, parts: str) -> list[dict[str, Any]]:
    """The labels of all objects as COCO results with polygons and score 1.

    Args:
        index: the labels.
        vertices: N, of every part; None leaves the contours as they are.
        parts: of `PARTS`.
    """
    results = []
    for annotation, contours in objects(index):
        if vertices is not None:
            contours = [align_contour(p, vertices, DIRECTIONS) for p in contours]
        for chosen in PARTS[parts](contours) if contours else ():
            results.append(
                {
                    "image_id": annotation.image_id,
                    "category_id": annotation.category_id,
                    "score": 1.0,
                    "segmentation": [contour.ravel().tolist() for contour in chosen],
                }
            )
    return results


def ceiling(index: LabelIndex, vertices: int | None, parts: str) -> Metrics:
    """Mask and boundary metrics of the labels themselves; see `label_predictions`."""
    predictions = label_predictions(index, vertices, parts)
    return evaluate_coco(index.ground_truth(), predictions, iou_types=["segm", "boundary"])


def ceiling_table(index: LabelIndex, vertices: Sequence[int] = VERTICES) -> str:
    """AP of masks and boundaries in percent, as a Markdown table: a row a number of vertices."""
    header = [cell for parts in PARTS for cell in (f"{parts}: AP", "boundary AP")]
    rows = []
    for count in (*vertices, None):
        row = ["as labelled" if count is None else str(count)]
        for parts in PARTS:
            metrics = ceiling(index, count, parts)
            row += [percent(metrics["segm/AP"]), percent(metrics["boundary/AP"])]
        rows.append(row)
    return table(["vertices", *header], rows)


def describe(index: LabelIndex) -> str:
    """One line: images, objects, parts, and whether the limit of 100 detections leaves any out."""
    counts = [len(contours) for _, contours in objects(index)]
    several = sum(count > 1 for count in counts)
    of_class: Counter[tuple[int, int]] = Counter()
    for annotation, contours in objects(index):
        of_class[annotation.image_id, annotation.category_id] += len(contours)
    beyond = sum(max(0, count - 100) for count in of_class.values())
    return (
        f"{len(index)} images, {len(counts)} objects, {several} of them in several parts, "
        f"{sum(counts)} parts; {beyond} of these beyond the limit of 100 an image and class"
    )


@dataclass(frozen=True)
class StudyOptions(LabelFiles):
    """What labels score that are given as predictions."""

    vertices: tuple[int, ...] = VERTICES
    """Vertices of a contour, one row of the table each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.vertices, default=0) < DIRECTIONS:
            raise ValueError(f"--vertices: a contour needs at least {DIRECTIONS} vertices")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table a file."""
    options = parse_options(StudyOptions, arguments)
    for path in options.annotations:
        index = read_coco(path)
        print(f"{path}: {describe(index)}\n\n{ceiling_table(index, options.vertices)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

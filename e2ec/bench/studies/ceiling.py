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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tyro.conf import Positional

from dataset.formats.coco.read import read_coco
from dataset.index.label_index import LabelIndex
from e2ec.app.commands.options import parse_options
from e2ec.metrics.coco import Metrics, evaluate_coco
from e2ec.metrics.table import percent
from lib.errors import InputError
from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import area, remove_repeated_points

Parts = Literal["kept", "single", "largest"]

PARTS: dict[Parts, str] = {
    "kept": "parts kept",
    "single": "a prediction a part",
    "largest": "largest part only",
}
VERTICES = (32, 64, 128, 256)
DIRECTIONS = 4


def label_predictions(
    index: LabelIndex, vertices: int | None, parts: Parts
) -> list[dict[str, Any]]:
    """The labels of all objects as COCO results with score 1.

    Args:
        index: the labels.
        vertices: N, of every part; None leaves the contours as they are.
        parts: one prediction an object with all its parts ("kept"), one a part ("single"), or one
            an object with its largest part alone ("largest").

    Returns:
        Results with polygons. Parts without three distinct points are left out, as in training.
    """
    results: list[dict[str, Any]] = []
    for position in range(len(index)):
        for annotation in index.annotations(position):
            if annotation.crowd:
                continue
            contours = [p for p in annotation.polygons if len(remove_repeated_points(p)) >= 3]
            if vertices is not None:
                contours = [align_contour(p, vertices, DIRECTIONS) for p in contours]
            results += [
                {
                    "image_id": annotation.image_id,
                    "category_id": annotation.category_id,
                    "score": 1.0,
                    "segmentation": [contour.ravel().tolist() for contour in chosen],
                }
                for chosen in _predictions(contours, parts)
            ]
    return results


def ceiling(index: LabelIndex, vertices: int | None, parts: Parts) -> Metrics:
    """Mask and boundary metrics of the labels themselves; see `label_predictions`."""
    return evaluate_coco(
        index.ground_truth(),
        label_predictions(index, vertices, parts),
        iou_types=["segm", "boundary"],
    )


def ceiling_table(index: LabelIndex, vertices: Sequence[int] = VERTICES) -> str:
    """AP of masks and boundaries in percent, as a Markdown table: a row a number of vertices."""
    rows = [
        "| vertices | " + " | ".join(f"{t}: AP | boundary AP" for t in PARTS.values()) + " |",
        "|---|" + "---|" * (2 * len(PARTS)),
    ]
    for count in (*vertices, None):
        cells = ["as labelled" if count is None else str(count)]
        for parts in PARTS:
            metrics = ceiling(index, count, parts)
            cells += [percent(metrics[f"{kind}/AP"]) for kind in ("segm", "boundary")]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def describe(index: LabelIndex) -> str:
    """One line: images, objects, parts, and whether the limit of 100 detections leaves any out."""
    contours = [
        [p for p in annotation.polygons if len(remove_repeated_points(p)) >= 3]
        for position in range(len(index))
        for annotation in index.annotations(position)
        if not annotation.crowd
    ]
    several = sum(len(parts) > 1 for parts in contours)
    single = label_predictions(index, None, "single")
    counts = Counter((result["image_id"], result["category_id"]) for result in single)
    beyond = sum(max(0, count - 100) for count in counts.values())
    return (
        f"{len(index)} images, {len(contours)} objects, {several} of them in several parts, "
        f"{len(single)} parts; {beyond} of these beyond the limit of 100 an image and class"
    )


@dataclass(frozen=True)
class StudyOptions:
    """What labels score that are given as predictions."""

    annotations: Positional[tuple[Path, ...]]
    """COCO annotation files."""
    vertices: tuple[int, ...] = VERTICES
    """Vertices of a contour, one row of the table each."""

    def __post_init__(self) -> None:
        if not self.annotations:
            raise ValueError("name at least one file")
        if min(self.vertices, default=0) < DIRECTIONS:
            raise ValueError(f"--vertices: a contour needs at least {DIRECTIONS} vertices")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table a file; returns the exit status."""
    options = parse_options(StudyOptions, arguments)
    for path in options.annotations:
        try:
            index = read_coco(path)
            print(f"{path}: {describe(index)}\n\n{ceiling_table(index, options.vertices)}\n")
        except InputError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _predictions(contours: Sequence[np.ndarray], parts: Parts) -> Iterator[list[np.ndarray]]:
    """The contours (n, 2) of an object as predictions, each a list of parts."""
    if not contours:
        return
    if parts == "kept":
        yield list(contours)
    elif parts == "largest":
        yield [max(contours, key=area)]
    else:
        yield from ([contour] for contour in contours)


if __name__ == "__main__":
    sys.exit(main())

"""How well labels keep the shape of the objects, by the number of alignment directions.

    python -m e2ec.bench.studies.alignment_study FILE.json [FILE.json ...]

samples every polygon part above an area with M = 1, 2, 4 and 8 directions and prints, as a Markdown
table, the mean IoU of the label with the polygon it came from. IoU is measured by area, without
rasterising (shapely).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from dataset.formats.coco.read import read_coco
from dataset.index.label_index import LabelIndex
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.report import table
from e2ec.bench.studies.labels import LabelFiles, objects
from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import area

DIRECTIONS = (1, 2, 4, 8)


def polygons_above(index: LabelIndex, smallest: float) -> list[np.ndarray]:
    """Polygon parts, (n, 2), of all objects that are larger than `smallest` square pixels."""
    return [part for _, parts in objects(index) for part in parts if area(part) > smallest]


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two closed polygons by area; crossings are resolved first."""
    shapes = [shapely.make_valid(shapely.Polygon(points)) for points in (first, second)]
    union = shapes[0].union(shapes[1]).area
    return float(shapes[0].intersection(shapes[1]).area / union) if union else 0.0


def label_overlaps(
    polygons: Sequence[np.ndarray], vertices: int, directions: Sequence[int]
) -> np.ndarray:
    """(polygons, directions) IoU of every polygon with its label."""
    return np.array(
        [[overlap(p, align_contour(p, vertices, m)) for m in directions] for p in polygons]
    ).reshape(len(polygons), len(directions))


@dataclass(frozen=True)
class StudyOptions(LabelFiles):
    """How well labels of this many vertices cover what they are made from."""

    vertices: int = 128
    """Vertices of a label."""
    smallest: float = 1024.0
    """Leave out polygons of less area, square pixels."""
    every: int = 1
    """Use only every n-th polygon."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table with a line for each file."""
    options = parse_options(StudyOptions, arguments)
    rows = []
    for path in options.annotations:
        polygons = polygons_above(read_coco(path), options.smallest)[:: options.every]
        mean = 100 * label_overlaps(polygons, options.vertices, DIRECTIONS).mean(axis=0)
        started = time.perf_counter()
        for points in polygons:
            align_contour(points, options.vertices, 4)
        cost = 1000 * (time.perf_counter() - started) / max(len(polygons), 1)
        overlaps = [f"{value:.2f}" for value in mean]
        rows.append([path.name, str(len(polygons)), *overlaps, f"{cost:.2f}"])
    print(table(["file", "polygons", *(f"M = {m}" for m in DIRECTIONS), "ms a label"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

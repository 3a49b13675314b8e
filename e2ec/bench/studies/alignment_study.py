"""How well labels keep the shape of the objects, by the number of alignment directions.

    python -m e2ec.bench.studies.alignment_study FILE.json [FILE.json ...]

samples every polygon part above an area with M = 1, 2, 4 and 8 directions and prints, as a Markdown
table, the mean IoU of the label with the polygon it came from. IoU is measured by area, without
rasterising (shapely).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from tyro.conf import Positional

from dataset.formats.coco.read import read_coco
from e2ec.app.commands.options import parse_options
from lib.errors import InputError
from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import area, remove_repeated_points

DIRECTIONS = (1, 2, 4, 8)


def polygons_above(path: str | Path, smallest: float) -> Iterator[np.ndarray]:
    """Polygon parts, (n, 2), of a COCO file that are larger than `smallest` square pixels."""
    index = read_coco(path)
    for position in range(len(index)):
        for annotation in index.annotations(position):
            for part in annotation.polygons:
                if area(part) > smallest and len(remove_repeated_points(part)) >= 3:
                    yield part


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
class StudyOptions:
    """How well labels of a given number of vertices cover what they are made from."""

    annotations: Positional[tuple[Path, ...]]
    """COCO annotation files."""
    vertices: int = 128
    """Vertices of a label."""
    smallest: float = 1024.0
    """Leave out polygons of less area, square pixels."""
    every: int = 1
    """Use only one polygon in this many."""

    def __post_init__(self) -> None:
        if not self.annotations:
            raise ValueError("name at least one file")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table a file; returns the exit status."""
    options = parse_options(StudyOptions, arguments)
    header = " | ".join(f"M = {m}" for m in DIRECTIONS)
    print(f"| file | polygons | {header} | ms a label |")
    print("|---|---|" + "---|" * (len(DIRECTIONS) + 1))
    for path in options.annotations:
        try:
            polygons = list(polygons_above(path, options.smallest))[:: options.every]
        except InputError as error:
            print(error, file=sys.stderr)
            return 1
        mean = 100 * label_overlaps(polygons, options.vertices, DIRECTIONS).mean(axis=0)
        started = time.perf_counter()
        for points in polygons:
            align_contour(points, options.vertices, 4)
        cost = 1000 * (time.perf_counter() - started) / max(len(polygons), 1)
        cells = " | ".join(f"{value:.2f}" for value in mean)
        print(f"| {Path(path).name} | {len(polygons)} | {cells} | {cost:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

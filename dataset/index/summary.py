"""A data set in numbers: classes, sizes, parts and vertices of its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dataset.index.label_index import LabelIndex
from lib.polygons.ragged import gather

# Bounds of COCO's small, medium and large objects, square pixels.
_SIZES = (("small", 0.0, 32.0**2), ("medium", 32.0**2, 96.0**2), ("large", 96.0**2, np.inf))
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_QUANTILE_NAMES = ("min", "5 %", "25 %", "median", "75 %", "95 %", "max")
# Objects with this many parts or more are counted together.
_MANY_PARTS = 5


@dataclass(frozen=True)
class Summary:
    """The numbers of a data set; crowd regions are counted apart and are in no other number.

    Attributes:
        images_without_objects: they may have crowd regions.
        parts: number of contours of all objects; each is an instance of its own in training.
        labelled: False for the images of a test set.
        objects_per_class: in the order of the names.
        sizes: number of objects that COCO calls small, medium and large, by area.
        side: quantiles of the square root of the area of the objects, pixels.
        parts_per_object: number of objects with 1, 2, 3, 4 and "5+" contours.
        vertices_per_contour, objects_per_image: quantiles.
    """

    images: int
    images_without_objects: int
    objects: int
    parts: int
    crowd_regions: int
    labelled: bool
    class_names: tuple[str, ...]
    objects_per_class: tuple[int, ...]
    sizes: dict[str, int]
    side: dict[str, float]
    parts_per_object: dict[str, int]
    vertices_per_contour: dict[str, float]
    objects_per_image: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """All numbers as JSON-ready values."""
        return asdict(self)


def summarise(index: LabelIndex) -> Summary:
    """Count what a data set holds."""
    c = index.columns
    objects, positions = index.objects()
    per_image = np.bincount(positions, minlength=len(index))
    part_offsets, parts = gather(c.part_offsets, objects)
    contours = np.diff(part_offsets)
    areas = c.areas[objects]
    classes = np.searchsorted(list(index.categories), c.category_ids[objects])
    names = {str(k): k for k in range(1, _MANY_PARTS)}
    return Summary(
        images=len(index),
        images_without_objects=int((per_image == 0).sum()),
        objects=len(objects),
        parts=len(parts),
        crowd_regions=index.annotation_count() - len(objects),
        labelled=index.labelled,
        class_names=tuple(index.categories.values()),
        objects_per_class=tuple(np.bincount(classes, minlength=len(index.categories)).tolist()),
        sizes={name: int(((areas >= a) & (areas < b)).sum()) for name, a, b in _SIZES},
        side=_quantiles(np.sqrt(np.maximum(areas, 0))),
        parts_per_object={name: int((contours == k).sum()) for name, k in names.items()}
        | {f"{_MANY_PARTS}+": int((contours >= _MANY_PARTS).sum())},
        vertices_per_contour=_quantiles(np.diff(c.point_offsets)[parts]),
        objects_per_image=_quantiles(per_image),
    )


def format_summaries(summaries: Mapping[str, Summary]) -> str:
    """A table of the numbers with a column for every split, by name."""
    columns = list(summaries.values())
    rows: list[tuple[str, list[str]]] = [
        (title, [f"{getattr(s, name):,}" for s in columns])
        for title, name in (
            ("images", "images"),
            ("  without objects", "images_without_objects"),
            ("objects", "objects"),
            ("contours", "parts"),
            ("crowd regions", "crowd_regions"),
        )
    ]
    for title, name in (
        ("objects by area (32^2, 96^2 pixels)", "sizes"),
        ("objects by number of contours", "parts_per_object"),
        ("side of an object (root of the area), pixels", "side"),
        ("points of a contour", "vertices_per_contour"),
        ("objects of an image", "objects_per_image"),
    ):
        tables: list[dict[str, float]] = [getattr(s, name) for s in columns]
        keys = list(dict.fromkeys(key for table in tables for key in table))
        rows.append((title, [""] * len(columns)))
        rows += [(f"  {key}", [_number(table.get(key)) for table in tables]) for key in keys]
    rows.append(("objects by class", [""] * len(columns)))
    for name in dict.fromkeys(name for s in columns for name in s.class_names):
        counts = [dict(zip(s.class_names, s.objects_per_class, strict=True)) for s in columns]
        rows.append((f"  {name}", [_number(count.get(name)) for count in counts]))
    return _table(["", *summaries], [(title, *values) for title, values in rows])


def _quantiles(values: np.ndarray) -> dict[str, float]:
    if len(values) == 0:
        return {}
    found = np.quantile(values, _QUANTILES)
    return {name: round(float(v), 2) for name, v in zip(_QUANTILE_NAMES, found, strict=True)}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text columns, the first flush left, the others flush right."""
    widths = [max(len(line[k]) for line in (header, *rows)) for k in range(len(header))]
    lines = []
    for line in (header, *rows):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)

"""Instances from COCO's annotations or results of one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dataset.index.inputs import given_points
from dataset.masks.rings import split_rings
from dataset.masks.run_lengths import run_lengths
from e2ec.results.instances import AnyInstances
from lib.errors import InputError


def from_coco(
    kind: type[AnyInstances],
    entries: Sequence[Mapping[str, Any]],
    *,
    height: int,
    width: int,
    categories: Mapping[int, str],
    source: str | None = None,
) -> AnyInstances:
    """Annotations, or results, of one image; those without a score have score 1.

    Run lengths become exact masks. Each polygon is a part; one that bridges hold together (edges
    that are walked there and back, as `to_coco` writes them) is cut into its part and its holes.

    Args:
        kind: what is made.
        entries: dictionaries with `category_id` and `segmentation`.
        height, width: of the image, pixels.
        categories: class names by category id.
        source: name of the image file.

    Raises:
        InputError: an entry is unusable.
    """
    positions = {key: place for place, key in enumerate(categories)}
    labels, scores = [], []
    parts: list[list[np.ndarray]] = []
    holes: list[list[list[np.ndarray]]] = []
    runs: list[np.ndarray | None] = []
    for number, entry in enumerate(entries):
        where = f"annotation {number}"
        if entry.get("category_id") not in positions:
            raise InputError(f"{where}: category {entry.get('category_id')!r:.40} is not known")
        labels.append(positions[entry["category_id"]])
        scores.append(entry.get("score", 1.0))
        shape = entry.get("segmentation")
        if isinstance(shape, Mapping):
            runs.append(_runs(shape, height, width, where))
            parts.append([])
            holes.append([])
            continue
        if not isinstance(shape, list) or not shape:
            raise InputError(f"{where}: 'segmentation' must be polygons or run lengths")
        components = [c for flat in shape for c in split_rings(_points(flat, where))]
        runs.append(None)
        parts.append([outer for outer, _ in components])
        holes.append([list(inner) for _, inner in components])
    try:
        return kind(
            height=height,
            width=width,
            class_names=tuple(categories.values()),
            labels=np.array(labels, np.int64),
            scores=np.array(scores, np.float64),
            parts=parts,
            category_ids=tuple(categories),
            source=source,
            holes=holes,
            runs=runs,
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"annotations: {error}") from error


def _runs(shape: Mapping[str, Any], height: int, width: int, where: str) -> np.ndarray:
    if list(shape.get("size", ())) != [height, width]:
        raise InputError(f"{where}: its mask is not of {width} x {height} pixels")
    try:
        return run_lengths(shape.get("counts", ""), height, width)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _points(flat: Any, where: str) -> np.ndarray:
    flat = flat.ravel().tolist() if isinstance(flat, np.ndarray) else flat
    pairs = list(zip(flat[::2], flat[1::2], strict=False)) if isinstance(flat, list) else None
    points = None if pairs is None or len(flat) % 2 else given_points([*map(list, pairs)])
    if points is None or len(points) < 3:
        raise InputError(f"{where}: a polygon must be x, y, x, y, ... of at least three points")
    return points

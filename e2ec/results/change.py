"""Instances chosen, put together, cut to a box, and brought to another size."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import shapely

from dataset.masks.run_lengths import decode_mask, encode_mask
from e2ec.results.instances import AnyInstances, Instances
from e2ec.results.postprocess.valid_polygons import mend, polygon_rings
from e2ec.results.shapes import as_given
from lib.errors import InputError


def chosen(
    instances: AnyInstances,
    *,
    min_score: float | None = None,
    classes: Collection[str | int] | None = None,
    min_area: float | None = None,
    max_area: float | None = None,
) -> AnyInstances:
    """The instances that fulfil all that is asked for.

    Args:
        instances: of one image.
        min_score: the least score.
        classes: names or indices of classes.
        min_area, max_area: in square pixels, both included.

    Raises:
        InputError: there is no such class.
    """
    kept = np.ones(len(instances), bool)
    if min_score is not None:
        kept &= instances.scores >= min_score
    if classes is not None:
        kept &= np.isin(instances.labels, [_class_index(instances, name) for name in classes])
    if min_area is not None or max_area is not None:
        areas = instances.areas()
        kept &= areas >= (-np.inf if min_area is None else min_area)
        kept &= areas <= (np.inf if max_area is None else max_area)
    return instances[kept]


def _class_index(instances: Instances, name: str | int) -> int:
    if isinstance(name, str) and name in instances.class_names:
        return instances.class_names.index(name)
    if not isinstance(name, str) and 0 <= name < len(instances.class_names):
        return int(name)
    raise InputError(f"no class {name!r:.60}; there are {', '.join(instances.class_names)!s:.200}")


def joined(first: AnyInstances, second: Instances) -> AnyInstances:
    """The instances of both, of one image, in this order.

    Classes go by their names: those that `first` lacks come behind its own. They keep their
    category id where it is free, else they get the next one above all.

    Raises:
        InputError: the images are of different size.
    """
    sizes = [(one.height, one.width) for one in (first, second)]
    if sizes[0] != sizes[1]:
        (h0, w0), (h1, w1) = sizes
        raise InputError(f"contours of {w0} x {h0} and {w1} x {h1} pixels are not of one image")
    names, ids = list(first.class_names), list(first.category_ids)
    for name, key in zip(second.class_names, second.category_ids, strict=True):
        if name not in names:
            names.append(name)
            ids.append(key if key not in ids else max(*ids, *second.category_ids) + 1)
    places = np.array([names.index(name) for name in second.class_names], np.int64)
    return replace(
        first,
        class_names=tuple(names),
        category_ids=tuple(ids),
        labels=np.concatenate([first.labels, places[second.labels]]),
        scores=np.concatenate([first.scores, second.scores]),
        parts=as_given(first.parts) + as_given(second.parts),
        holes=as_given(first.holes) + as_given(second.holes),
        runs=[*first.runs, *second.runs],
        track_ids=_joined_tracks(first, second),
    )


def _joined_tracks(first: Instances, second: Instances) -> np.ndarray | None:
    """-1 for those of an image that has no tracks, where the other one has."""
    if first.track_ids is None and second.track_ids is None:
        return None
    return np.concatenate(
        [np.full(len(o), -1) if o.track_ids is None else o.track_ids for o in (first, second)]
    )


def clipped(
    instances: AnyInstances, box: tuple[float, float, float, float] | None = None
) -> AnyInstances:
    """What of the instances lies in a box (x0, y0, x1, y1) in pixels; in the image without one.

    The image keeps its size, and instances their positions; those of which nothing is left go.
    Polygons that reach out are cut, and valid afterwards; of masks the pixels go whose centres lie
    outside.

    Raises:
        InputError: the box has no area.
    """
    x0, y0, x1, y1 = (0.0, 0.0, instances.width, instances.height) if box is None else box
    if not (x0 < x1 and y0 < y1):
        raise InputError(f"the box {box} has no area; give x0, y0, x1, y1 with x0 < x1, y0 < y1")
    kept: list[int] = []
    parts, holes = as_given(instances.parts), as_given(instances.holes)
    runs = list(instances.runs)
    inside = _centres_inside(instances, (x0, y0, x1, y1))
    for index, (left, top, right, bottom) in enumerate(instances.boxes().tolist()):
        mask = runs[index]
        if x0 <= left and y0 <= top and right <= x1 and bottom <= y1:
            kept.append(index)
        elif mask is not None:
            cut_mask = decode_mask(mask, instances.height, instances.width) & inside
            runs[index] = encode_mask(cut_mask)
            kept += [index] if cut_mask.any() else []
        else:
            components = list(zip(parts[index], holes[index], strict=True))
            cut = shapely.intersection(mend(components).geometry, shapely.box(x0, y0, x1, y1))
            areas = [g for g in shapely.get_parts(cut) if g.geom_type == "Polygon" and g.area > 0]
            rings = [found for geometry in areas for found in polygon_rings(geometry)]
            parts[index], holes[index] = [o for o, _ in rings], [inner for _, inner in rings]
            kept += [index] if rings else []
    return replace(
        instances,
        labels=instances.labels[kept],
        scores=instances.scores[kept],
        parts=[parts[i] for i in kept],
        holes=[holes[i] for i in kept],
        runs=[runs[i] for i in kept],
        track_ids=None if instances.track_ids is None else instances.track_ids[kept],
    )


def _centres_inside(instances: Instances, box: tuple[float, float, float, float]) -> np.ndarray:
    """(height, width) bool: pixels whose centres lie in the box."""
    x, y = np.arange(instances.width) + 0.5, np.arange(instances.height) + 0.5
    across, down = (box[0] <= x) & (x < box[2]), (box[1] <= y) & (y < box[3])
    return down[:, None] & across


def scaled(instances: AnyInstances, factor: float | Sequence[float]) -> AnyInstances:
    """The instances of the image at another size, of whole pixels at least 1.

    Points are multiplied by what the size really changes by, so that outlines stay in place to the
    last pixel. Masks become polygons: their outlines along the edges of the pixels.

    Args:
        instances: of one image.
        factor: for both directions, or for x and for y.

    Raises:
        InputError: a factor is not a positive number.
    """
    factors = np.asarray(factor, np.float64) * np.ones(2)
    if factors.shape != (2,) or not (np.isfinite(factors).all() and (factors > 0).all()):
        raise InputError(f"cannot scale by {factor}; give a positive number, or one for x and y")
    size = np.array([instances.width, instances.height])
    width, height = np.maximum(np.rint(size * factors), 1).astype(int).tolist()
    ratio = np.array([width, height]) / size
    return replace(
        instances,
        height=height,
        width=width,
        parts=[[part * ratio for part in rings] for rings in instances.parts],
        holes=[[[h * ratio for h in inner] for inner in rings] for rings in instances.holes],
        runs=(),
    )

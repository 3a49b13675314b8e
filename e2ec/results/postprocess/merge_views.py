"""Several predictions of one image, made one: contours that match are averaged vertex by vertex.

Every view of an image (mirrored, larger, smaller) is predicted by itself and brought back into the
image. Instances of one class whose contours overlap are one instance. Each of its vertices is the
mean of the members' vertices, weighted by their scores; its score is the mean over all views, where
a view that has not found it counts 0: what only one of four views sees is doubtful.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from e2ec.results.contours import Contours
from e2ec.results.postprocess.valid_polygons import mend

MATCH = 0.5
"""Contours that overlap by at least this IoU are of one instance."""


def merge_views(
    views: Sequence[Contours], *, min_score: float = 0.0, max_instances: int | None = None
) -> Contours:
    """One result of those of several views.

    Taken by falling score, every instance gathers, from each of the other views, the instance of
    its class that matches it best, if one does that is not another's already. Instances of one part
    with equally many vertices are averaged; where there are several parts, the best member's
    outlines stay as they are.

    Args:
        views: of one image, in its pixels, polygons without holes; their contours are walked the
            same way and may begin anywhere. One is given back as it is but for what follows.
        min_score: merged instances of a lower score are left out.
        max_instances: only so many, the best.

    Returns:
        The merged instances by falling score.

    Raises:
        ValueError: there is no view, or they are not of one image and the same classes.
    """
    if not views:
        raise ValueError("there is no view to merge")
    first = views[0]
    if len({(one.height, one.width, one.class_names) for one in views}) > 1:
        raise ValueError("views of different images or classes cannot be merged")
    groups = _groups(views)
    merged = [_merge([(views[v], i) for v, i in group]) for group in groups]
    scores = np.array(
        [sum(views[v].scores[i] for v, i in group) / len(views) for group in groups], np.float64
    )
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= min_score][:max_instances]
    return replace(
        first,
        labels=np.array([views[v].labels[i] for v, i in (groups[k][0] for k in order)], np.int64),
        scores=scores[order],
        parts=[merged[k] for k in order],
        holes=(),
        runs=(),
    )


def _groups(views: Sequence[Contours]) -> list[list[tuple[int, int]]]:
    """The members (view, instance) of every merged instance, the best first."""
    places = [(v, i) for v, view in enumerate(views) for i in range(len(view))]
    scores = np.array([views[v].scores[i] for v, i in places], np.float64)
    # Of equal scores the first view's comes first.
    order = np.argsort(-scores, kind="stable")
    shapes = [_shapes(view) for view in views]
    trees = [shapely.STRtree(own) for own in shapes]
    free = [np.ones(len(view), bool) for view in views]
    groups = []
    for v, i in (places[k] for k in order):
        if not free[v][i]:
            continue
        free[v][i] = False
        group = [(v, i)]
        for other, view in enumerate(views):
            if other == v:
                continue
            near = trees[other].query(shapes[v][i])
            near = np.sort(near[free[other][near] & (view.labels[near] == views[v].labels[i])])
            if len(near):
                overlap = _ious(shapes[v][i], shapes[other][near])
                best = int(overlap.argmax())
                if overlap[best] >= MATCH:
                    free[other][near[best]] = False
                    group.append((other, int(near[best])))
        groups.append(group)
    return groups


def _shapes(contours: Contours) -> np.ndarray:
    """(n,) valid shapely polygons; a predicted contour may cross itself."""
    shapes = np.empty(len(contours), object)
    for i, instance in enumerate(contours):
        shapes[i] = mend(instance.components).geometry
    return shapes


def _ious(one: shapely.Geometry, others: np.ndarray) -> np.ndarray:
    """(n,) the overlap of a polygon with others."""
    common = shapely.area(shapely.intersection(one, others))
    union = shapely.area(one) + shapely.area(others) - common
    ious: np.ndarray = common / np.maximum(union, np.finfo(np.float64).tiny)
    return ious


def _merge(members: Sequence[tuple[Contours, int]]) -> list[np.ndarray]:
    """The parts of the instance that the members make, of which the first is the best."""
    parts = [contours.parts[i] for contours, i in members]
    best = parts[0]
    alike = [k for k, own in enumerate(parts) if len(own) == 1 and len(own[0]) == len(best[0])]
    if len(best) > 1 or len(alike) == 1:
        return best
    weights = np.array([contours.scores[i] for contours, i in (members[k] for k in alike)])
    if weights.sum() <= 0:
        weights = np.ones(len(alike))
    aligned = np.stack([align(parts[k][0], best[0]) for k in alike])
    return [np.tensordot(weights / weights.sum(), aligned, axes=1)]


def align(contour: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """A contour (N, 2) that begins where its vertices lie nearest to those of another, (N, 2).

    That is the roll with the least sum of squared distances; the direction stays.
    """
    # sum |a - b|^2 = sum |a|^2 + sum |b|^2 - 2 sum a b: only the last depends on the roll. About a
    # common middle the numbers are small.
    middle = reference.mean(axis=0)
    products = (reference - middle) @ (contour - middle).T
    count = len(contour)
    vertex = np.arange(count)
    agreement = [products[vertex, (vertex + roll) % count].sum() for roll in range(count)]
    return np.roll(contour, -int(np.argmax(agreement)), axis=0)

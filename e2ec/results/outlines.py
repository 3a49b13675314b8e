"""Instances <-> outlines: parts with their holes, of polygons and of masks, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from dataset.masks.rings import Component
from dataset.masks.run_lengths import run_lengths
from dataset.masks.smooth_rings import smooth_ring
from e2ec.results.instances import Instances
from e2ec.results.masks import compressed_masks
from e2ec.results.shapes import as_given

AnyInstances = TypeVar("AnyInstances", bound=Instances)
Outlines = list[list[Component]]
"""By instance its parts, each an outer ring with its holes, (N, 2), x then y, pixels."""


def with_outlines(
    instances: AnyInstances, change: Callable[[Outlines], Sequence[Sequence[Component]]]
) -> AnyInstances:
    """Instances with other outlines; polygons stay polygons and masks stay masks.

    Args:
        instances: of one image; masks need not be traced before.
        change: takes the outlines of all instances and gives as many of as many parts and holes.
            Those of masks are traced, without the steps of the pixel grid (`smooth_ring`). A ring
            that is to stay is given back as the same array.

    Returns:
        The same instances in the same order. One whose rings all stay has exactly the polygons or
        the mask that it had; so has a mask of which nothing would be left. Of a mask that changes,
        rings that stay are its own, with the steps.
    """
    given = [_components(instances, i) for i in range(len(instances))]
    shown = [
        given[i] if runs is None else _each_ring(given[i], smooth_ring)
        for i, runs in enumerate(instances.runs)
    ]
    changed = change(shown)
    parts, holes = as_given(instances.parts), as_given(instances.holes)
    masks: list[int] = []
    for i, (before, after) in enumerate(zip(shown, changed, strict=True)):
        stays = [a is b for a, b in zip(_rings(before), _rings(after), strict=True)]
        if all(stays):
            continue
        rings = iter(
            own if keep else new
            for own, new, keep in zip(_rings(given[i]), _rings(after), stays, strict=True)
        )
        components = [(next(rings), [next(rings) for _ in inner]) for _, inner in given[i]]
        parts[i] = [outer for outer, _ in components]
        holes[i] = [inner for _, inner in components]
        if instances.runs[i] is not None:
            masks.append(i)
    runs = list(instances.runs)
    polygons = Instances(
        height=instances.height,
        width=instances.width,
        class_names=("",),
        labels=np.zeros(len(masks), np.int64),
        scores=np.ones(len(masks)),
        parts=[parts[i] for i in masks],
        holes=[holes[i] for i in masks],
    )
    for i, counts in zip(masks, compressed_masks(polygons) if masks else (), strict=True):
        filled = run_lengths(counts, instances.height, instances.width)
        runs[i] = filled if filled[1::2].any() else runs[i]
        parts[i], holes[i] = [], []
    return replace(instances, parts=parts, holes=holes, runs=runs)


def _components(instances: Instances, index: int) -> list[Component]:
    return list(zip(instances.parts[index], instances.holes[index], strict=True))


def _each_ring(
    components: Sequence[Component], change: Callable[[np.ndarray], np.ndarray]
) -> list[Component]:
    return [(change(outer), [change(hole) for hole in holes]) for outer, holes in components]


def _rings(components: Sequence[Component]) -> list[np.ndarray]:
    """Every outer ring before its holes."""
    return [ring for outer, holes in components for ring in (outer, *holes)]

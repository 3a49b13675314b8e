"""Outlines that somebody else has found, refined by SharpContour on a shared map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dataset.masks.rings import Component
from dataset.transforms.test_transform import restore_points
from e2ec.families.family import ShownImage
from lib.polygons.geometry import signed_area, transform_points
from lib.polygons.resampling import divided, perimeter, simplified
from network.sharp.settings import EvolutionSettings
from network.sharp.sharp_contour import SharpContour

_TOLERANCE = 0.1
"""How far a vertex may lie from its outline to be left out, pixels of the image: more would cost
small masks a hundredth of their area before anything has moved."""
_MOST_VERTICES = 4096
_MOST_RINGS = 512
"""Of an instance; the largest are refined."""
_LARGEST_CALL = 1 << 15
"""Vertices refined at a time: the network holds some 3 kB for each."""
_LEFT = 0.1
"""A ring that keeps less than this part of its area has fallen apart."""


@dataclass(frozen=True, eq=False)
class _Ring:
    """A ring to refine: its corners in image pixels and where it belongs."""

    corners: np.ndarray
    perimeter: float
    part: int
    hole: int
    """Number of the hole in its part; -1 is the outer ring."""


@dataclass(frozen=True, eq=False)
class _Instance:
    """An instance to refine; all its rings get `vertices`."""

    number: int
    rings: list[_Ring]
    vertices: int


def refine_rings(
    sharp: SharpContour,
    features: Tensor,
    shown: ShownImage,
    instances: Sequence[Sequence[Component]],
    *,
    evolution: EvolutionSettings,
) -> list[list[Component]]:
    """The instances of one image with their rings refined.

    All rings of an instance share its box and its point classifier; a hole's outside is its object.
    A ring has vertices at its corners and in between, at most a cell of the map apart; rings of
    more than 4096 vertices lie further apart. Rings that cannot be seen on the map, because they
    cover less than a cell, stay as they are beside a larger one of their instance, and so do those
    behind the 512 largest.

    Args:
        features: (1, C, h, w), the shared map.
        shown: how the image was shown.
        instances: by instance its parts, each an outer ring with its holes, (N, 2), x then y,
            pixels of the image.
        evolution: how contours move.

    Returns:
        As many instances of as many parts and holes, pixels of the image. A ring that has not
        moved, or that would fall apart (cross itself through, or nearly vanish), is the array that
        was given.
    """
    stride, scale = sharp.classifier.stride, _scale(shown.matrix)
    results = [[(outer, list(holes)) for outer, holes in parts] for parts in instances]
    todo = [
        _instance(number, parts, stride / scale, evolution.vertices)
        for number, parts in enumerate(instances)
    ]
    for batch in _batches([instance for instance in todo if instance.rings]):
        found = _refined(sharp, features, shown, batch, evolution)
        for instance, rings in zip(batch, found, strict=True):
            for ring, points in zip(instance.rings, rings, strict=True):
                parts = results[instance.number]
                if points is None:
                    continue
                if ring.hole >= 0:
                    parts[ring.part][1][ring.hole] = points
                else:
                    parts[ring.part] = (points, parts[ring.part][1])
    return results


def _scale(matrix: np.ndarray) -> float:
    """Input pixels an image pixel."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _instance(number: int, parts: Sequence[Component], cell: float, least: int) -> _Instance:
    """What of an instance is refined, and with how many vertices a ring.

    Args:
        cell: side of a cell of the map, image pixels.
        least: vertices a ring at least.
    """
    rings: list[tuple[float, _Ring]] = []
    for part, (outer, holes) in enumerate(parts):
        for hole, points in enumerate((outer, *holes), start=-1):
            corners = simplified(points, tolerance=_TOLERANCE, most=_MOST_VERTICES // 2)
            covered = abs(signed_area(corners))
            if len(corners) >= 3 and covered > 0:
                rings.append((covered, _Ring(corners, perimeter(corners), part, hole)))
    rings.sort(key=lambda ring: -ring[0])
    chosen = [ring for place, (area, ring) in enumerate(rings) if not place or area >= cell**2]
    chosen = chosen[:_MOST_RINGS]
    needed = max((len(ring.corners) + ring.perimeter / cell for ring in chosen), default=0.0)
    most = max(_MOST_VERTICES // max(len(chosen) // 8, 1), least)
    vertices = least
    while vertices < needed and 2 * vertices <= most:
        vertices *= 2
    return _Instance(number, chosen, vertices)


def _batches(instances: Sequence[_Instance]) -> Iterator[list[_Instance]]:
    """Instances whose rings have equally many vertices, few enough to be refined at a time."""
    by_vertices = sorted(instances, key=lambda instance: instance.vertices)
    batch: list[_Instance] = []
    held = 0
    for instance in by_vertices:
        size = instance.vertices * len(instance.rings)
        if batch and (batch[0].vertices != instance.vertices or held + size > _LARGEST_CALL):
            yield batch
            batch, held = [], 0
        batch.append(instance)
        held += size
    if batch:
        yield batch


def _refined(
    sharp: SharpContour,
    features: Tensor,
    shown: ShownImage,
    batch: Sequence[_Instance],
    evolution: EvolutionSettings,
) -> Iterator[list[np.ndarray | None]]:
    """By instance its rings in image pixels; None for one that keeps what it had."""
    rings = [ring for instance in batch for ring in instance.rings]
    counts = torch.tensor([len(instance.rings) for instance in batch])
    count = batch[0].vertices
    given = np.stack(
        [
            divided(simplified(ring.corners, tolerance=_TOLERANCE, most=count // 2), count)
            if len(ring.corners) > count
            else divided(ring.corners, count)
            for ring in rings
        ]
    )
    device = features.device
    kind = torch.promote_types(features.dtype, torch.float32)
    contours = torch.from_numpy(transform_points(given, shown.matrix)).to(device, kind)
    moved = sharp(
        features,
        contours,
        torch.zeros(len(rings), dtype=torch.int64, device=device),
        owners=torch.repeat_interleave(counts).to(device),
        outward=torch.tensor([1.0 if ring.hole < 0 else -1.0 for ring in rings], device=device),
        max_per_image=len(rings),
        evolution=evolution,
    )[-1]
    still = (moved - contours).abs().amax(dim=(1, 2)).cpu().numpy() == 0
    points = restore_points(moved.cpu().double().numpy(), shown.matrix)
    whole = [
        None if rests or _fell_apart(old, new) else new
        for rests, old, new in zip(still, given, points, strict=True)
    ]
    place = 0
    for instance in batch:
        yield whole[place : place + len(instance.rings)]
        place += len(instance.rings)


def _fell_apart(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a ring has crossed itself through, or nearly vanished; vertices (N, 2) correspond."""
    if not np.isfinite(after).all():
        return True
    area = signed_area(before)
    if signed_area(after) * np.sign(area) < _LEFT * abs(area):
        return True
    # A ring that shrinks through its middle comes out turned by half a turn.
    edges = (np.roll(ring, -1, axis=0) - ring for ring in (before, after))
    return bool(np.vdot(*edges) <= 0)

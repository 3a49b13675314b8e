"""What the evolution of contours reaches with a classifier that is never wrong.

    python -m e2ec.bench.studies.evolution_study

draws random shapes of four kinds: smooth ones, stars with sharp corners, shapes with holes and
shapes of several parts. Their vertices, evenly spread and then moved at random by 3 % of the root
of the box's area, evolve with the shape itself as the classifier. The Markdown table says IoU by
area and the symmetric Hausdorff distance as a part of that root, before and after, and, for each
ring's corners, how far the nearest point of the contour is. Beside it stands a stand-in for a
regression snake: the exact way to the nearest boundary, as its circular convolutions would give it
at best, averaged over neighbouring vertices (a binomial filter), in as many iterations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
import torch
from torch import Tensor

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.report import table
from e2ec.config import EvolutionSettings
from network.sharp.evolution import evolve

SIDE = 400.0
"""Root of the area of a shape's box, about, in pixels."""
KINDS = ("smooth", "star", "holes", "parts")
FILTER = np.array([1, 4, 6, 4, 1]) / 16
"""What the stand-in's offsets are averaged with: five neighbours, as one circular convolution."""


@dataclass(frozen=True)
class Shape:
    """A random shape and the rings that its contours are drawn from.

    Attributes:
        area: the shape itself.
        rings: exact corners, (k, 2) each.
        outward: 1 where a ring bounds the shape from outside, -1 for a hole.
    """

    area: shapely.Geometry
    rings: list[np.ndarray]
    outward: list[int]


@dataclass(frozen=True)
class Score:
    """A contour against its shape; lengths as parts of the root of the box's area."""

    iou: float
    hausdorff: float
    corners: float
    apart: bool
    """Whether all rings are still valid, and none crosses another."""


def random_shape(kind: str, rng: np.random.Generator) -> Shape:
    """One of `KINDS`."""
    if kind == "parts":
        left = _ring("smooth", rng, (-SIDE * 0.3, 0.0), SIDE * 0.2)
        right = _ring("star", rng, (SIDE * 0.3, 0.0), SIDE * 0.25)
        rings, outward = [left, right], [1, 1]
    elif kind == "holes":
        rings = [_ring("smooth", rng, (0.0, 0.0), SIDE / 2)]
        rings.append(_ring("star", rng, (0.0, 0.0), SIDE * 0.17))
        outward = [1, -1]
    else:
        rings, outward = [_ring(kind, rng, (0.0, 0.0), SIDE / 2)], [1]
    area = shapely.Polygon(rings[0])
    for ring, way in zip(rings[1:], outward[1:], strict=True):
        other = shapely.Polygon(ring)
        area = area.union(other) if way > 0 else area.difference(other)
    return Shape(area, rings, outward)


def _ring(
    kind: str, rng: np.random.Generator, center: tuple[float, float], radius: float
) -> np.ndarray:
    """Corners (k, 2) of a wavy outline, or of a star of 5 to 9 rays."""
    if kind == "star":
        count = 2 * int(rng.integers(5, 10))
        reach = np.where(np.arange(count) % 2, rng.uniform(0.5, 0.7), 1.0)
        reach = reach * rng.uniform(0.9, 1.0, count)
    else:
        count = 256
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    if kind == "smooth":
        waves = sum(rng.uniform(0, 0.1) * np.sin(k * angle + rng.uniform(0, 6)) for k in range(2, 6))
        reach = (1 + waves) / 1.2
    angle = angle + rng.uniform(0, 2 * np.pi)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.array(center) + radius * reach[:, None] * ray


def perturbed(shape: Shape, vertices: int, part: float, rng: np.random.Generator) -> np.ndarray:
    """Contours (rings, vertices, 2) evenly along the rings, every vertex a normal deviate of `part`
    of the root of the box's area away, averaged over neighbours as a network's errors are."""
    rings = []
    for ring in shape.rings:
        line = shapely.LineString(np.concatenate([ring, ring[:1]]))
        along = (np.arange(vertices) + rng.uniform()) / vertices * line.length
        rings.append(shapely.get_coordinates(shapely.line_interpolate_point(line, along % line.length)))
    noise = rng.normal(size=(len(rings), vertices, 2))
    noise = _circular(noise, np.ones(9) / 9) * 3  # of standard deviation 1 again
    moved: np.ndarray = np.stack(rings) + part * box_size(shape) * noise / np.sqrt(2)
    return moved


def box_size(shape: Shape) -> float:
    """Root of the area of the shape's box."""
    x0, y0, x1, y1 = shape.area.bounds
    return float(np.sqrt((x1 - x0) * (y1 - y0)))


def evolved(shape: Shape, contours: np.ndarray, settings: EvolutionSettings) -> np.ndarray:
    """The contours after all iterations, with the shape as their classifier."""
    shapely.prepare(shape.area)

    def state(points: Tensor) -> Tensor:
        inside = shapely.contains_xy(shape.area, *points.numpy().reshape(-1, 2).T)
        return torch.from_numpy(~inside).to(points.dtype).view(points.shape[:2])

    size = torch.full((len(contours),), box_size(shape), dtype=torch.float64)
    outward = torch.tensor(shape.outward, dtype=torch.float64)
    result: np.ndarray = evolve(
        torch.from_numpy(contours), state, size, settings, outward=outward
    )[-1].numpy()
    return result


def regressed(shape: Shape, contours: np.ndarray, settings: EvolutionSettings) -> np.ndarray:
    """The stand-in for a regression snake: smoothed ways to the nearest point of the boundary."""
    for _ in range(settings.iterations):
        offsets = []
        for contour, ring in zip(contours, shape.rings, strict=True):
            line = shapely.LineString(np.concatenate([ring, ring[:1]]))
            nearest = line.interpolate(line.project(shapely.points(contour)))
            offsets.append(shapely.get_coordinates(nearest) - contour)
        contours = contours + _circular(np.stack(offsets), FILTER)
    return contours


def _circular(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values (r, N, 2) averaged over their neighbours along closed rings."""
    reach = len(weights) // 2
    shifted = (w * np.roll(values, k - reach, axis=1) for k, w in enumerate(weights))
    total: np.ndarray = sum(shifted, np.zeros_like(values))
    return total


def score(shape: Shape, contours: np.ndarray) -> Score:
    """How near contours are to their shape."""
    polygons = [shapely.Polygon(contour) for contour in contours]
    whole = [shapely.make_valid(polygon) for polygon in polygons]
    found = whole[0]
    for other, way in zip(whole[1:], shape.outward[1:], strict=True):
        found = found.union(other) if way > 0 else found.difference(other)
    lines = [shapely.LinearRing(contour) for contour in contours]
    edges = [shapely.LinearRing(ring) for ring in shape.rings]
    size = box_size(shape)
    corners = [
        shapely.distance(line, shapely.points(ring[_is_corner(ring)])).max(initial=0.0)
        for line, ring in zip(lines, shape.rings, strict=True)
    ]
    pairs = zip(lines, edges, strict=True)
    return Score(
        iou=float(found.intersection(shape.area).area / found.union(shape.area).area),
        hausdorff=max(shapely.hausdorff_distance(a, b, densify=0.02) for a, b in pairs) / size,
        corners=float(max(corners)) / size,
        apart=all(p.is_valid for p in polygons)
        and not any(a.crosses(b) for i, a in enumerate(lines) for b in lines[:i]),
    )


def _is_corner(ring: np.ndarray) -> np.ndarray:
    """(k,) bool: where a ring turns by more than 30 degrees."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    cosine = (before * after).sum(1) / np.maximum(np.hypot(*before.T) * np.hypot(*after.T), 1e-9)
    sharp: np.ndarray = cosine < np.cos(np.pi / 6)
    return sharp


@dataclass(frozen=True)
class StudyOptions:
    """Contours that evolve with an exact classifier."""

    shapes: int = 100
    """Random shapes of each kind."""
    perturbation: float = 0.03
    """How far vertices are moved, as a part of the root of the box's area."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shapes < 1:
            raise ValueError("--shapes must be positive")
        if not 0 <= self.perturbation < 1:
            raise ValueError("--perturbation must lie in [0, 1)")


def study(kind: str, options: StudyOptions) -> dict[str, list[Score]]:
    """Scores of all shapes of a kind: perturbed, evolved and regressed."""
    rng = np.random.default_rng([options.seed, KINDS.index(kind)])
    methods: dict[str, Callable[[Shape, np.ndarray], np.ndarray]] = {
        "perturbed": lambda _, contours: contours,
        "evolved": lambda shape, contours: evolved(shape, contours, options.evolution),
        "regressed": lambda shape, contours: regressed(shape, contours, options.evolution),
    }
    scores: dict[str, list[Score]] = {name: [] for name in methods}
    for _ in range(options.shapes):
        shape = random_shape(kind, rng)
        given = perturbed(shape, options.evolution.vertices, options.perturbation, rng)
        for name, method in methods.items():
            scores[name].append(score(shape, method(shape, given)))
    return scores


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table with a line for each kind and method."""
    options = parse_options(StudyOptions, arguments)
    rows = []
    for kind in KINDS:
        for name, scores in study(kind, options).items():
            means = (100 * np.mean([(s.iou, s.hausdorff, s.corners) for s in scores], axis=0)).T
            least = 100 * min(s.iou for s in scores)
            clean = sum(s.apart for s in scores)
            values = [f"{value:.2f}" for value in (means[0], least, means[1], means[2])]
            rows.append([kind, name, *values, f"{clean} of {len(scores)}"])
    header = ["shapes", "contours", "IoU, %", "least", "Hausdorff, % of the box"]
    print(table([*header, "at corners, %", "rings apart"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

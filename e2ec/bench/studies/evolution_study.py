"""What the evolution of contours reaches with a classifier that is never wrong.

    python -m e2ec.bench.studies.evolution_study

draws random shapes of four kinds: smooth ones, stars with sharp corners, shapes with holes and
shapes of several parts. Their vertices, evenly spread (`exact`) and then moved by 3 % of the root
of their ring's box (`perturbed`), evolve with the shape itself as the classifier (`evolved`). With
`--errors rounded` they are moved as far by smoothing the ring, as networks round off corners.
`regressed` stands for a regression snake: in as many iterations, the exact way to the nearest
boundary, averaged over neighbouring vertices by circular convolutions of nine taps (a binomial
filter): one, which is the least that a snake's layers do, and eight, as many as it has.

The Markdown table says IoU by area, the mean and the least; the symmetric Hausdorff distance, and
how far contours are from corners on average, both as parts of the root of the shape's box; whether
different rings stay clear of each other; and how many rings do not cross themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import shapely
import torch
from torch import Tensor

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.report import table
from e2ec.bench.studies.random_shapes import KINDS, Shape, random_shape
from e2ec.config import EvolutionSettings
from network.sharp.evolution import evolve

LAYERS = (1, 8)
"""So many convolutions average the offsets of the stand-in for a regression snake."""
FILTER = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1]) / 256
"""One of them: nine taps, as a snake's convolutions have."""


@dataclass(frozen=True)
class Score:
    """A contour against its shape; lengths as parts of the root of the box's area."""

    iou: float
    hausdorff: float
    corners: float
    apart: bool
    """Whether no part reaches into another, and no hole out of its part."""
    simple: float
    """The share of rings that do not cross themselves."""


def exact(shape: Shape, vertices: int, rng: np.random.Generator) -> np.ndarray:
    """Contours (rings, vertices, 2) evenly along the rings, from a random place on."""
    rings = []
    for ring in shape.rings:
        line = _closed(ring)
        along = (np.arange(vertices) + rng.uniform()) / vertices * line.length
        rings.append(shapely.get_coordinates(shapely.line_interpolate_point(line, along)))
    return np.stack(rings)


def perturbed(
    shape: Shape, contours: np.ndarray, part: float, waves: int, rng: np.random.Generator
) -> np.ndarray:
    """The contours with vertices moved by `part` of the root of their ring's box's area (root mean
    square, exactly so for every ring), in any direction.

    What moves them are waves along the ring, at most so many around it: neighbours err alike, as
    those of a network do. 0: every vertex on its own.
    """
    moves = rng.normal(size=contours.shape)
    if waves:
        spectrum = np.fft.rfft(moves, axis=1)
        spectrum[:, waves + 1 :] = 0
        moves = np.fft.irfft(spectrum, n=contours.shape[1], axis=1)
    moves /= np.sqrt((moves**2).sum(axis=2).mean(axis=1))[:, None, None]
    moved: np.ndarray = contours + part * _sides(shape.rings)[:, None, None] * moves
    return moved


def rounded(shape: Shape, contours: np.ndarray, part: float) -> np.ndarray:
    """The contours smoothed, each until its vertices are moved by `part` of the root of their
    ring's box's area (root mean square): corners are what is lost."""
    results = []
    for contour, side in zip(contours, _sides(shape.rings), strict=True):
        smooth = contour[None]
        while np.sqrt(((smooth[0] - contour) ** 2).sum(axis=1).mean()) < part * side:
            smooth = _circular(smooth)
        results.append(smooth[0])
    return np.stack(results)


def _closed(ring: np.ndarray) -> shapely.LineString:
    return shapely.LineString(np.concatenate([ring, ring[:1]]))


def _sides(rings: Sequence[np.ndarray]) -> np.ndarray:
    """(rings,) the root of the area of each ring's box."""
    return np.array([np.sqrt(np.ptp(ring, axis=0).prod()) for ring in rings])


def evolved(shape: Shape, contours: np.ndarray, settings: EvolutionSettings) -> np.ndarray:
    """The contours after all iterations, with the shape as their classifier."""
    shapely.prepare(shape.area)

    def state(points: Tensor) -> Tensor:
        inside = shapely.contains_xy(shape.area, *points.numpy().reshape(-1, 2).T)
        return torch.from_numpy(~inside).to(points.dtype).view(points.shape[:2])

    # Parts are instances of their own, a hole has the box of its object, which stands first.
    sides = _sides(list(contours))
    size = torch.from_numpy(np.where(np.array(shape.outward) < 0, sides[0], sides))
    outward = torch.tensor(shape.outward, dtype=torch.float64)
    result: np.ndarray = evolve(torch.from_numpy(contours), state, size, settings, outward=outward)[
        -1
    ].numpy()
    return result


def regressed(shape: Shape, contours: np.ndarray, iterations: int, layers: int) -> np.ndarray:
    """The stand-in for a regression snake: smoothed ways to the nearest point of the boundary."""
    for _ in range(iterations):
        offsets = []
        for contour, ring in zip(contours, shape.rings, strict=True):
            line = _closed(ring)
            nearest = line.interpolate(line.project(shapely.points(contour)))
            offsets.append(shapely.get_coordinates(nearest) - contour)
        moves = np.stack(offsets)
        for _ in range(layers):
            moves = _circular(moves)
        contours = contours + moves
    return contours


def _circular(values: np.ndarray) -> np.ndarray:
    """Values (r, N, 2) averaged over their neighbours along closed rings."""
    reach = len(FILTER) // 2
    shifted = [w * np.roll(values, k - reach, axis=1) for k, w in enumerate(FILTER)]
    total: np.ndarray = np.sum(shifted, axis=0)
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
    size = _sides([np.concatenate(shape.rings)])[0]
    missed = [
        shapely.distance(line, shapely.points(ring[_is_corner(ring)]))
        for line, ring in zip(lines, shape.rings, strict=True)
    ]
    corners = np.concatenate(missed)
    pairs = zip(lines, edges, strict=True)
    return Score(
        iou=float(found.intersection(shape.area).area / found.union(shape.area).area),
        hausdorff=max(shapely.hausdorff_distance(a, b, densify=0.02) for a, b in pairs) / size,
        corners=float(corners.mean()) / size if len(corners) else 0.0,
        apart=not any(a.intersects(b) for i, a in enumerate(lines) for b in lines[:i]),
        simple=float(np.mean([line.is_simple for line in lines])),
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
    errors: Literal["waves", "rounded"] = "waves"
    """How vertices are moved: in waves along the ring, or as smoothing moves them."""
    perturbation: float = 0.03
    """How far vertices are moved, as a part of the root of their ring's box's area."""
    waves: int = 8
    """The most waves of the perturbation around a ring; 0 moves every vertex on its own."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shapes < 1:
            raise ValueError("--shapes must be positive")
        if not 0 <= self.perturbation <= 0.1:
            raise ValueError("--perturbation must lie in [0, 0.1]")
        if not 0 <= self.waves <= self.evolution.vertices // 2:
            raise ValueError("--waves must lie between 0 and half of the vertices")


def study(kind: str, options: StudyOptions) -> dict[str, list[Score]]:
    """Scores of all shapes of a kind, by how the contours were made."""
    rng = np.random.default_rng([options.seed, KINDS.index(kind)])
    scores: dict[str, list[Score]] = {}
    for _ in range(options.shapes):
        shape = random_shape(kind, rng)
        right = exact(shape, options.evolution.vertices, rng)
        if options.errors == "waves":
            given = perturbed(shape, right, options.perturbation, options.waves, rng)
        else:
            given = rounded(shape, right, options.perturbation)
        found = {
            "exact": right,
            "perturbed": given,
            "evolved": evolved(shape, given, options.evolution),
        }
        for layers in LAYERS:
            moved = regressed(shape, given, options.evolution.iterations, layers)
            found[f"regressed, {layers}"] = moved
        for name, contours in found.items():
            scores.setdefault(name, []).append(score(shape, contours))
    return scores


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table with a line for each kind and method."""
    options = parse_options(StudyOptions, arguments)
    rows = []
    for kind in KINDS:
        for name, scores in study(kind, options).items():
            rows.append([kind, name, *summary(scores)])
    lengths = ["Hausdorff, % of the box", "at corners, %"]
    rings = ["rings apart, %", "rings simple, %"]
    print(table(["shapes", "contours", "IoU, %", "least", *lengths, *rings], rows))
    return 0


def summary(scores: Sequence[Score]) -> list[str]:
    """Mean and least IoU, the mean of everything else, in per cent."""
    columns = np.array([(s.iou, s.hausdorff, s.corners, s.apart, s.simple) for s in scores])
    iou, *others = columns.mean(axis=0)
    return [f"{100 * value:.2f}" for value in (iou, columns[:, 0].min(), *others)]


if __name__ == "__main__":
    sys.exit(run(main))

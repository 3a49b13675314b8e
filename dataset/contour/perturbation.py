"""Labels perturbed on purpose: what a detector might have found in their place.

A refiner without a detector is measured on them. A detector is wrong in two ways: its box is off,
which moves and stretches the whole outline, and its mask is coarse, which cuts corners and lets the
boundary wander.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset.masks.rings import Component
from lib.polygons.geometry import area, signed_area

_SPACING = 1 / 48
"""Between the vertices of a perturbed outline, as a part of the root of the box's area."""
_FEWEST, _MOST = 24, 512
_COARSE = 1 / 28
"""How far corners are smoothed, likewise: the cell of a mask head of 28 x 28."""
_HARMONICS = np.arange(2, 9)
"""Waves of the wandering boundary around a ring."""
_HALVINGS = 30


def perturbed(
    components: Sequence[Component], iou: float, rng: np.random.Generator
) -> list[Component]:
    """An object's outline, wrong in random ways by so much that its IoU with the object is `iou`.

    The areas gained and lost are counted to first order, as displacement along the normal times
    length. Objects whose corners alone cost more keep what is left.

    Args:
        components: its parts, each an outer ring with its holes, (N, 2), x then y, pixels.
        iou: wanted, in (0, 1].
        rng: source of all randomness.

    Returns:
        As many parts and holes, of other numbers of vertices. Rings without an area stay.
    """
    corners = np.concatenate([outer for outer, _ in components])
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = float(np.sqrt((high - low).prod()))
    signs = [sign for _, holes in components for sign in (1, *[-1] * len(holes))]
    rings = [ring for outer, holes in components for ring in (outer, *holes)]
    chosen = [number for number, ring in enumerate(rings) if area(ring) > 0]
    whole = sum(signs[number] * area(rings[number]) for number in chosen)
    if not chosen or whole <= 0:
        return [(outer, list(holes)) for outer, holes in components]
    plain = [_evenly(rings[number], size) for number in chosen]
    normals, lengths = zip(
        *(_normals(ring, signs[k]) for k, ring in zip(chosen, plain, strict=True)), strict=True
    )
    smooth = [_smoothed(ring, _COARSE * size) - ring for ring in plain]
    shift, stretch = rng.normal(size=2), rng.normal(size=2)
    box = [shift + stretch * (2 * ring - low - high) / (high - low) for ring in plain]
    wander = [_waves(len(ring), rng)[:, None] * n for ring, n in zip(plain, normals, strict=True)]
    ends = np.cumsum([len(ring) for ring in plain])[:-1]
    normal, length = np.concatenate(normals), np.concatenate(lengths)
    share = rng.uniform(0.25, 0.75)
    random = share * _of_unit_mean(np.concatenate(box), normal, length)
    random += (1 - share) * _of_unit_mean(np.concatenate(wander), normal, length)
    fixed = np.concatenate(smooth)
    along = ((fixed * normal).sum(axis=1), (random * normal).sum(axis=1))
    strength = _strength(*along, length=length, whole=whole, iou=iou)
    moved = np.split(np.concatenate(plain) + fixed + strength * random, ends)
    for number, ring in zip(chosen, moved, strict=True):
        rings[number] = ring
    left = iter(rings)
    return [(next(left), [next(left) for _ in holes]) for _, holes in components]


def _evenly(ring: np.ndarray, size: float) -> np.ndarray:
    """The ring with vertices at equal distances along it."""
    closed = np.concatenate([ring, ring[:1]])
    along = np.concatenate([[0.0], np.hypot(*np.diff(closed, axis=0).T).cumsum()])
    count = int(np.clip(np.ceil(along[-1] / (_SPACING * size)), _FEWEST, _MOST))
    places = np.arange(count) * (along[-1] / count)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def _normals(ring: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (N, 2) out of the object, and the length (N,) of boundary that each stands for.

    The object is inside of the ring where `sign` is 1, around it where it is -1."""
    tangent = (np.roll(ring, -1, axis=0) - np.roll(ring, 1, axis=0)) / 2
    length = np.hypot(*tangent.T)
    # y points down: to the left of a ring that runs clockwise on the screen lies its outside.
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1) * sign * np.sign(signed_area(ring))
    return normal / np.maximum(length, 1e-9)[:, None], length


def _smoothed(ring: np.ndarray, sigma: float) -> np.ndarray:
    """The ring (N, 2) under a Gaussian along its length; small rings under a smaller one."""
    perimeter = float(np.hypot(*(np.roll(ring, -1, axis=0) - ring).T).sum())
    waves = np.fft.fftfreq(len(ring), 1 / len(ring)) * min(sigma / perimeter, 1 / 20)
    spectrum = np.fft.fft(ring[:, 0] + 1j * ring[:, 1])
    smooth = np.fft.ifft(spectrum * np.exp(-2 * (np.pi * waves) ** 2))
    return np.stack([smooth.real, smooth.imag], axis=1)


def _waves(count: int, rng: np.random.Generator) -> np.ndarray:
    """A random periodic function at `count` places, (count,): slow waves are higher."""
    starts, heights = rng.uniform(size=len(_HARMONICS)), rng.normal(size=len(_HARMONICS))
    phases = 2 * np.pi * (_HARMONICS * np.arange(count)[:, None] / count + starts)
    waves: np.ndarray = (np.sin(phases) * heights / _HARMONICS).sum(axis=1)
    return waves


def _of_unit_mean(moves: np.ndarray, normal: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Displacements (N, 2), scaled so that they move the boundary by a pixel in the mean."""
    mean = (np.abs((moves * normal).sum(axis=1)) * length).sum() / length.sum()
    return moves / max(mean, 1e-9)


def _strength(
    fixed: np.ndarray, random: np.ndarray, *, length: np.ndarray, whole: float, iou: float
) -> float:
    """How strong the random displacement is for this IoU: by bisection, 0 at least.

    Args:
        fixed, random: (N,) displacements along the normals, pixels.
        length: (N,) of boundary.
        whole: area of the object.
    """
    low, high = 0.0, 4 * whole / float(length.sum())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        moved = (fixed + middle * random) * length
        lost, gained = -moved.clip(max=0).sum(), moved.clip(min=0).sum()
        if (whole - lost) / (whole + gained) > iou:
            low = middle
        else:
            high = middle
    return low

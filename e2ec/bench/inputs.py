"""Images and outlines made up for the rows, the same in every run."""

from __future__ import annotations

import numpy as np


def picture(side: int) -> np.ndarray:
    """Noise, (side, side, 3) uint8 RGB: the time does not depend on what is seen."""
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)


def outline(rng: np.random.Generator, vertices: int, size: tuple[int, int]) -> np.ndarray:
    """A random smooth outline (vertices, 2), x then y, in an image of size (height, width).

    It is as large, in pixels, as COCO's objects are.
    """
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = float(np.clip(rng.lognormal(3.5, 0.8), 5, 200))
    wave = sum(
        rng.uniform(0, 0.3) / k * np.sin(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 8)
    )
    ray = np.stack([np.cos(angle), rng.uniform(0.5, 1.5) * np.sin(angle)], axis=1)
    center = rng.uniform(0.2, 0.8, 2) * np.array(size[::-1])
    return center + radius * (1 + wave)[:, None] * ray

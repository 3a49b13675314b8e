"""Made-up images with exact labels: textured overlapping shapes on a textured background.

For tests, demonstrations and benchmarks without any download. A class is a family of shapes in a
colour of its own, so a small network learns it in minutes. Objects are painted one over the other;
the labels are the outer outlines of what remains visible: an occluder can split an object into
several parts, and leaves no hole where it lies wholly inside of it. Bars without a label can be
painted over all, which split about half of the objects.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import shapely
from shapely.geometry import Polygon, box

from dataset.index.builder import IndexBuilder
from dataset.loading.sample import Instance, Sample
from dataset.synthetic.shapes import FAMILIES, SMALLEST_PART, largest_polygon

# Shapes are painted at this multiple of the resolution and averaged, for smooth edges.
_SUPERSAMPLING = 4


@dataclass(frozen=True)
class _Shape:
    """A painted object: its class, its polygon inside the image, and its label's polygons."""

    class_index: int
    outline: Polygon
    parts: list[np.ndarray]


class SyntheticDataset:
    """Synthetic labelled images; sample i depends on `seed` and i alone.

    Args:
        length: number of images.
        size: height, width of the images, pixels.
        classes: number of classes.
        seed: of everything drawn.
        occluders: paint grey bars, which belong to no class, over the objects. They split objects
            into several visible parts, which stay one instance. The objects themselves are the same
            with and without.
    """

    def __init__(
        self,
        length: int,
        *,
        size: tuple[int, int] = (128, 128),
        classes: int = 3,
        seed: int = 0,
        occluders: bool = False,
    ) -> None:
        if length < 0 or classes < 1 or min(size) < 16:
            raise ValueError("length must be >= 0, classes >= 1, and both sides of size >= 16")
        self.length = length
        self.size = size
        self.seed = seed
        self.occluders = occluders
        families = list(FAMILIES)
        rounds = [k // len(families) for k in range(classes)]
        self.class_names = tuple(
            families[k % len(families)] + (f"-{turn + 1}" if turn else "")
            for k, turn in enumerate(rounds)
        )
        self.source = "synthetic"
        self.labelled = True
        self.category_ids = tuple(range(1, classes + 1))
        self.image_ids = tuple(range(1, length + 1))

    @property
    def image_names(self) -> tuple[str, ...]:
        """File name of every sample, in order."""
        return tuple(map(self._file_name, range(self.length)))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        """Draw scene and picture of sample `index`."""
        if not 0 <= index < self.length:
            raise IndexError(f"sample {index} of {self.length}")
        shapes = self._scene(index)
        # The third word keeps the picture's random numbers apart from the scene's.
        rng = np.random.default_rng([self.seed, index, 1])
        image = _texture(self.size, rng, np.array([0.45, 0.45, 0.45]), contrast=0.25)
        for shape in shapes:
            _paint(image, shape.outline, _color(shape.class_index, len(self.class_names), rng), rng)
        # The bars have random numbers of their own, so that the objects do not depend on them.
        bars_rng = np.random.default_rng([self.seed, index, 3])
        for bar in self._bars(index):
            _paint(image, bar, np.full(3, bars_rng.uniform(0.1, 0.9)), bars_rng)
        image += rng.normal(0.0, 0.02, image.shape).astype(np.float32)
        pixels = np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)
        instances = [
            Instance(shape.class_index, shape.parts, self._annotation_id(index, order))
            for order, shape in enumerate(shapes)
            if shape.parts
        ]
        return Sample(index + 1, self._file_name(index), pixels, instances)

    def ground_truth(self) -> dict[str, Any]:
        """COCO dictionary of all images, without painting them."""
        height, width = self.size
        categories = dict(zip(self.category_ids, self.class_names, strict=True))
        builder = IndexBuilder(self.source, categories=categories)
        for index, image_id in enumerate(self.image_ids):
            builder.add_image(image_id, self._file_name(index), width, height)
            for order, shape in enumerate(self._scene(index)):
                if shape.parts:
                    builder.add(
                        id=self._annotation_id(index, order),
                        image_id=image_id,
                        category_id=self.category_ids[shape.class_index],
                        polygons=shape.parts,
                    )
        return builder.finish().ground_truth()

    @staticmethod
    def _file_name(index: int) -> str:
        return f"synthetic-{index:06d}.png"

    @staticmethod
    def _annotation_id(index: int, order: int) -> int:
        return index * 100 + order + 1

    def _scene(self, index: int) -> list[_Shape]:
        """The shapes of an image in the order they are painted."""
        rng = np.random.default_rng([self.seed, index, 0])
        height, width = self.size
        frame = box(0, 0, width, height)
        outlines, classes = [], []
        for _ in range(int(rng.integers(2, 7))):
            class_index = int(rng.integers(len(self.class_names)))
            family = FAMILIES[self.class_names[class_index].split("-")[0]]
            turn = rng.uniform(0, 2 * math.pi)
            cosine, sine = math.cos(turn), math.sin(turn)
            rotation = np.array([[cosine, -sine], [sine, cosine]])
            radius = rng.uniform(0.12, 0.28) * min(height, width)
            center = rng.uniform([0.1 * width, 0.1 * height], [0.9 * width, 0.9 * height])
            outline = largest_polygon(Polygon(radius * family(rng) @ rotation.T + center) & frame)
            if outline is not None:
                outlines.append(outline)
                classes.append(class_index)
        shapes = []
        bars = self._bars(index)
        for order, outline in enumerate(outlines):
            hidden = shapely.union_all([*outlines[order + 1 :], *bars])
            shapes.append(_Shape(classes[order], outline, _exteriors(outline - hidden)))
        return shapes

    def _bars(self, index: int) -> list[Polygon]:
        """The occluders of an image: bars of any angle, from one border of the image to another."""
        if not self.occluders:
            return []
        rng = np.random.default_rng([self.seed, index, 2])
        height, width = self.size
        reach = math.hypot(height, width)
        bars = []
        for _ in range(int(rng.integers(1, 4))):
            turn = rng.uniform(0, math.pi)
            along = np.array([math.cos(turn), math.sin(turn)]) * reach
            thickness = rng.uniform(0.02, 0.08) * min(height, width)
            across = np.array([-along[1], along[0]]) / reach * thickness / 2
            middle = rng.uniform([0.1 * width, 0.1 * height], [0.9 * width, 0.9 * height])
            corners = [along + across, along - across, -along - across, -along + across]
            bars.append(Polygon(middle + np.array(corners)) & box(0, 0, width, height))
        return bars


def _exteriors(region: Any) -> list[np.ndarray]:
    """Outer outlines of the polygons of a region, without slivers."""
    polygons = (g for g in getattr(region, "geoms", [region]) if isinstance(g, Polygon))
    return [
        np.array(polygon.exterior.coords[:-1], dtype=np.float64)
        for polygon in polygons
        if polygon.area >= SMALLEST_PART
    ]


def _color(class_index: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    """(3,) RGB in 0..1: a colour of the class's hue."""
    hue = (class_index / classes + rng.normal(0, 0.02)) % 1.0
    return np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.9), rng.uniform(0.6, 0.95)))


def _paint(
    image: np.ndarray, outline: Polygon, color: np.ndarray, rng: np.random.Generator
) -> None:
    """Paint a textured shape over a (H, W, 3) float32 image in 0..1, in place."""
    x0, y0, x1, y1 = outline.bounds
    left, top, right, bottom = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
    points = np.array(outline.exterior.coords) - (left, top)
    fine = np.zeros(((bottom - top) * _SUPERSAMPLING, (right - left) * _SUPERSAMPLING), np.uint8)
    corners = np.rint(points * _SUPERSAMPLING - 0.5).astype(np.int32)
    cv2.fillPoly(fine, [corners], 255)
    size = (bottom - top, right - left)
    cover = cv2.resize(fine, size[::-1], interpolation=cv2.INTER_AREA)[..., None] / np.float32(255)
    paint = _texture(size, rng, color, contrast=0.12)
    region = image[top:bottom, left:right]
    region += cover * (paint - region)


def _texture(
    size: tuple[int, int], rng: np.random.Generator, color: np.ndarray, contrast: float
) -> np.ndarray:
    """(h, w, 3) float32: a colour with soft blotches."""
    height, width = size
    grid = (max(2, height // 12), max(2, width // 12), 3)
    blotches = rng.uniform(-contrast, contrast, grid).astype(np.float32)
    soft = cv2.resize(blotches, (width, height), interpolation=cv2.INTER_LINEAR)
    return soft + color.astype(np.float32)

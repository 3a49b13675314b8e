"""Polygon work: outlines to run lengths and masks, labels of an image."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from types import ModuleType

import cv2
import numpy as np
import torch

from dataset.contour.heatmap import draw_heatmaps
from dataset.contour.targets import TargetSettings, part_centers
from e2ec.bench.plain_heatmap import draw_center
from e2ec.bench.row import Row
from lib.ops import align_contours, key_vertices, polygons_to_rle, rasterize_polygons
from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import simplify_closed
from lib.polygons.ragged import Ragged

HEIGHT, WIDTH = 480, 640
INSTANCES = 100
CROP = (512, 512)
CLASSES = 80


def rows() -> Iterator[Row]:
    """Run lengths and masks against pycocotools, labels against the plain way."""
    rng = np.random.default_rng(0)
    coco_mask = _pycocotools()
    # Polygons as people draw them, here of 8 to 60 vertices, and contours as the network has them.
    sets = {
        "label polygons": [_outline(rng, int(rng.integers(8, 60))) for _ in range(INSTANCES)],
        "contours of 128 vertices": [_outline(rng, 128) for _ in range(INSTANCES)],
    }
    for name, polygons in sets.items():
        for threads in (2, 1):
            yield _run_length_row(name, polygons, threads, coco_mask)
    yield _mask_row(sets["contours of 128 vertices"], coco_mask)
    parts = [_outline(rng, 200, size=CROP) for _ in range(10)]
    classes = rng.integers(0, CLASSES, len(parts))
    for threads in (2, 1):
        yield Row(
            name=f"labels of an image, 10 instances of 200 points, {_named(threads)}",
            includes="centres, alignment to 128 vertices, key vertices, heat map of 80 classes",
            ours=lambda: labels_at_once(parts, classes),
            peers={"plain, instance by instance": lambda: plain_labels(parts, classes)},
            goal=10,
            threads=threads,
        )


def labels_at_once(parts: list[np.ndarray], classes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Heat map (C, h, w), contours (n, N, 2) and keys (n, N), as the training loader has them."""
    settings = TargetSettings()
    polygons = Ragged.pack(parts)
    centers, radii = part_centers(polygons, CROP, settings)
    contours = align_contours(polygons, settings.vertices, settings.directions)
    keys = key_vertices(contours, settings.key_tolerance)
    gaussians = np.column_stack([np.zeros(len(parts), np.int64), classes, centers, radii])
    size = (CLASSES, CROP[0] // settings.stride, CROP[1] // settings.stride)
    heatmaps = draw_heatmaps(torch.from_numpy(gaussians), 1, size)
    return heatmaps[0].numpy(), contours, keys


def plain_labels(parts: list[np.ndarray], classes: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same in straightforward numpy, one instance after the other."""
    settings = TargetSettings()
    height, width = CROP[0] // settings.stride, CROP[1] // settings.stride
    heatmap = np.zeros((CLASSES, height, width), np.float32)
    contours, keys = [], []
    for points, class_index in zip(parts, classes, strict=True):
        draw_center(heatmap[class_index], points, settings)
        contour = align_contour(points, settings.vertices, settings.directions)
        contours.append(contour)
        keys.append(simplify_closed(contour, settings.key_tolerance))
    return heatmap, np.stack(contours), np.stack(keys)


def _run_length_row(
    name: str, polygons: list[np.ndarray], threads: int, coco_mask: ModuleType | None
) -> Row:
    # pycocotools takes lists of numbers; making them is left out of its time, in its favour.
    lists = [polygon.ravel().tolist() for polygon in polygons]
    peers: dict[str, Callable[[], object]] = {}
    if coco_mask is not None:
        peers["pycocotools, lists made before"] = lambda: coco_mask.frPyObjects(
            lists, HEIGHT, WIDTH
        )
        peers["pycocotools, from arrays"] = lambda: coco_mask.frPyObjects(
            [polygon.ravel().tolist() for polygon in polygons], HEIGHT, WIDTH
        )
    return Row(
        name=f"polygons to RLE, {name}, {_named(threads)}",
        includes=f"{INSTANCES} instances of {WIDTH} x {HEIGHT} pixels from arrays to compressed "
        "run lengths (the same bytes)",
        ours=lambda: polygons_to_rle(polygons, HEIGHT, WIDTH),
        peers=peers,
        goal=5,
        threads=threads,
        missing=() if peers else ("pycocotools",),
    )


def _mask_row(polygons: list[np.ndarray], coco_mask: ModuleType | None) -> Row:
    lists = [polygon.ravel().tolist() for polygon in polygons]
    peers: dict[str, Callable[[], object]] = {}
    if coco_mask is not None:
        peers["pycocotools"] = lambda: coco_mask.decode(coco_mask.frPyObjects(lists, HEIGHT, WIDTH))
    peers["OpenCV fillPoly (other border pixels)"] = lambda: opencv_masks(polygons)
    return Row(
        name="polygons to masks, contours of 128 vertices",
        includes=f"{INSTANCES} dense masks of {WIDTH} x {HEIGHT} pixels, from arrays; pycocotools "
        "finds the same pixels, OpenCV rounds the vertices and fills the outline too",
        ours=lambda: rasterize_polygons(polygons, HEIGHT, WIDTH),
        peers=peers,
        missing=() if coco_mask is not None else ("pycocotools",),
    )


def opencv_masks(polygons: list[np.ndarray]) -> np.ndarray:
    """Masks (n, HEIGHT, WIDTH) uint8 by OpenCV, which takes whole pixels: borders differ."""
    masks = np.zeros((len(polygons), HEIGHT, WIDTH), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return masks


def _named(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _outline(
    rng: np.random.Generator, vertices: int, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> np.ndarray:
    """A random smooth outline (vertices, 2) in the image; its size varies as COCO's objects do."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = float(np.clip(rng.lognormal(3.5, 0.8), 5, 200))
    wave = sum(
        rng.uniform(0, 0.3) / k * np.sin(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 8)
    )
    ray = np.stack([np.cos(angle), rng.uniform(0.5, 1.5) * np.sin(angle)], axis=1)
    center = rng.uniform(0.2, 0.8, 2) * np.array(size[::-1])
    return center + radius * (1 + wave)[:, None] * ray


def _pycocotools() -> ModuleType | None:
    if importlib.util.find_spec("pycocotools") is None:
        return None
    from pycocotools import mask

    return mask

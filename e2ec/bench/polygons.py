"""Polygon work: outlines to run lengths and masks, soft ones too, labels of an image."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch

from dataset.contour.heatmap import draw_heatmaps
from dataset.contour.targets import TargetSettings, part_centers
from e2ec.bench.inputs import outline
from e2ec.bench.plain_labels import plain_labels
from e2ec.bench.row import Call, Row, optional
from e2ec.losses.contour_as_mask import label_boxes
from lib.ops import (
    align_contours,
    key_vertices,
    polygons_to_rle,
    rasterize_polygons,
    signed_distances,
)
from lib.ops.polygons import signed_distances as plain
from lib.ops.polygons.soft_rasterize import contours_in_cells
from lib.polygons.ragged import Ragged

IMAGE = HEIGHT, WIDTH = 480, 640
INSTANCES = 100
CROP = (512, 512)
CLASSES = 80
GRID = (32, 32)
CONTOURS = 350
"""Of a training batch."""


def rows() -> Iterator[Row]:
    """Run lengths and masks against pycocotools, labels against the plain way."""
    rng = np.random.default_rng(0)
    # Polygons as people draw them, here of 8 to 60 vertices, and contours as the network has them.
    sets = {
        "label polygons": [outline(rng, int(rng.integers(8, 60)), IMAGE) for _ in range(INSTANCES)],
        "contours of 128 vertices": [outline(rng, 128, IMAGE) for _ in range(INSTANCES)],
    }
    for name, polygons in sets.items():
        for threads in (2, 1):
            yield _run_length_row(name, polygons, threads)
    yield _mask_row(sets["contours of 128 vertices"])
    for threads in (2, 1):
        yield _soft_mask_row([outline(rng, 128, IMAGE) for _ in range(CONTOURS)], threads)
    parts = [outline(rng, 200, CROP) for _ in range(10)]
    classes = rng.integers(0, CLASSES, len(parts))
    for threads in (2, 1):
        yield Row(
            name=f"labels of an image, 10 instances of 200 points, {_named(threads)}",
            includes="centres, alignment to 128 vertices, key vertices, heat map of 80 classes",
            ours=lambda: labels_at_once(parts, classes),
            peers={
                "plain, instance by instance": lambda: plain_labels(
                    parts, classes, TargetSettings(), num_classes=CLASSES, size=CROP
                )
            },
            goal=10,
            threads=threads,
        )


def labels_at_once(parts: list[np.ndarray], classes: np.ndarray) -> tuple[np.ndarray, ...]:
    """What `plain_labels` makes, as the training loader does it."""
    settings = TargetSettings()
    polygons = Ragged.pack(parts)
    centers, radii = part_centers(polygons, CROP, settings)
    contours = align_contours(polygons, settings.vertices, settings.directions)
    keys = key_vertices(contours, settings.key_tolerance)
    gaussians = np.column_stack([np.zeros(len(parts), np.int64), classes, centers, radii])
    size = (CLASSES, CROP[0] // settings.stride, CROP[1] // settings.stride)
    heatmaps = draw_heatmaps(torch.from_numpy(gaussians), 1, size)
    return heatmaps[0].numpy(), contours, keys, centers


def _run_length_row(name: str, polygons: list[np.ndarray], threads: int) -> Row:
    # pycocotools takes lists of numbers; making them is left out of its time, in its favour.
    lists = _lists(polygons)
    run_lengths = optional("pycocotools.mask", "frPyObjects")
    peers: dict[str, Call | None] = {
        "pycocotools, lists made before": lambda: run_lengths(lists, HEIGHT, WIDTH),
        "pycocotools, from arrays": lambda: run_lengths(_lists(polygons), HEIGHT, WIDTH),
    }
    return Row(
        name=f"polygons to RLE, {name}, {_named(threads)}",
        includes=f"{INSTANCES} instances of {WIDTH} x {HEIGHT} pixels from arrays to compressed "
        "run lengths (the same bytes)",
        ours=lambda: polygons_to_rle(polygons, HEIGHT, WIDTH),
        peers=peers if run_lengths else dict.fromkeys(peers),
        goal=5,
        threads=threads,
    )


def _mask_row(polygons: list[np.ndarray]) -> Row:
    lists = _lists(polygons)
    run_lengths = optional("pycocotools.mask", "frPyObjects")
    decode = optional("pycocotools.mask", "decode")
    return Row(
        name="polygons to masks, contours of 128 vertices",
        includes=f"{INSTANCES} dense masks of {WIDTH} x {HEIGHT} pixels, from arrays; pycocotools "
        "finds the same pixels, OpenCV rounds the vertices and fills the outline too",
        ours=lambda: rasterize_polygons(polygons, HEIGHT, WIDTH),
        peers={
            "pycocotools": (lambda: decode(run_lengths(lists, HEIGHT, WIDTH))) if decode else None,
            "OpenCV fillPoly (other border pixels)": lambda: opencv_masks(polygons),
        },
    )


def _soft_mask_row(polygons: list[np.ndarray], threads: int) -> Row:
    contours = torch.from_numpy(np.stack(polygons)).float()
    contours = contours_in_cells(contours, label_boxes(contours, 0.125), GRID).requires_grad_()
    grad = torch.randn(CONTOURS, *GRID, generator=torch.Generator().manual_seed(0))

    def ours() -> tuple[torch.Tensor, ...]:
        distances = signed_distances(contours, *GRID)
        return distances.detach(), *torch.autograd.grad(distances, contours, grad)

    def by_tables() -> tuple[torch.Tensor, ...]:
        found = plain.signed_distances_reference(contours.detach(), *GRID)
        pulls = plain.signed_distances_backward_reference(grad, contours.detach(), *found)
        return found[0], pulls

    return Row(
        name=f"soft masks of contours, forward+backward, {_named(threads)}",
        includes=f"signed distances of {GRID[0]} x {GRID[1]} cells to {CONTOURS} contours of 128 "
        "vertices, and the gradient of the vertices; the plain version compares every cell with "
        "every edge in tables of 8 MiB",
        ours=ours,
        peers={"plain PyTorch": by_tables},
        threads=threads,
    )


def _lists(polygons: list[np.ndarray]) -> list[list[float]]:
    return [polygon.ravel().tolist() for polygon in polygons]


def opencv_masks(polygons: list[np.ndarray]) -> np.ndarray:
    """Masks (n, HEIGHT, WIDTH) uint8 by OpenCV, which takes whole pixels: borders differ."""
    masks = np.zeros((len(polygons), HEIGHT, WIDTH), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return masks


def _named(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"

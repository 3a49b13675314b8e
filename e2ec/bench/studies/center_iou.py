"""How well contours fit where the detector has no say: their IoU at the labels' own centres.

AP of a short training moves by points with its seed, because heat maps do; which part of the method
makes better contours is told by contours that all rows make of the same objects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dataset.contour.parts_to_learn import parts_to_learn
from dataset.contour.target_settings import TargetSettings
from dataset.contour.targets import part_centers
from dataset.loading.sample import InstanceDataset, Sample
from dataset.transforms.test_transform import TestView
from e2ec.engine.weights.checkpoint import load_weights
from e2ec.families.contour.family import CONTOUR
from lib.ops import rasterize_polygons
from network.contour.e2ec import E2EC


def center_iou(weights: Path, dataset: InstanceDataset) -> dict[str, float]:
    """The mean IoU, in percent, of the contours of every stage with the parts that they are of.

    Parts that training would leave out as too small are left out here; those cut off by the edge
    of the image count as they are seen. Holes do not: a contour has none.

    Args:
        weights: of a contour network.
        dataset: images and labels; each image is shown as the weights say.
    """
    network, card = load_weights(weights)
    assert isinstance(network, E2EC)
    network.eval()
    found: dict[str, list[float]] = {}
    for number in range(len(dataset)):
        for stage, ious in _of_image(network, card.view, dataset[number]).items():
            found.setdefault(stage, []).extend(ious)
    return {stage: 100 * float(np.mean(ious)) for stage, ious in found.items()}


@torch.inference_mode()
def _of_image(network: E2EC, view: TestView, sample: Sample) -> dict[str, list[float]]:
    """IoUs of all parts of an image, by stage in order."""
    pixels, matrix = view.apply(sample.image, sample.name)
    height, width = pixels.shape[:2]
    targets = TargetSettings(vertices=network.vertices)
    labels = parts_to_learn(sample, matrix, (height, width), targets).polygons
    if not len(labels):
        return {}
    centers = torch.from_numpy(part_centers(labels, (height, width), targets)[0])
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
    output = network(CONTOUR.normalize(image), centers, torch.zeros(len(centers)).long())
    polygons = [np.asarray(polygon, np.float64) for polygon in labels]
    return {
        stage: [
            polygon_iou(polygon, contour)
            for polygon, contour in zip(polygons, made.double().numpy(), strict=True)
        ]
        for stage, made in output.stages.items()
    }


def polygon_iou(first: np.ndarray, second: np.ndarray, *, finer: int = 2) -> float:
    """IoU of two polygons (N, 2), x then y, pixels, by the pixels of a raster `finer` times finer.

    Contours may cross themselves: what counts is what a mask of them covers.
    """
    both = np.concatenate([first, second])
    corner = np.floor(both.min(0)) - 1
    width, height = np.ceil((both.max(0) + 1 - corner) * finer).astype(int)
    one, other = (
        rasterize_polygons(
            [(points - corner) * finer for points in (first, second)], int(height), int(width)
        )
        .numpy()
        .astype(bool)
    )
    return float((one & other).sum() / max(1, (one | other).sum()))

"""From a labelled image to what the network is trained on, and batches of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dataset.alignment import align_contour
from dataset.heatmap import draw_gaussian, gaussian_radius
from dataset.keypoints import key_vertices
from dataset.sample import Instance, Sample
from dataset.transforms import AugmentationSettings, jitter_colors, sample_crop, warp_image
from dataset.view import TestView
from lib.geometry import area, bounding_box, clip_to_box, remove_repeated_points, transform_points


@dataclass(frozen=True)
class TargetSettings:
    """How labels are turned into training targets.

    Attributes:
        vertices: number N of vertices of a contour.
        directions: number M of directions of the multi-direction alignment.
        stride: network input pixels a cell of the feature map.
        key_tolerance: Douglas-Peucker tolerance of the key vertices, input pixels.
        min_area_cells: parts of this area or less are dropped, square cells.
        min_overlap: overlap that CornerNet's rule for the Gaussian radius asks for.
        max_instances: train on at most so many parts an image, drawn at random; None takes all.
    """

    vertices: int = 128
    directions: int = 4
    stride: int = 4
    key_tolerance: float = 12.0
    min_area_cells: float = 5.0
    min_overlap: float = 0.7
    max_instances: int | None = None

    def __post_init__(self) -> None:
        if self.vertices < 3 or not 0 <= self.directions <= self.vertices:
            raise ValueError(
                f"vertices must be at least 3 and directions between 0 and vertices, "
                f"not {self.vertices} and {self.directions}"
            )
        if self.stride < 1 or self.key_tolerance < 0 or self.min_area_cells < 0:
            raise ValueError(
                "stride must be positive, key_tolerance and min_area_cells not negative"
            )
        if not 0 < self.min_overlap < 1:
            raise ValueError(f"min_overlap must lie in (0, 1), not {self.min_overlap}")
        if self.max_instances is not None and self.max_instances < 1:
            raise ValueError(f"max_instances must be at least 1, not {self.max_instances}")


@dataclass
class TrainingExample:
    """One augmented image and the targets of its n parts.

    Attributes:
        image: (3, h, w) uint8, RGB.
        heatmap: (C, h / stride, w / stride) float32 in [0, 1], exactly 1 at centres.
        centers: (n, 2) int64, x then y, cells.
        classes: (n,) int64.
        contours: (n, N, 2) float32, x then y, input pixels, aligned.
        keys: (n, N) bool, the key vertices.
        image_id: of the sample.
        name: file name of the sample.
    """

    image: torch.Tensor
    heatmap: torch.Tensor
    centers: torch.Tensor
    classes: torch.Tensor
    contours: torch.Tensor
    keys: torch.Tensor
    image_id: int
    name: str


@dataclass
class Batch:
    """Examples stacked; the parts of all images stand one after the other.

    Attributes:
        images: (B, 3, h, w) uint8, RGB.
        heatmaps: (B, C, h / stride, w / stride) float32.
        image_index: (n,) int64, the position in the batch of every part's image.
        centers, classes, contours, keys: as in `TrainingExample`, n parts of all images.
        image_ids, names: of the B images.
    """

    images: torch.Tensor
    heatmaps: torch.Tensor
    image_index: torch.Tensor
    centers: torch.Tensor
    classes: torch.Tensor
    contours: torch.Tensor
    keys: torch.Tensor
    image_ids: list[int]
    names: list[str]

    def to(self, device: torch.device | str, *, non_blocking: bool = True) -> Batch:
        """The batch with all tensors on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory, from where copies to a GPU need not wait."""
        return self._map(torch.Tensor.pin_memory)

    def _map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        return Batch(
            images=change(self.images),
            heatmaps=change(self.heatmaps),
            image_index=change(self.image_index),
            centers=change(self.centers),
            classes=change(self.classes),
            contours=change(self.contours),
            keys=change(self.keys),
            image_ids=self.image_ids,
            names=self.names,
        )


def collate(examples: Sequence[TrainingExample]) -> Batch:
    """Stack examples of equal image size into a batch; any of them may be without objects."""
    counts = torch.tensor([len(example.classes) for example in examples])
    return Batch(
        images=torch.stack([example.image for example in examples]),
        heatmaps=torch.stack([example.heatmap for example in examples]),
        image_index=torch.repeat_interleave(torch.arange(len(examples)), counts),
        centers=torch.cat([example.centers for example in examples]),
        classes=torch.cat([example.classes for example in examples]),
        contours=torch.cat([example.contours for example in examples]),
        keys=torch.cat([example.keys for example in examples]),
        image_ids=[example.image_id for example in examples],
        names=[example.name for example in examples],
    )


def build_example(
    sample: Sample,
    rng: np.random.Generator,
    augmentation: AugmentationSettings,
    targets: TargetSettings,
    num_classes: int,
) -> TrainingExample:
    """Augment a sample and make its targets.

    Every part of an object becomes an instance of its own. A part is clipped to the crop and
    dropped where fewer than three distinct points or no more than `min_area_cells` of it remain.
    Parts whose centres fall into the same cell are all kept.

    Args:
        sample: image and labels.
        rng: source of all randomness; equal states give equal examples.
        augmentation: crop and colours.
        targets: form of the targets.
        num_classes: number C of heat map channels.
    """
    if augmentation.enabled:
        height, width = sample.image.shape[:2]
        matrix = sample_crop(height, width, augmentation, rng)
        image = warp_image(sample.image, matrix, augmentation.crop_size)
        image = jitter_colors(image, augmentation, rng)
    else:
        image, matrix = TestView("letterbox", augmentation.crop_size).apply(sample.image)
    parts = _visible_parts(sample.instances, matrix, augmentation.crop_size, targets)
    if targets.max_instances is not None and len(parts) > targets.max_instances:
        chosen = rng.choice(len(parts), size=targets.max_instances, replace=False)
        parts = [parts[index] for index in sorted(chosen)]

    cells = tuple(math.ceil(side / targets.stride) for side in augmentation.crop_size)
    heatmap = np.zeros((num_classes, *cells), dtype=np.float32)
    centers = np.zeros((len(parts), 2), dtype=np.int64)
    contours = np.zeros((len(parts), targets.vertices, 2), dtype=np.float32)
    keys = np.zeros((len(parts), targets.vertices), dtype=bool)
    for row, (class_index, points) in enumerate(parts):
        centers[row] = _mark_center(heatmap[class_index], points, targets)
        label = align_contour(points, targets.vertices, targets.directions)
        contours[row] = label
        keys[row] = key_vertices(label, targets.key_tolerance)
    return TrainingExample(
        image=torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
        heatmap=torch.from_numpy(heatmap),
        centers=torch.from_numpy(centers),
        classes=torch.tensor([class_index for class_index, _ in parts], dtype=torch.int64),
        contours=torch.from_numpy(contours),
        keys=torch.from_numpy(keys),
        image_id=sample.image_id,
        name=sample.name,
    )


def _visible_parts(
    instances: Sequence[Instance],
    matrix: np.ndarray,
    crop_size: tuple[int, int],
    targets: TargetSettings,
) -> list[tuple[int, np.ndarray]]:
    """Class index and polygon, input pixels, of every part worth training on."""
    height, width = crop_size
    smallest = targets.min_area_cells * targets.stride**2
    parts = []
    for instance in instances:
        for part in instance.parts:
            points = transform_points(part, matrix)
            x0, y0, x1, y1 = bounding_box(points)
            if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
                continue
            if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
                points = clip_to_box(points, width, height)
            points = remove_repeated_points(points)
            if len(points) >= 3 and area(points) > smallest:
                parts.append((instance.class_index, points))
    return parts


def _mark_center(
    heatmap: np.ndarray, points: np.ndarray, targets: TargetSettings
) -> tuple[int, int]:
    """Draw a part's bump into the heat map of its class; returns the cell x, y of its centre.

    As in CenterNet, the radius is that of the box with its sides rounded up to whole cells.
    """
    x0, y0, x1, y1 = (value / targets.stride for value in bounding_box(points))
    height, width = heatmap.shape
    center = (
        min(max(math.floor((x0 + x1) / 2 + 0.5), 0), width - 1),
        min(max(math.floor((y0 + y1) / 2 + 0.5), 0), height - 1),
    )
    radius = gaussian_radius(math.ceil(y1 - y0), math.ceil(x1 - x0), targets.min_overlap)
    draw_gaussian(heatmap, center, radius)
    return center

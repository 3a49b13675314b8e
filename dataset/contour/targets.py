"""From a labelled image to what the network is trained on, and batches of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import default_collate

from dataset.compose.compose import Crop, random_crop
from dataset.compose.others import Others
from dataset.contour.boundary_map import draw_boundaries
from dataset.contour.boundary_points import (
    BoundaryLabels,
    BoundaryPointSettings,
    boundary_labels,
)
from dataset.contour.heatmap import draw_extents, draw_heatmaps, gaussian_radius
from dataset.contour.ignored import IgnoredCells, ignored_cells
from dataset.contour.key_tolerance import label_keys
from dataset.contour.pairing import nearest_contours
from dataset.contour.parts_to_learn import parts_to_learn
from dataset.contour.target_settings import TargetSettings
from dataset.loading.moving import MovingBatch
from dataset.loading.sample import Sample
from dataset.transforms.augmentation import AugmentationSettings, jitter_colors
from dataset.transforms.test_transform import TestView
from lib.ops import align_contours
from lib.polygons.ragged import Ragged


@dataclass
class TrainingExample:
    """One augmented image and the targets of its n parts.

    Attributes:
        image: (3, h, w) uint8, RGB.
        heatmap_size: channels C, height h / stride and width w / stride of the heat map.
        centers: (n, 2) int64, x then y, cells.
        classes: (n,) int64.
        contours: (n, N, 2) float32, x then y, input pixels, aligned.
        keys: (n, N) bool, the key vertices.
        object_centers: (n, 2) float32, x then y, cells: the centre of the box around all that the
            crop shows of the part's whole object, fractional; for an object in one piece that of
            the part itself. Parts too small to be trained on count for the box: the centre is the
            object's, whatever the limit.
        image_id: of the sample.
        name: file name of the sample.
        gaussians: (m, 4) int64: class, x and y of the centre, and radius, cells, on the heat map;
            also of the parts whose contours are not learned (`TargetSettings.max_instances`).
        boundary: points near the boundaries of the n parts, if any were asked for.
        extents: (m, 2) float32 width and height, cells, of the boxes that the gaussians are for;
            None where they are round (`TargetSettings.heatmap`).
        ignored: where the heat map is neither positive nor negative; None takes all cells.
        pasted: (n,) bool, which parts come from another image; None where none can.
    """

    image: torch.Tensor
    heatmap_size: tuple[int, int, int]
    centers: torch.Tensor
    classes: torch.Tensor
    contours: torch.Tensor
    keys: torch.Tensor
    object_centers: torch.Tensor
    image_id: int
    name: str
    gaussians: torch.Tensor
    boundary: BoundaryLabels | None = None
    extents: torch.Tensor | None = None
    ignored: IgnoredCells | None = None
    pasted: torch.Tensor | None = None


@dataclass
class Batch(MovingBatch):
    """Examples stacked; the parts of all images stand one after the other.

    Attributes:
        images: (B, 3, h, w) uint8, RGB.
        heatmap_size: as in `TrainingExample`.
        image_index: (n,) int64, the position in the batch of every part's image.
        centers, classes, contours, keys, object_centers, boundary: as in `TrainingExample`, n parts
            of all images.
        image_ids, names: of the B images.
        gaussians: (m, 5) int64, as in `TrainingExample` behind the position of the image.
        max_per_image: parts of the image that has most of them, known without waiting for a device.
        extents, ignored: as in `TrainingExample`, of all images.
    """

    images: torch.Tensor
    heatmap_size: tuple[int, int, int]
    image_index: torch.Tensor
    centers: torch.Tensor
    classes: torch.Tensor
    contours: torch.Tensor
    keys: torch.Tensor
    object_centers: torch.Tensor
    image_ids: list[int]
    names: list[str]
    gaussians: torch.Tensor
    max_per_image: int | None = None
    boundary: BoundaryLabels | None = None
    extents: torch.Tensor | None = None
    ignored: IgnoredCells | None = None

    @cached_property
    def heatmaps(self) -> torch.Tensor:
        """(B, C, h / stride, w / stride) float32 in [0, 1], exactly 1 at centres.

        Drawn where the batch lies when they are first asked for: a batch travels without them.
        """
        if self.extents is not None:
            return draw_extents(self.gaussians, self.extents, len(self.images), self.heatmap_size)
        return draw_heatmaps(self.gaussians, len(self.images), self.heatmap_size)

    @cached_property
    def boundaries(self) -> torch.Tensor:
        """(B, 1, h / stride, w / stride) float32, 1 where the boundary of a labelled contour
        passes, drawn as `heatmaps` is. Parts whose contours are not learned have none."""
        _, height, width = self.heatmap_size
        stride = round(self.images.shape[3] / width)
        size = (height, width)
        return draw_boundaries(self.contours, self.image_index, len(self.images), size, stride)

    @cached_property
    def ignored_cells(self) -> torch.Tensor | None:
        """(B, C, h / stride, w / stride) bool, drawn likewise; None where no cell is ignored."""
        if self.ignored is None:
            return None
        return self.ignored.draw(len(self.images), self.heatmap_size)


def collate(examples: Sequence[TrainingExample]) -> Batch:
    """Stack examples of equal image size into a batch; any of them may be without objects."""
    counts = torch.tensor([len(example.classes) for example in examples])
    return Batch(
        # In a worker this stacks straight into the memory shared with the main process.
        images=default_collate([example.image for example in examples]),
        heatmap_size=examples[0].heatmap_size,
        image_index=torch.repeat_interleave(torch.arange(len(examples)), counts),
        centers=torch.cat([example.centers for example in examples]),
        classes=torch.cat([example.classes for example in examples]),
        contours=torch.cat([example.contours for example in examples]),
        keys=torch.cat([example.keys for example in examples]),
        object_centers=torch.cat([example.object_centers for example in examples]),
        image_ids=[example.image_id for example in examples],
        names=[example.name for example in examples],
        gaussians=torch.cat(
            [F.pad(example.gaussians, (1, 0), value=i) for i, example in enumerate(examples)]
        ),
        max_per_image=int(counts.max()),
        boundary=BoundaryLabels.join([one.boundary for one in examples if one.boundary]),
        extents=_joined([one.extents for one in examples]),
        ignored=IgnoredCells.join([one.ignored for one in examples]),
    )


def _joined(tensors: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """One behind the other; None of none."""
    known = [one for one in tensors if one is not None]
    return torch.cat(known) if known else None


def build_example(
    sample: Sample,
    rng: np.random.Generator,
    augmentation: AugmentationSettings,
    targets: TargetSettings,
    num_classes: int,
    boundary: BoundaryPointSettings | None = None,
    others: Others | None = None,
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
        boundary: points near boundaries; None draws none.
        others: the images that may be shown together with this one; None shows it alone.

    Raises:
        InputError: one of the others cannot be read.
    """
    size, stride = augmentation.crop_size, targets.stride
    crop = _shown(sample, rng, augmentation, targets, others)
    sample, matrix = crop.sample, crop.matrix
    found = parts_to_learn(sample, matrix, size, targets)
    classes, parts = found.classes, found.polygons
    count = len(classes)
    chosen = np.ones(count, bool)
    if targets.max_instances is not None and count > targets.max_instances:
        chosen[:] = False
        chosen[rng.choice(count, size=targets.max_instances, replace=False)] = True

    centers, radii = part_centers(parts, size, targets)
    contours = _labels(parts.select(chosen), targets)
    owners = found.owners[chosen]
    near = None
    if boundary is not None:
        near = boundary_labels(parts.select(chosen), owners, sample, matrix, size, boundary, rng)
    ignored = pasted = None
    if targets.ignore_unlearned:
        left = (found.dropped, found.dropped_classes)
        ignored = ignored_cells(sample, matrix, size, stride, *left)
    if others is not None:
        pasted = torch.from_numpy(owners >= len(sample.instances) - crop.pasted)
    return TrainingExample(
        image=torch.from_numpy(np.stack(cv2.split(crop.image))),
        heatmap_size=(num_classes, math.ceil(size[0] / stride), math.ceil(size[1] / stride)),
        centers=torch.from_numpy(centers[chosen]),
        classes=torch.from_numpy(classes[chosen]),
        contours=torch.from_numpy(contours.astype(np.float32)),
        keys=torch.from_numpy(label_keys(contours, targets)),
        object_centers=torch.from_numpy((found.wholes[chosen] / stride).astype(np.float32)),
        image_id=sample.image_id,
        name=sample.name,
        gaussians=torch.from_numpy(np.column_stack([classes, centers, radii])),
        boundary=near,
        extents=_extents(parts, stride) if targets.heatmap == "extent" else None,
        ignored=ignored,
        pasted=pasted,
    )


def _extents(parts: Ragged, stride: int) -> torch.Tensor:
    """(m, 2) float32 width and height of the parts' boxes, cells."""
    x0, y0, x1, y1 = (parts.bounding_boxes() / stride).astype(np.float32).T
    return torch.from_numpy(np.column_stack([x1 - x0, y1 - y0]))


def _labels(parts: Ragged, targets: TargetSettings) -> np.ndarray:
    """The vertices of the labels, (n, N, 2) float64, paired as the settings say."""
    if targets.pairing == "nearest":
        return nearest_contours(parts, targets.vertices)
    return align_contours(parts, targets.vertices, targets.directions)


def _shown(
    sample: Sample,
    rng: np.random.Generator,
    augmentation: AugmentationSettings,
    targets: TargetSettings,
    others: Others | None,
) -> Crop:
    """What the network sees, in the colours that it sees, and whose labels those are."""
    if not augmentation.enabled:
        image, matrix = TestView("letterbox", augmentation.crop_size).apply(sample.image)
        return Crop(image, sample, matrix)
    smallest = targets.min_area_cells * targets.stride**2
    crop = random_crop(sample, augmentation, rng, others=others, smallest=smallest)
    return replace(crop, image=jitter_colors(crop.image, augmentation, rng))


def part_centers(
    parts: Ragged, crop_size: tuple[int, int], targets: TargetSettings
) -> tuple[np.ndarray, np.ndarray]:
    """The cell x, y of every part's centre, (n, 2), and how far its gaussian reaches, (n,), cells.

    As in CenterNet, the radius is that of the box with its sides rounded up to whole cells, and
    rounded down itself.
    """
    boxes = parts.bounding_boxes() / targets.stride
    low, high = boxes[:, :2], boxes[:, 2:]
    middle = np.floor((low + high) / 2 + 0.5)
    last = np.ceil(np.array(crop_size[::-1]) / targets.stride) - 1
    centers = np.clip(middle, 0, last).astype(np.int64)
    sizes = np.ceil(high - low).tolist()
    radii = [int(gaussian_radius(size_y, size_x, targets.min_overlap)) for size_x, size_y in sizes]
    return centers, np.array(radii, np.int64)

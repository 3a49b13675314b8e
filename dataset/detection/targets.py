"""From a labelled image to what detectors with masks learn from, and batches of it.

An instance is a whole object: all of its parts, holes left out. Everything is in pixels of the
network's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import default_collate

from dataset.contour.boundary_points import (
    BoundaryLabels,
    BoundaryPointSettings,
    boundary_labels,
)
from dataset.detection.object_masks import object_mask
from dataset.loading.moving import MovingBatch
from dataset.loading.sample import Sample
from dataset.masks.visible_parts import visible_parts
from dataset.transforms.augmentation import AugmentationSettings, jitter_colors, sample_map
from dataset.transforms.test_transform import shown_size
from dataset.transforms.warping import warp_image
from lib.errors import InputError

MULTIPLE = 32
"""The sides of a batch's images are multiples of this."""


@dataclass
class MaskExample:
    """One augmented image and its n objects.

    Attributes:
        image: (3, h, w) uint8, RGB: what is shown of the image, without padding.
        boxes: (n, 4) float32 x0, y0, x1, y1 around the masks, on edges of pixels.
        classes: (n,) int64, from 0 on.
        masks: (n, h, w) uint8, 1 inside.
        image_id: of the sample.
        name: file name of the sample.
        seed: in [0, 2^63), for whatever is drawn of the example later on.
        boundary: points near the boundaries of the n objects, if any were asked for.
    """

    image: torch.Tensor
    boxes: torch.Tensor
    classes: torch.Tensor
    masks: torch.Tensor
    image_id: int
    name: str
    seed: int
    boundary: BoundaryLabels | None = None


@dataclass
class MaskBatch(MovingBatch):
    """Examples stacked; the objects of all images stand one after the other.

    Attributes:
        images: (B, 3, h, w) uint8, RGB; h and w are multiples of 32.
        sizes: (B, 2) int64, height and width of what each shows of its image, from the top left
            corner on; the rest is padding, black.
        image_index: (n,) int64, ascending, the position in the batch of every object's image.
        boxes, classes, boundary: as in `MaskExample`, n objects of all images.
        masks: (n, h, w) uint8, 1 inside.
        image_ids, names: of the B images.
        seeds: (B,) int64, of the B images.
    """

    images: torch.Tensor
    sizes: torch.Tensor
    image_index: torch.Tensor
    boxes: torch.Tensor
    classes: torch.Tensor
    masks: torch.Tensor
    image_ids: list[int]
    names: list[str]
    seeds: torch.Tensor
    boundary: BoundaryLabels | None = None


def collate_masks(examples: Sequence[MaskExample]) -> MaskBatch:
    """Stack examples, padded at the right and below to the largest of them and on to multiples of
    32; any of them may be without objects."""
    sizes = torch.tensor([example.image.shape[1:] for example in examples])
    height, width = (-(-side // MULTIPLE) * MULTIPLE for side in sizes.amax(0).tolist())
    counts = torch.tensor([len(example.classes) for example in examples])

    def padded(pixels: torch.Tensor) -> torch.Tensor:
        return F.pad(pixels, (0, width - pixels.shape[-1], 0, height - pixels.shape[-2]))

    return MaskBatch(
        # In a worker this stacks straight into the memory shared with the main process.
        images=default_collate([padded(example.image) for example in examples]),
        sizes=sizes,
        image_index=torch.repeat_interleave(torch.arange(len(examples)), counts),
        boxes=torch.cat([example.boxes for example in examples]),
        classes=torch.cat([example.classes for example in examples]),
        masks=torch.cat([padded(example.masks) for example in examples]),
        image_ids=[example.image_id for example in examples],
        names=[example.name for example in examples],
        seeds=torch.tensor([example.seed for example in examples]),
        boundary=BoundaryLabels.join([one.boundary for one in examples if one.boundary]),
    )


def build_mask_example(
    sample: Sample,
    rng: np.random.Generator,
    augmentation: AugmentationSettings,
    num_classes: int,
    smallest: float,
    boundary: BoundaryPointSettings | None = None,
) -> MaskExample:
    """Augment a sample and make its targets.

    Args:
        sample: image and labels.
        rng: source of all randomness; equal states give equal examples.
        augmentation: crop or whole image, and colours.
        num_classes: number of classes that the network tells apart.
        smallest: objects of which so many pixels or fewer are shown are left out.
        boundary: points near boundaries; None draws none.

    Raises:
        InputError: an object is of a class that the network does not have.
    """
    image, matrix = _shown(sample.image, augmentation, rng)
    size = (image.shape[0], image.shape[1])
    _, parts, _, owners = visible_parts(sample.instances, matrix, size, smallest=0.0)
    numbers = np.unique(owners)
    masks = np.zeros((len(numbers), *size), np.uint8)
    for mask, number in zip(masks, numbers.tolist(), strict=True):
        object_mask(sample.instances[number], sample.image.shape[:2], matrix, out=mask)
    kept = np.array([cv2.countNonZero(mask) > smallest for mask in masks], bool)
    numbers, masks = numbers[kept], masks if kept.all() else masks[kept]
    classes = np.array([sample.instances[k].class_index for k in numbers.tolist()], np.int64)
    if (classes >= num_classes).any():
        raise InputError(
            f"{sample.name}: an object of class {classes.max()} (from 0 on), the network has "
            f"{num_classes} classes; use the classes of the training data"
        )
    boxes = np.array([cv2.boundingRect(mask) for mask in masks], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    near = None
    if boundary is not None:
        shown = np.isin(owners, numbers)
        near = boundary_labels(
            parts.select(shown), owners[shown], sample, matrix, size, boundary, rng, whole=True
        )
    return MaskExample(
        image=torch.from_numpy(np.stack(cv2.split(image))),
        boxes=torch.from_numpy(boxes),
        classes=torch.from_numpy(classes),
        masks=torch.from_numpy(masks),
        image_id=sample.image_id,
        name=sample.name,
        seed=int(rng.integers(2**63)),
        boundary=near,
    )


def _shown(
    image: np.ndarray, augmentation: AugmentationSettings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What is shown of an image, (h, w, 3) uint8, and the (2, 3) map to there."""
    height, width = image.shape[:2]
    if augmentation.enabled:
        size, matrix = sample_map(height, width, augmentation, rng)
        return jitter_colors(warp_image(image, matrix, size), augmentation, rng), matrix
    shown, matrix = augmentation.still.apply(image)
    if augmentation.scale_reference == "short_side":
        # The view pads at the right and below, as batches do.
        across, down = shown_size(*(matrix @ [width, height, 1]).tolist())
        shown = shown[:down, :across]
    return shown, matrix

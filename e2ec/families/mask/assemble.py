"""What a mask network says of a batch -> `Contours` with exact masks, as large as the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection.roi_heads import (
    expand_boxes,
    expand_masks,
    paste_mask_in_image,
)

from dataset.masks.run_lengths import encode_window
from dataset.transforms.test_transform import restore_points
from e2ec.families.family import ShownImage
from e2ec.families.mask.card import SHARP, MaskCard
from e2ec.families.refine_rings import refine_rings
from e2ec.results.contours import Contours
from e2ec.results.outlines import with_outlines
from network.mask.outputs import Detections

THRESHOLD = 0.5
"""Pixels of this probability and more are the object's."""


def assemble(
    output: Detections, shown: Sequence[ShownImage], card: MaskCard, stages: Sequence[str]
) -> list[dict[str, Contours]]:
    """The result of every image at every one of `stages`. Masks of which no pixel is left, because
    the image has fewer than they, are left out."""
    boxes = output.boxes.cpu().double().numpy()
    masks = output.masks.float().cpu()
    scores = output.scores.cpu().double().numpy().clip(0, 1)
    labels = output.classes.cpu().numpy()
    # By image, as the rows stand: one slice each.
    bounds = np.searchsorted(output.image_index.cpu().numpy(), np.arange(len(shown) + 1))
    results: list[dict[str, Contours]] = []
    for i, image in enumerate(shown):
        mine = slice(bounds[i], bounds[i + 1])
        corners = restore_points(boxes[mine].reshape(-1, 2, 2), image.matrix)
        runs = list(pasted_runs(masks[mine], torch.from_numpy(corners.reshape(-1, 4)), image.size))
        seen = np.array([one is not None for one in runs], bool)
        found = Contours(
            height=image.size[0],
            width=image.size[1],
            class_names=card.class_names,
            category_ids=card.category_ids,
            labels=labels[mine][seen],
            scores=scores[mine][seen],
            runs=[one for one in runs if one is not None],
            source=image.source,
        )
        results.append(
            {
                stage: _sharpened(found, output, i, image, card) if stage == SHARP else found
                for stage in stages
            }
        )
    return results


def pasted_runs(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Iterator[np.ndarray | None]:
    """The run lengths of masks in an image, (r,) int64, exactly of torchvision's
    `paste_masks_in_image` cut at 0.5; None where nothing is left.

    One mask at a time is drawn, and only where its box is: however many there are, memory is that
    of one.

    Args:
        masks: (n, s, s) probabilities across the box.
        boxes: (n, 4) x0, y0, x1, y1, pixels of the image.
        size: its height and width.
    """
    height, width = size
    padded, scale = expand_masks(masks, padding=1)
    # Rounded as torchvision's are: to float32 first.
    for mask, box in zip(padded, expand_boxes(boxes.float(), scale).to(torch.int64), strict=True):
        x0, y0 = (max(int(edge), 0) for edge in box[:2])
        x1, y1 = min(int(box[2]) + 1, width), min(int(box[3]) + 1, height)
        if x1 <= x0 or y1 <= y0:
            yield None
            continue
        offset = torch.tensor([x0, y0, x0, y0])
        window = paste_mask_in_image(mask, box - offset, y1 - y0, x1 - x0) >= THRESHOLD
        inside = window.numpy()
        yield encode_window(inside, x0, y0, height, width) if inside.any() else None


def _sharpened(
    found: Contours, output: Detections, i: int, image: ShownImage, card: MaskCard
) -> Contours:
    """Masks whose outlines SharpContour has moved."""
    assert output.sharp is not None and output.features is not None
    sharp, features = output.sharp, output.features[i : i + 1]
    return with_outlines(
        found,
        lambda outlines: refine_rings(sharp, features, image, outlines, evolution=card.evolution),
    )

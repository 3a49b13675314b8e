"""What the network says of a batch -> `Contours` in pixels of the original images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dataset.transforms.test_transform import restore_points
from e2ec.config import Stage
from e2ec.engine.evaluate.stages import select_stage
from e2ec.engine.weights.model_card import ModelCard
from e2ec.results.contours import Contours
from e2ec.results.postprocess.grouping import group_parts
from e2ec.results.postprocess.nms import contour_boxes, suppress
from network.contour.architecture import STRIDE
from network.contour.e2ec import NetworkOutput


@dataclass(frozen=True, eq=False)
class ShownImage:
    """Where an image of a batch came from.

    Attributes:
        size: (height, width) of the original in pixels.
        matrix: the (2, 3) map from it to the network's input.
        source: its name in the result.
    """

    size: tuple[int, int]
    matrix: np.ndarray
    source: str | None


def assemble(
    output: NetworkOutput, shown: Sequence[ShownImage], card: ModelCard, stages: Sequence[Stage]
) -> list[dict[Stage, Contours]]:
    """The result of every image at every one of `stages`, as if that stage were the only one."""
    image_index = output.image_index.cpu().numpy()
    # One transfer for all stages.
    stacked = torch.stack([select_stage(output.contours, stage) for stage in stages])
    contours = stacked.cpu().double().numpy()
    scores = output.scores.cpu().double().numpy()
    labels = output.classes.cpu().numpy()
    votes = None
    if output.object_centers is not None and card.group_parts:
        votes = (output.object_centers.cpu().double() * STRIDE).numpy()
    # By image, as the rows stand: one slice each.
    bounds = np.searchsorted(image_index, np.arange(len(shown) + 1))
    results: list[dict[Stage, Contours]] = []
    for i, image in enumerate(shown):
        mine = slice(bounds[i], bounds[i + 1])
        own = None if votes is None else restore_points(votes[mine], image.matrix)
        results.append(
            {
                stage: _contours(
                    restore_points(points[mine], image.matrix),
                    own,
                    labels[mine],
                    scores[mine],
                    image,
                    card,
                )
                for stage, points in zip(stages, contours, strict=True)
            }
        )
    return results


def _contours(
    points: np.ndarray,
    votes: np.ndarray | None,
    labels: np.ndarray,
    scores: np.ndarray,
    image: ShownImage,
    card: ModelCard,
) -> Contours:
    """Doubles go first, then parts are grouped: a double of a part fits that part better than
    the box of the whole object."""
    keep = suppress(contour_boxes(points), scores, labels, card.nms_iou)
    groups = [keep[i : i + 1] for i in range(len(keep))]
    if votes is not None:
        found = group_parts(points[keep], votes[keep], scores[keep], labels[keep])
        groups = [keep[group] for group in found]
    # The parts of a group stand by falling score: its best part speaks for it.
    best = np.array([group[0] for group in groups], np.int64)
    return Contours(
        height=image.size[0],
        width=image.size[1],
        class_names=card.class_names,
        category_ids=card.category_ids,
        labels=labels[best],
        scores=scores[best],
        parts=[[points[i] for i in group] for group in groups],
        source=image.source,
    )

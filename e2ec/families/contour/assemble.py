"""What the network says of a batch -> `Contours` in pixels of the original images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from dataset.transforms.test_transform import restore_points
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.final_scores import final_scores
from e2ec.families.contour.mending import mend, stages_needed
from e2ec.families.contour.stages import resolve_stage
from e2ec.families.family import ShownImage
from e2ec.results.contours import Contours
from e2ec.results.postprocess.grouping import group_parts
from e2ec.results.postprocess.nms import contour_boxes, suppress
from network.contour.architecture import STRIDE
from network.contour.contour_network import NetworkOutput


def assemble(
    output: NetworkOutput, shown: Sequence[ShownImage], card: ContourCard, stages: Sequence[str]
) -> list[dict[str, Contours]]:
    """The result of every image at every one of `stages`, as if that stage were the only one."""
    image_index = output.image_index.cpu().numpy()
    names = (*output.stages, *output.on_demand)
    extents = torch.from_numpy(np.stack([image.extent for image in shown]))
    asked = [resolve_stage(stage, names) for stage in stages]
    whole = [name for name in output.stages if name not in output.on_demand]
    needed = stages_needed(asked, whole, card)
    made = {name: output.at(name, extents, card.evolution) for name in needed}
    # One transfer for all stages; some have more vertices than others.
    together = torch.cat([*made.values()], dim=1).cpu().double().numpy()
    ends = np.cumsum([stage.shape[1] for stage in made.values()])
    separate = np.split(together, ends[:-1], axis=1)
    mended = mend(dict(zip(made, separate, strict=True)), whole, card)
    contours = [mended[name] for name in asked]
    # Contours are judged as the network made them.
    scores = final_scores(output, [made[name] for name in asked], card.iou_power)
    labels = output.classes.cpu().numpy()
    votes = None
    if output.object_centers is not None and card.group_parts:
        votes = (output.object_centers.cpu().double() * STRIDE).numpy()
    # By image, as the rows stand: one slice each.
    bounds = np.searchsorted(image_index, np.arange(len(shown) + 1))
    results: list[dict[str, Contours]] = []
    for i, image in enumerate(shown):
        mine = slice(bounds[i], bounds[i + 1])
        own = None if votes is None else restore_points(votes[mine], image.matrix)
        results.append(
            {
                stage: _contours(
                    restore_points(points[mine], image.matrix),
                    own,
                    labels[mine],
                    sure[mine],
                    image,
                    card,
                    output.least_score,
                )
                for stage, points, sure in zip(stages, contours, scores, strict=True)
            }
        )
    return results


def _contours(
    points: np.ndarray,
    votes: np.ndarray | None,
    labels: np.ndarray,
    scores: np.ndarray,
    image: ShownImage,
    card: ContourCard,
    least_score: float,
) -> Contours:
    """Duplicates go first, then parts are grouped: a duplicate of a part fits that part better than
    the box of the whole object."""
    keep = suppress(contour_boxes(points), scores, labels, card.nms_iou)
    # They fall: what is left out here has left out nothing better.
    keep = keep[scores[keep] >= least_score]
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

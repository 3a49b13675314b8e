"""What a network of contours does not take over from the weights that it starts from."""

from __future__ import annotations

from lib.errors import InputError
from network.contour.e2ec import E2EC
from network.contour.weights import untransferred_start


def untransferred(source: E2EC, network: E2EC) -> tuple[str, ...]:
    """The classifier where the class counts differ, and part votes, the heads for IoUs and
    boundaries, SharpContour and what stands before the refinements where one of them lacks it or
    has it in another way: see `Family.untransferred`.

    Raises:
        InputError: what would keep its random start learns nothing either.
    """
    classifier = source.num_classes != network.num_classes
    votes = source.part_votes is None or network.part_votes is None
    judged = source.contour_iou is None or network.contour_iou is None
    if network.sharp_alone and classifier:
        raise InputError(
            f"model.sharp.training alone: the weights know {source.num_classes} classes, the "
            f"data have {network.num_classes}, and nobody would learn them; start from weights "
            "of the same classes, or train jointly"
        )
    if network.sharp_alone and votes and network.part_votes is not None:
        raise InputError(
            "model.sharp.training alone: the weights have no part votes, and nobody would "
            "learn them; leave model.multi_component out, or train jointly"
        )
    if network.sharp_alone and judged and network.contour_iou is not None:
        raise InputError(
            "model.sharp.training alone: the weights predict no IoU of contours, and nobody would "
            "learn to; leave model.contour_iou out, or train jointly"
        )
    if network.sharp_alone and network.contour_iou is None and source.contour_iou is not None:
        raise InputError(
            "model.sharp.training alone: the weights predict the IoUs that their contours are "
            "scored by; give --model.contour-iou"
        )
    start = untransferred_start(source, network)
    if network.sharp_alone and start:
        raise InputError(
            "model.sharp.training alone: the weights begin contours in another way "
            "(model.initial, model.global_*), and nobody would learn this one; give the settings "
            "of the weights, or train jointly"
        )
    ways = {one.sharp and one.sharp.movement for one in (source, network)}
    left = {
        "heatmap.2.": classifier,
        "part_votes.": votes,
        "sharp.": None in ways or len(ways) > 1,
        "contour_iou.": judged,
        "boundary_map.": source.boundary_map is None or network.boundary_map is None,
    }
    kept = tuple(name for name, stays in left.items() if stays)
    return kept + start

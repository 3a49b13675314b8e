"""The loss of all refinements together (paper sec. 3.3 and eq. 9 and 10), and its variants."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from e2ec.config import LossConfig
from e2ec.losses.dynamic_matching import MatchingSums, dynamic_matching_loss
from e2ec.losses.smooth_l1 import smooth_l1

_REFINEMENT = re.compile(r"refine\d+")


def refinement_names(stages: Mapping[str, Tensor]) -> list[str]:
    """The names of the refinements among the stages, in order."""
    return [name for name in stages if _REFINEMENT.fullmatch(name)]


def refinement_loss(
    stages: Mapping[str, Tensor],
    label: Tensor,
    key_vertices: Tensor,
    contours: Tensor,
    keys: Tensor,
    config: LossConfig,
    *,
    epoch: int,
) -> Tensor:
    """Smooth L1 on the refinements; from its epoch on, what the settings name on the last one.

    Args:
        stages: contours (n, N, 2), input pixels, by name, in order; the refinements are read, and
            the one before them.
        label: (n, N, 2), input pixels.
        key_vertices: (n, N) bool, of the label.
        contours, keys: scalars, contours and key vertices of the whole step, 1 or more.
        config: `last_stage`, `matching_*` and `average_refinements`.
        epoch: counted from 0.

    Returns:
        Scalar, already divided.
    """
    names = refinement_names(stages)
    matched = _matched(names, config, epoch)
    plain = [smooth_l1(stages[name], label) for name in names[:-1] if name not in matched]
    loss = torch.stack(plain or [label.sum() * 0]).sum() / contours
    if not matched:
        loss = loss + smooth_l1(stages[names[-1]], label) / contours
    before = {name: earlier for earlier, name in itertools.pairwise(stages)}
    for name in matched:
        if config.last_stage == "chamfer":
            loss = loss + _chamfer(stages[name], label, contours, config)
            continue
        sums = dynamic_matching_loss(
            stages[before[name]],
            stages[name],
            label,
            key_vertices,
            distance=config.matching_distance,
        )
        loss = loss + _weighed(sums, contours, keys, config)
    return loss / len(names) if config.average_refinements else loss


def _matched(names: list[str], config: LossConfig, epoch: int) -> list[str]:
    """The refinements whose pairs are found anew in every step."""
    if config.last_stage == "smooth_l1" or epoch < config.matching_start_epoch:
        return []
    return names if config.matching_stages == "all" else names[-1:]


def _weighed(sums: MatchingSums, contours: Tensor, keys: Tensor, config: LossConfig) -> Tensor:
    """One direction of the dynamic matching loss, or the mean of both (paper eq. 5)."""
    to_boundary = sums.to_boundary / contours
    if config.matching_directions == "to_boundary":
        return to_boundary
    by_contour = config.matching_average == "contours"
    from_keys = sums.from_keys_by_contour / contours if by_contour else sums.from_keys / keys
    if config.matching_directions == "from_keys":
        return from_keys
    return (to_boundary + from_keys) / 2


def _chamfer(contour: Tensor, label: Tensor, contours: Tensor, config: LossConfig) -> Tensor:
    """Symmetric Chamfer distance: pairs are nearest on the contour itself, and all vertices of the
    label look for theirs. The mean over the vertices of a contour, and of both ways."""
    every = torch.ones_like(label[..., 0], dtype=torch.bool)
    sums = dynamic_matching_loss(contour, contour, label, every, distance=config.matching_distance)
    return (sums.to_boundary + sums.from_keys_by_contour) / contours / 2

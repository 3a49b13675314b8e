"""Peaks of score maps: definition, wrapper, plain version, fake and autograd registration."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

torch.library.define("e2ec::heatmap_nms", "(Tensor scores) -> Tensor")


def heatmap_nms(scores: Tensor) -> Tensor:
    """Scores with 0 wherever one of the eight neighbours is higher.

    Equal neighbours are all peaks; a cell beside a NaN is not.

    Args:
        scores: (B, h, w, C) float32 or float64; every channel is a map of its own.

    Returns:
        (B, h, w, C), contiguous.

    Raises:
        ValueError: the scores are of another shape or type.
    """
    if scores.dim() != 4 or scores.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            "heatmap_nms: scores must be (B, h, w, C) float32 or float64, not "
            f"{tuple(scores.shape)} {scores.dtype}"
        )
    result: Tensor = torch.ops.e2ec.heatmap_nms(scores)
    return result


def heatmap_nms_reference(scores: Tensor) -> Tensor:
    """The operator in plain PyTorch, on any device: the highest along x, then along y."""
    highest = scores
    for dim, padding in ((2, (0, 0, 1, 1)), (1, (0, 0, 0, 0, 1, 1))):
        size = scores.shape[dim]
        around = F.pad(highest, padding, value=-math.inf)
        before, after = around.narrow(dim, 0, size), around.narrow(dim, 2, size)
        highest = torch.maximum(before, after).maximum(highest)
    return scores.where(highest == scores, 0).contiguous()


torch.library.impl("e2ec::heatmap_nms", "default", heatmap_nms_reference)


@torch.library.register_fake("e2ec::heatmap_nms")
def _fake(scores: Tensor) -> Tensor:
    return torch.empty_like(scores, memory_format=torch.contiguous_format)


def _save_scores(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)  # not the result, which may be changed in place


def _backward(ctx: Any, grad: Tensor) -> Tensor:
    return grad.where(heatmap_nms(ctx.saved_tensors[0]) != 0, 0)


torch.library.register_autograd("e2ec::heatmap_nms", _backward, setup_context=_save_scores)

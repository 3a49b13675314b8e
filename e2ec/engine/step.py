"""One optimiser step: its parts, their losses over the whole step, gradients, the update."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from dataset.targets import Batch
from e2ec.engine.preprocess import normalize
from e2ec.losses.total import LossCounts, TotalLoss
from lib.errors import InputError


def count_step(
    parts: Sequence[Batch], accelerator: Accelerator, *, stop: bool
) -> tuple[LossCounts, bool]:
    """What the step's losses are divided by, and whether any process was asked to stop.

    Counted over all accumulated parts and all processes, so that neither changes the result.
    """
    own = [LossCounts.of(part.heatmaps, part.keys).stack() for part in parts]
    values = torch.cat([torch.stack(own).sum(0), own[0].new_tensor([float(stop)])])
    if accelerator.num_processes > 1:
        values = accelerator.reduce(values, reduction="sum")
        stop = bool(values[3] > 0)
    return LossCounts.unstack(values[:3]), stop


def train_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: TotalLoss,
    parts: Sequence[Batch],
    counts: LossCounts,
    accelerator: Accelerator,
    *,
    epoch: int,
    clip_value: float,
) -> dict[str, Tensor]:
    """Update the weights once; returns the step's losses, over all processes.

    Raises:
        InputError: the loss or its gradient is not finite; names the images. The weights are not
            touched.
    """
    optimizer.zero_grad(set_to_none=True)
    totals: dict[str, Tensor] = {}
    dtype = next(network.parameters()).dtype
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        with nullcontext() if last else accelerator.no_sync(network):
            images = normalize(part.images).to(dtype)
            with accelerator.autocast():
                output = network(images, part.centers, part.image_index)
            losses = loss(
                output.heatmap,
                output.contours,
                part,
                counts,
                epoch=epoch,
                object_centers=output.object_centers,
            )
            _require_finite(losses["total"], "loss", [part], epoch)
            # Processes average their gradients; the counts are sums over processes.
            accelerator.backward(losses["total"] * accelerator.num_processes)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0) + value.detach()
    if accelerator.scaler is None:  # a scaler expects infinities now and then, and skips the step
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        _require_finite(torch.nn.utils.get_total_norm(gradients), "gradient", parts, epoch)
    if clip_value > 0:
        accelerator.clip_grad_value_(network.parameters(), clip_value)
    optimizer.step()
    return accelerator.reduce(totals, reduction="sum") if accelerator.num_processes > 1 else totals


def _require_finite(value: Tensor, what: str, parts: Sequence[Batch], epoch: int) -> None:
    if not torch.isfinite(value):
        names = ", ".join(name for part in parts for name in part.names)
        raise InputError(
            f"the {what} is not finite in epoch {epoch + 1}; images of the batch: {names}; "
            "check their labels or lower optim.lr"
        )

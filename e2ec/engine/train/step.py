"""One optimiser step: its parts, their losses over the whole step, gradients, the update."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from dataset.contour.targets import Batch
from e2ec.engine.predict.preprocess import normalize
from e2ec.engine.train.step_record import StepValues
from e2ec.losses.total import TotalLoss, count_batch


def count_step(
    parts: Sequence[Batch], accelerator: Accelerator, *, stop: bool
) -> tuple[Tensor, Tensor]:
    """What the step's losses are divided by, and how many processes were asked to stop.

    Counted over all accumulated parts and all processes, so that neither changes the result.
    """
    own = [count_batch(part.heatmaps, part.keys) for part in parts]
    values = torch.cat([torch.stack(own).sum(0), own[0].new_full((1,), float(stop))])
    if accelerator.num_processes > 1:
        values = accelerator.reduce(values, reduction="sum")
    return values[:-1], values[-1]


def train_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: TotalLoss,
    parts: Sequence[Batch],
    counts: tuple[Tensor, Tensor],
    accelerator: Accelerator,
    *,
    epoch: int,
    clip_value: float,
) -> StepValues:
    """Update the weights once, without waiting for the device.

    So that nothing is waited for, a loss that is not finite is told by `StepRecord.read` alone:
    the weights are not to be kept before that has been asked.

    Args:
        counts: from `count_step`.
    """
    loss_counts, stop_votes = counts
    optimizer.zero_grad(set_to_none=True)
    totals: dict[str, Tensor] = {}
    part_losses = []
    dtype = next(network.parameters()).dtype
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        with nullcontext() if last else accelerator.no_sync(network):
            images = normalize(part.images).to(dtype)
            with accelerator.autocast():
                output = network(
                    images, part.centers, part.image_index, max_per_image=part.max_per_image
                )
            losses = loss(
                output.heatmap,
                output.stages,
                part,
                loss_counts,
                epoch=epoch,
                object_centers=output.object_centers,
            )
            part_losses.append(losses["total"].detach())
            # Processes average their gradients; the counts are sums over processes.
            accelerator.backward(losses["total"] * accelerator.num_processes)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0) + value.detach()
    norm = None
    if accelerator.scaler is None:  # a scaler expects infinities now and then, and skips the step
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
    if clip_value > 0:
        accelerator.clip_grad_value_(network.parameters(), clip_value)
    optimizer.step()
    if accelerator.num_processes > 1:
        totals = accelerator.reduce(totals, reduction="sum")
    return StepValues(totals, part_losses, norm, stop_votes)

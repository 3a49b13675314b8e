"""One optimiser step: its micro-batches, their losses over the whole step, gradients, update."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from e2ec.engine.preprocess import normalize
from e2ec.engine.train.step_record import StepRecord
from e2ec.families.family import Batch, Family, Loss


def count_step(
    micro_batches: Sequence[Batch], loss: Loss, accelerator: Accelerator, *, stop: bool
) -> tuple[Tensor, Tensor]:
    """What the step's losses are divided by, and how many processes were asked to stop.

    Counted over all micro-batches and all processes, so that neither changes the result.
    """
    own = [loss.counts(batch) for batch in micro_batches]
    values = torch.cat([torch.stack(own).sum(0), own[0].new_full((1,), float(stop))])
    if accelerator.num_processes > 1:
        values = accelerator.reduce(values, reduction="sum")
    return values[:-1], values[-1]


def train_step(
    family: Family[Any, Any],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    micro_batches: Sequence[Batch],
    counts: tuple[Tensor, Tensor],
    accelerator: Accelerator,
    *,
    epoch: int,
    clip_value: float,
) -> StepRecord:
    """Update the weights once, without waiting for the device.

    Only `StepRecord.read` finds a loss that is not finite, when its values have arrived: call it
    before the weights are kept.

    Args:
        counts: from `count_step`.
    """
    loss_counts, stop_votes = counts
    optimizer.zero_grad(set_to_none=True)
    totals: dict[str, Tensor] = {}
    batch_losses = []
    dtype = next(network.parameters()).dtype
    for number, batch in enumerate(micro_batches):
        last = number == len(micro_batches) - 1
        with nullcontext() if last else accelerator.no_sync(network):
            images = normalize(batch.images).to(dtype)
            with accelerator.autocast():
                output = family.forward(network, images, batch)
            losses = loss(output, batch, loss_counts, epoch=epoch)
            batch_losses.append(losses["total"].detach())
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
    return StepRecord(totals, batch_losses, norm, stop_votes, micro_batches, epoch=epoch)

"""One optimiser step: its micro-batches, their losses over the whole step, gradients, update."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from e2ec.families.family import Batch, Family, Loss
from lib.errors import InputError


class StepRecord:
    """The results of one step on their way to the host, all in one copy: read when the next one is
    under way, so that the GPU is not waited for."""

    def __init__(
        self,
        losses: Mapping[str, Tensor],
        batch_losses: Sequence[Tensor],
        gradient_norm: Tensor,
        stop_votes: Tensor,
        micro_batches: Sequence[Batch],
        *,
        epoch: int,
        overflows: bool = False,
    ) -> None:
        """Start the copy.

        Args:
            losses: by name, over all processes and micro-batches; all tensors are scalars.
            batch_losses: the total loss of every micro-batch, of this process alone.
            gradient_norm: Euclidean, over all parameters, before it is clipped.
            stop_votes: how many processes were asked to stop before the step.
            micro_batches: whose images are named where a loss is not finite.
            epoch: counted from 0.
            overflows: whether gradients are infinite now and then, and such steps skipped (fp16).
        """
        self._epoch = epoch
        self._overflows = overflows
        self._images = [batch.names for batch in micro_batches]
        self._names = list(losses)
        scalars = [stop_votes, *losses.values(), *batch_losses, gradient_norm]
        packed = torch.stack([scalar.detach() for scalar in scalars])
        self._arrived: torch.cuda.Event | None = None
        if packed.is_cuda:
            packed = packed.to("cpu", non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()
        self._packed = packed

    def read(self) -> tuple[dict[str, float], float, bool]:
        """The losses, the norm of the gradient, and whether any process was asked to stop.

        The norm is not finite where the step was skipped.

        Raises:
            InputError: a loss or the gradient is not finite; names the images.
        """
        if self._arrived is not None:
            self._arrived.synchronize()
        votes, *rest, norm = self._packed.tolist()
        count = len(self._names)
        losses = dict(zip(self._names, rest[:count], strict=True))
        totals = rest[count : count + len(self._images)]
        pairs = zip(self._images, totals, strict=True)
        broken = [images for images, loss in pairs if not math.isfinite(loss)]
        if broken:
            raise self._error("loss", broken)
        if not all(map(math.isfinite, rest if self._overflows else [*rest, norm])):
            raise self._error("gradient", self._images)
        return losses, norm, votes > 0

    def _error(self, what: str, images: list[list[str]]) -> InputError:
        names = ", ".join(name for names in images for name in names)
        return InputError(
            f"the {what} is not finite in epoch {self._epoch + 1}; images of the batch: {names}; "
            "check their labels or lower optim.lr"
        )


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
    clip_norm: float = 0.0,
    teacher: nn.Module | None = None,
) -> StepRecord:
    """Update the weights once, without waiting for the device.

    Only `StepRecord.read` finds a loss that is not finite, when its values have arrived: call it
    before the weights are kept.

    Args:
        counts: from `count_step`.
        clip_value: limit of every value of the gradient; 0 is none.
        clip_norm: limit of the gradient's norm, in place of that of its values; 0 is none.
        teacher: the moving average, where the family wants it.
    """
    loss_counts, stop_votes = counts
    optimizer.zero_grad(set_to_none=True)
    totals: dict[str, Tensor] = {}
    batch_losses = []
    dtype = next(network.parameters()).dtype
    for number, batch in enumerate(micro_batches):
        last = number == len(micro_batches) - 1
        with nullcontext() if last else accelerator.no_sync(network):
            images = family.normalize(batch.images).to(dtype)
            with accelerator.autocast():
                output = family.forward(network, images, batch)
                if teacher is not None:
                    output = family.taught(output, teacher, images, batch)
            losses = loss(output, batch, loss_counts, epoch=epoch)
            batch_losses.append(losses["total"].detach())
            # Processes average their gradients; the counts are sums over processes.
            accelerator.backward(losses["total"] * accelerator.num_processes)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0) + value.detach()
    accelerator.unscale_gradients(optimizer)
    norm = _clip(network, clip_value=clip_value, clip_norm=clip_norm)
    optimizer.step()
    if accelerator.num_processes > 1:
        totals = accelerator.reduce(totals, reduction="sum")
    overflows = accelerator.scaler is not None
    return StepRecord(
        totals, batch_losses, norm, stop_votes, micro_batches, epoch=epoch, overflows=overflows
    )


def _clip(network: nn.Module, *, clip_value: float, clip_norm: float) -> Tensor:
    """Clip all gradients in place; returns their norm before, a scalar on their device."""
    parameters = [p for p in network.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if clip_norm > 0:
        nn.utils.clip_grads_with_norm_(parameters, clip_norm, norm)
    elif clip_value > 0:
        nn.utils.clip_grad_value_(parameters, clip_value)
    return norm

"""What a step leaves behind, read when the next one is under way: the GPU is not waited for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from e2ec.families.family import Batch
from lib.errors import InputError


class StepRecord:
    """The results of one optimiser step on their way to the host, all in one copy."""

    def __init__(
        self,
        losses: Mapping[str, Tensor],
        batch_losses: Sequence[Tensor],
        gradient_norm: Tensor | None,
        stop_votes: Tensor,
        micro_batches: Sequence[Batch],
        *,
        epoch: int,
    ) -> None:
        """Start the copy.

        Args:
            losses: by name, over all processes and micro-batches; all tensors are scalars.
            batch_losses: the total loss of every micro-batch, of this process alone.
            gradient_norm: None where infinities are expected now and then, and such steps skipped
                (fp16).
            stop_votes: how many processes were asked to stop before the step.
            micro_batches: whose images are named where a loss is not finite.
            epoch: counted from 0.
        """
        self._epoch = epoch
        self._images = [batch.names for batch in micro_batches]
        self._names = list(losses)
        norm = [] if gradient_norm is None else [gradient_norm]
        scalars = [stop_votes, *losses.values(), *batch_losses, *norm]
        packed = torch.stack([scalar.detach() for scalar in scalars])
        self._arrived: torch.cuda.Event | None = None
        if packed.is_cuda:
            packed = packed.to("cpu", non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()
        self._packed = packed

    def read(self) -> tuple[dict[str, float], bool]:
        """The losses, and whether any process was asked to stop.

        Raises:
            InputError: a loss or the gradient is not finite; names the images.
        """
        if self._arrived is not None:
            self._arrived.synchronize()
        votes, *rest = self._packed.tolist()
        count = len(self._names)
        losses = dict(zip(self._names, rest[:count], strict=True))
        totals = rest[count : count + len(self._images)]
        pairs = zip(self._images, totals, strict=True)
        broken = [images for images, loss in pairs if not math.isfinite(loss)]
        if broken:
            raise self._error("loss", broken)
        if not all(map(math.isfinite, rest)):
            raise self._error("gradient", self._images)
        return losses, votes > 0

    def _error(self, what: str, images: list[list[str]]) -> InputError:
        names = ", ".join(name for names in images for name in names)
        return InputError(
            f"the {what} is not finite in epoch {self._epoch + 1}; images of the batch: {names}; "
            "check their labels or lower optim.lr"
        )

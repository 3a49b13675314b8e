"""Batch normalisation over all processes, on any device.

torch's own SyncBatchNorm needs CUDA; this one is plain tensor arithmetic and a differentiable
all-reduce, so that two processes on CPUs train to the same weights as one.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from network.layers.precision import at_least_float32


class _SumOverProcesses(torch.autograd.Function):
    """Sum over all processes; the gradient of a sum is the sum of the gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient


class SyncBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Drop-in for BatchNorm1d/2d; its statistics in training are those of the global batch."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected at least 2 dimensions, got {input.ndim}")

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) -> the same shape; a process may hold an empty batch."""
        if not self.training:
            return super().forward(input)
        x = at_least_float32(input)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = x.new_full((1,), x.numel() / max(x.shape[1], 1))
        # Two passes: the variance from squared distances to the mean loses no digits.
        shape = [1, -1] + [1] * (x.ndim - 2)
        total = _SumOverProcesses.apply(torch.cat([x.sum(axes), count]))
        count = total[-1].detach()
        if count == 0:
            # Nobody has anything; weight and bias still take part, or DDP waits for them.
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            return input * self.weight.view(shape) + self.bias.view(shape)
        mean = total[:-1] / count
        centered = x - mean.view(shape)
        variance = _SumOverProcesses.apply(centered.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach(), count)
        scale = (self.weight * (variance + self.eps).rsqrt()).view(shape)
        return (centered * scale + self.bias.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        unbiased = variance * (count / (count - 1).clamp(min=1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


def convert_sync_batchnorm(module: nn.Module) -> nn.Module:
    """Replace every BatchNorm below `module` (in place) by one over all processes."""
    for name, child in module.named_children():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            synced = SyncBatchNorm(child.num_features, child.eps, child.momentum)
            synced.weight, synced.bias = child.weight, child.bias
            for buffer in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(synced, buffer, getattr(child, buffer))
            synced.train(child.training)
            setattr(module, name, synced)
        else:
            convert_sync_batchnorm(child)
    return module

"""Batch normalisation folded into the convolutions before it, for prediction."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from network.backbones.dla import BasicBlock, Root
from network.contour.neck import ModulatedDeformConv, NeckConv

Network = TypeVar("Network", bound=nn.Module)
Conv = nn.Conv2d | ModulatedDeformConv


_CONV_NORM = ("HGNetV2ConvLayer", "ResNetConvLayer", "ResNetShortCut")
"""Modules of the package `transformers`, by name: `convolution` feeds `normalization` alone."""


def fold_batchnorm(network: Network) -> Network:
    """A copy in evaluation mode that computes the same with fewer operations.

    In evaluation a batch normalisation multiplies and adds per channel. Both go into the weights of
    the convolution right before it. The snakes normalise after a ReLU: theirs stay.

    All modules of the copy are plain ones, so it is what an exporter takes. It cannot be trained:
    its running statistics are gone.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for parent in list(network.modules()):
        for conv, holder, name in _pairs(parent):
            norm = holder.get_submodule(name)
            if isinstance(norm, _BatchNorm):  # otherwise it was folded before
                _fold(conv, norm)
                setattr(holder, name, nn.Identity())
    return network


def _pairs(parent: nn.Module) -> Iterator[tuple[Conv, nn.Module, str]]:
    """Convolutions that feed only a normalisation; its parent, and its name there."""
    if isinstance(parent, BasicBlock):
        yield parent.conv1, parent, "bn1"
        yield parent.conv2, parent, "bn2"
    elif isinstance(parent, Root):
        yield parent.conv, parent, "bn"
    elif isinstance(parent, NeckConv):
        assert isinstance(parent.conv, (nn.Conv2d, ModulatedDeformConv))
        yield parent.conv, parent.actf, "0"
    elif type(parent).__name__ in _CONV_NORM:
        if isinstance(parent.convolution, nn.Conv2d):
            yield parent.convolution, parent, "normalization"
    elif isinstance(parent, nn.Sequential):
        for (_, first), (name, second) in pairwise(parent.named_children()):
            if isinstance(first, nn.Conv2d) and isinstance(second, _BatchNorm):
                yield first, parent, name


@torch.no_grad()
def _fold(conv: Conv, norm: _BatchNorm) -> None:
    """y = (conv(x) - mean) * factor + shift, computed in float64 and rounded once."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = _exact(norm.weight) * (_exact(norm.running_var) + norm.eps).rsqrt()
    bias: Tensor | float = 0.0 if conv.bias is None else _exact(conv.bias)
    folded = (bias - _exact(norm.running_mean)) * factor + _exact(norm.bias)
    conv.weight.copy_(_exact(conv.weight) * factor.view(-1, 1, 1, 1))
    conv.bias = nn.Parameter(folded.to(conv.weight), requires_grad=False)


def _exact(values: Tensor) -> Tensor:
    """In float64 and on the CPU: not every device has float64."""
    return values.detach().cpu().double()

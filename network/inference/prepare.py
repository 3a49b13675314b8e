"""A trained network made ready for prediction."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from network.contour.e2ec import E2EC
from network.contour.neck import ModulatedDeformConv
from network.inference.fold import fold_batchnorm
from network.inference.winograd import use_winograd_convolutions, use_winograd_snakes

Network = TypeVar("Network", bound=nn.Module)

LOWERED = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, ModulatedDeformConv)
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def for_prediction(
    network: Network,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Network:
    """A copy for evaluation on a device: batch normalisation folded, channels last.

    On a CPU the snakes, and in float32 most 3x3 convolutions, become those of
    `network.inference.winograd`: in half the time of float32, or in that
    of bfloat16 with all digits.

    Args:
        network: is not changed.
        dtype: what autocast will compute in; weights are converted once, not again in every
            call. What computes coordinates and logits, or reads coordinates (a snake's first
            block), stays as it is. float32 converts nothing.
        device: where it will run; where it is now without.

    Raises:
        ValueError: the network has been compiled, or is replayed from CUDA graphs: a copy would
            run the original's weights.
    """
    if "dense" in vars(network):
        raise ValueError("a compiled network cannot be copied: take the network it was made of")
    network = fold_batchnorm(network)
    if device is not None:
        network = network.to(device)
    weights = next(network.parameters())
    if weights.device.type == "cpu" and weights.dtype == torch.float32:
        use_winograd_snakes(network)
        if dtype == torch.float32:
            use_winograd_convolutions(network)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    if dtype != torch.float32 and isinstance(network, E2EC):
        parts: list[nn.Module] = [
            network.backbone,
            network.neck,
            network.heatmap[0],
            network.global_deformation.trans_feature,
            *(part for snake in network.refinement.snakes for part in list(snake.children())[1:]),
        ]
        for part in parts:
            for module in part.modules():
                if isinstance(module, LOWERED):
                    module.to(dtype)
    return network


def compile_network(network: E2EC, *, backend: str = "inductor") -> None:
    """`torch.compile` a network in place: all of it but the choice of the centres.

    One graph without breaks for what covers the image, one for what belongs to instances; how many
    there are is only known between the two.
    """
    dense = torch.compile(network.dense, fullgraph=True, backend=backend)
    outline = torch.compile(network.outline, fullgraph=True, dynamic=True, backend=backend)
    network.__dict__.update(dense=dense, outline=outline)

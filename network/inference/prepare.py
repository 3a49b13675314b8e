"""A trained network made ready for prediction: the chain of this folder's passes.

`fold_batchnorm` copies; the passes after it change that copy. Each gives the network back. What
`fold_batchnorm` gives is still plain: that is what an exporter takes.
"""

from __future__ import annotations

from typing import TypeVar, overload

import torch
from torch import nn

from network.contour.e2ec import E2EC
from network.inference.fold import fold_batchnorm
from network.inference.layout import lay_channels_last
from network.inference.precision import keep_logits, lower_precision
from network.inference.prepared import PreparedNetwork
from network.inference.sparse import use_sparse_maps
from network.inference.winograd import use_winograd_convolutions, use_winograd_snakes

Network = TypeVar("Network", bound=nn.Module)


@overload
def for_prediction(
    network: E2EC, dtype: torch.dtype = ..., device: torch.device | None = ...
) -> PreparedNetwork: ...


@overload
def for_prediction(
    network: Network, dtype: torch.dtype = ..., device: torch.device | None = ...
) -> Network: ...


def for_prediction(
    network: nn.Module, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> nn.Module:
    """A copy for evaluation on a device: batch normalisation folded, channels last.

    On a CPU the snakes, and in float32 most 3x3 convolutions, become those of
    `network.inference.winograd`: in half the time of float32, or in that of bfloat16 with all
    digits. A network of another family gets what fits any network and stays what it is.

    Args:
        network: is not changed.
        dtype: what autocast will compute in; weights are converted once, not again in every call.
            float32 converts nothing.
        device: where it will run; None leaves it where it is.

    Raises:
        ValueError: the network has been prepared before: a copy of what is compiled or replayed
            would run the original's weights.
    """
    if isinstance(network, PreparedNetwork):
        raise ValueError("a prepared network cannot be copied: take the network it was made of")
    network = fold_batchnorm(network)
    if device is not None:
        network = network.to(device)
    weights = next(network.parameters())
    if weights.device.type == "cpu" and weights.dtype == torch.float32:
        network = use_winograd_snakes(network)
        if dtype == torch.float32:
            network = use_winograd_convolutions(network)
    network = lay_channels_last(network)
    if not isinstance(network, E2EC):
        return network
    network = keep_logits(network)
    if weights.device.type == "cpu":
        network = use_sparse_maps(network)
    if dtype != torch.float32:
        network = lower_precision(network, dtype)
    return PreparedNetwork(network)

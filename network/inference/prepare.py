"""A trained network made ready for prediction: the chain of this folder's passes.

`fold_batchnorm` copies; the passes after it change that copy. What `fold_batchnorm` gives is still
plain: that is what an exporter takes.
"""

from __future__ import annotations

import torch

from network.contour.e2ec import E2EC
from network.inference.fold import Network, fold_batchnorm
from network.inference.precision import FullPrecisionHead, lower_precision
from network.inference.prepared import PreparedNetwork
from network.inference.sparse import SparseGlobalDeformation
from network.inference.winograd import use_winograd


def for_prediction(
    network: E2EC, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> PreparedNetwork:
    """A copy for evaluation on a device: batch normalisation folded, channels last.

    On a CPU the snakes, and in float32 most 3x3 convolutions, become those of
    `network.inference.winograd`: in half the time of float32, or in that of bfloat16 with all
    digits.

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
    network = fast_copy(network, dtype, device)
    network.boundary_map = None  # nobody asks it any more
    deformation = network.global_deformation
    if deformation is not None and next(network.parameters()).device.type == "cpu":
        network.global_deformation = SparseGlobalDeformation(deformation)
    network.heatmap = FullPrecisionHead(network.heatmap)
    if dtype != torch.float32:
        lower_precision(network, dtype)
    return PreparedNetwork(network)


def fast_copy(network: Network, dtype: torch.dtype, device: torch.device | None) -> Network:
    """The passes that any network takes: see `for_prediction`."""
    network = fold_batchnorm(network).to(device)
    # All channels of a tap side by side; maps follow the weights.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    weights = next(network.parameters())
    if weights.device.type == "cpu" and weights.dtype == torch.float32:
        use_winograd(network, convolutions=dtype == torch.float32)
    return network

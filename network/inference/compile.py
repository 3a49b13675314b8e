"""`torch.compile` of a network's two functions."""

from __future__ import annotations

import torch

from network.inference.prepared import PreparedNetwork


def compile_network(prepared: PreparedNetwork, *, backend: str = "inductor") -> PreparedNetwork:
    """The network with both functions compiled, each as one graph without breaks.

    Centres are chosen between the two: only there is the number of instances known.
    """
    return PreparedNetwork(
        prepared.network,
        dense=torch.compile(prepared.dense, fullgraph=True, backend=backend),
        outline=torch.compile(prepared.outline, fullgraph=True, dynamic=True, backend=backend),
    )

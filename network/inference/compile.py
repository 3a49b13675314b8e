"""`torch.compile` of a network's two functions."""

from __future__ import annotations

import torch

from network.inference.prepared import PreparedNetwork


def compile_network(prepared: PreparedNetwork, *, backend: str = "inductor") -> PreparedNetwork:
    """The network with all of it compiled but the choice of the centres.

    One graph without breaks for what covers the image, one for what belongs to instances; how many
    there are is only known between the two.
    """
    return PreparedNetwork(
        prepared.network,
        dense=torch.compile(prepared.dense, fullgraph=True, backend=backend),
        outline=torch.compile(prepared.outline, fullgraph=True, dynamic=True, backend=backend),
    )

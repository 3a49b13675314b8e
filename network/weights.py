"""Building a network from a state dict: its sizes are read from the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lib.errors import InputError
from network.architecture import Architecture
from network.e2ec import E2EC, build_network


def network_from_state(
    state: Mapping[str, Tensor], *, name: str, architecture: Architecture
) -> E2EC:
    """A network in evaluation mode with the weights of `state` (our parameter names).

    The class count and the number of vertices are read from the weights. Half precision is
    widened to float32; float64 weights give a float64 network.

    Raises:
        InputError: names or shapes do not fit; `name` says where the weights came from.
    """
    for key in ("heatmap.2.weight", "offsets.2.weight"):
        if key not in state or state[key].ndim != 4:
            raise InputError(f"{name}: not weights of an E2EC network ({key} is missing)")
    network = build_network(
        num_classes=state["heatmap.2.weight"].shape[0],
        vertices=state["offsets.2.weight"].shape[0] // 2,
        architecture=architecture,
    )
    expected = network.state_dict()
    # Files written by old versions of torch have no batch counters; evaluation needs none.
    optional = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = [key for key in expected if key not in state and key not in optional]
    extra = [key for key in state if key not in expected]
    wrong = [k for k in expected if k in state and state[k].shape != expected[k].shape]
    for problem, keys in (("missing", missing), ("unknown", extra), ("of wrong shape", wrong)):
        if keys:
            raise InputError(
                f"{name}: weights do not fit this network: {len(keys)} {problem}, first {keys[0]}"
            )
    if any(value.dtype == torch.float64 for value in state.values()):
        network = network.double()
    network.load_state_dict(dict(state), strict=False)
    return network.eval()

"""`torch.compile` of a network's two functions."""

from __future__ import annotations

from types import FunctionType

import torch
from torch import Tensor

from network.contour.contour_network import Outline
from network.inference.prepared import PreparedNetwork


def compile_network(prepared: PreparedNetwork, *, backend: str = "inductor") -> PreparedNetwork:
    """The network with both functions compiled, each as one graph without breaks.

    Centres are chosen between the two: only there is the number of instances known. Contours have a
    graph for every number of stages that is asked for, compiled when it is first.
    """
    return PreparedNetwork(
        prepared.network,
        dense=torch.compile(prepared.dense, fullgraph=True, backend=backend),
        outline=_compile_exits(prepared, backend=backend),
    )


def _compile_exits(prepared: PreparedNetwork, *, backend: str) -> Outline:
    """`outline` with one compiled function for every depth."""
    every = len(prepared.stage_names)
    exits = {
        depth: torch.compile(
            _exit(prepared.outline, depth), fullgraph=True, dynamic=True, backend=backend
        )
        for depth in range(1, every + 1)
    }

    def outline(
        features: Tensor,
        centers: Tensor,
        image_index: Tensor,
        max_per_image: int | None = None,
        depth: int | None = None,
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """See `Outline`."""
        compiled = exits[every if depth is None else depth]
        return compiled(features, centers, image_index, max_per_image)

    return outline


def _exit(outline: Outline, depth: int) -> FunctionType:
    """`outline` of a fixed depth, as a function with code of its own.

    torch counts the graphs of equal code together, whatever function it belongs to, and with
    `fullgraph` it refuses a ninth one; every depth has up to seven.
    """

    def to_depth(
        features: Tensor, centers: Tensor, image_index: Tensor, max_per_image: int | None
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        return outline(features, centers, image_index, max_per_image, depth)

    code = to_depth.__code__.replace(co_name=f"outline_to_depth_{depth}")
    return FunctionType(code, globals(), code.co_name, None, to_depth.__closure__)

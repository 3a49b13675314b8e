"""CUDA graphs: what covers the image is recorded once for every input shape, then replayed.

One replay takes the place of some hundred launches of kernels, which is what a small batch waits
for. `torch.cuda.graph` does the recording. What belongs to instances is left out: how many there
are is known only after the heat map.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from network.contour.e2ec import Dense
from network.inference.prepared import PreparedNetwork

WARM_UP = 3
"""Calls before a recording: kernels are compiled and chosen, workspaces made."""


@dataclass(frozen=True)
class Recording:
    """A function as it ran once: always the same buffers."""

    images: Tensor
    """Where `replay` reads its input."""
    outputs: tuple[Tensor, ...]
    """Where `replay` writes its results, over those of the replay before."""
    replay: Callable[[], None]


Record = Callable[[Dense, Tensor], Recording]


def record_cuda_graph(function: Dense, images: Tensor) -> Recording:
    """Run a function on a copy of `images`, (B, 3, H, W) on a CUDA device, and record its kernels.

    The function may not read back from the device. Its weights stay where they are and are read
    again in every replay; autocast is recorded as it is set now.
    """
    static = images.clone()
    graph = torch.cuda.CUDAGraph()
    # Weights in autocast's cache die with the region around the caller, a graph would outlive them.
    autocast = torch.autocast(
        "cuda",
        dtype=torch.get_autocast_dtype("cuda"),
        enabled=torch.is_autocast_enabled("cuda"),
        cache_enabled=False,
    )
    with torch.cuda.device(images.device), autocast:
        caller, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(caller)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                function(static)
        caller.wait_stream(aside)
        # Other threads may use the device meanwhile. Entering waits for all work on the device.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = function(static)
    return Recording(static, outputs, graph.replay)


class GraphCache:
    """A function of images, recorded once for every shape (and type, autocast and stream).

    Results are the caller's own: they are copied out of the recording before the lock is released,
    and copies run in order with the replays because every stream has recordings of its own. Where
    gradients are wanted the function runs as it is.

    Args:
        function: takes (B, 3, H, W), returns tensors; its weights may not move afterwards.
        shapes: so many recordings are kept, each with the memory of one run; of one more, the
            least recently used goes.
        record: makes a recording.
    """

    def __init__(
        self,
        function: Dense,
        *,
        shapes: int = 4,
        record: Record = record_cuda_graph,
    ) -> None:
        if shapes < 1:
            raise ValueError(f"shapes must be positive, not {shapes}")
        self._function, self._shapes, self._record = function, shapes, record
        self._recordings: OrderedDict[Hashable, Recording] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """The function's results, as new tensors."""
        if torch.is_grad_enabled():
            return self._function(images)
        with self._lock:
            # Buffers made in inference mode can be written to in no other.
            with torch.inference_mode():
                recording = self._recording(images)
                recording.images.copy_(images)
                recording.replay()
            return tuple(output.clone() for output in recording.outputs)

    def _recording(self, images: Tensor) -> Recording:
        key = _key(images)
        if key not in self._recordings:
            self._recordings[key] = self._record(self._function, images)
            # Only now: recording has waited for the replays of the one that goes.
            if len(self._recordings) > self._shapes:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(key)
        return self._recordings[key]


def _key(images: Tensor) -> Hashable:
    """What a recording is fixed to."""
    kind = images.device.type
    lowered = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    stream = torch.cuda.current_stream(images.device).cuda_stream if images.is_cuda else None
    return (images.shape, images.dtype, images.device, lowered, stream)


def graph_network(
    prepared: PreparedNetwork, *, shapes: int = 4, record: Record = record_cuda_graph
) -> PreparedNetwork:
    """The network, on a CUDA device, with what covers the image replayed.

    Goes with `compile_network` if that comes first. Weights may be changed in place afterwards, but
    neither replaced nor moved.
    """
    dense = GraphCache(prepared.dense, shapes=shapes, record=record)
    return PreparedNetwork(prepared.network, dense=dense, outline=prepared.outline)

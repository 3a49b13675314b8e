"""CUDA graphs: what covers the image is recorded once for every input shape, then replayed.

One replay replaces a few hundred kernel launches, which dominate the time of a small batch.
`torch.cuda.graph` records. What belongs to instances is not recorded: their number is known only
after the heat map.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from network.contour.contour_network import Dense
from network.inference.prepared import PreparedNetwork

WARM_UP = 3
"""Calls before a recording, in which kernels are compiled and chosen and workspaces allocated."""
SHAPES = 4
"""So many recordings are kept, each with the memory of one run; the least recently used goes."""


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

    The function must not read back from the device. Every replay reads the weights again, so they
    must stay where they are. The recording keeps the current setting of autocast.
    """
    static = images.clone()
    graph = torch.cuda.CUDAGraph()
    # Autocast frees its cached weights with the caller's region; the graph would outlive them.
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
        # Other threads may use the device meanwhile. Entering waits for all work on it.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = function(static)
    return Recording(static, outputs, graph.replay)


class GraphCache:
    """A function of images, recorded once for every shape (and type, autocast and stream).

    Results belong to the caller: they are copied out of the recording before the lock is released.
    Every stream has its own recordings, so copies and replays run in order. Where gradients are
    wanted, the function runs as it is.

    Args:
        function: takes (B, 3, H, W), returns tensors; its weights must not move afterwards.
        record: makes a recording.
    """

    def __init__(self, function: Dense, *, record: Record = record_cuda_graph) -> None:
        self._function, self._record = function, record
        self._recordings: OrderedDict[Hashable, Recording] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """The function's results, as new tensors."""
        if torch.is_grad_enabled():
            return self._function(images)
        with self._lock:
            # Buffers made in inference mode can only be written to in inference mode.
            with torch.inference_mode():
                recording = self._recording(images)
                recording.images.copy_(images)
                recording.replay()
            return tuple(output.clone() for output in recording.outputs)

    def _recording(self, images: Tensor) -> Recording:
        key = _key(images)
        if key not in self._recordings:
            self._recordings[key] = self._record(self._function, images)
            # Only now: recording has waited for the replays of the one that is dropped.
            if len(self._recordings) > SHAPES:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(key)
        return self._recordings[key]


def _key(images: Tensor) -> Hashable:
    """What a recording depends on."""
    kind = images.device.type
    lowered = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    stream = torch.cuda.current_stream(images.device).cuda_stream if images.is_cuda else None
    return (images.shape, images.dtype, images.device, lowered, stream)


def graph_network(
    prepared: PreparedNetwork, *, record: Record = record_cuda_graph
) -> PreparedNetwork:
    """The network, which lies on a CUDA device, with a replayed `dense`.

    It may be compiled before. Afterwards weights may be changed in place, but neither replaced nor
    moved.
    """
    dense = GraphCache(prepared.dense, record=record)
    return PreparedNetwork(prepared.network, dense=dense, outline=prepared.outline)

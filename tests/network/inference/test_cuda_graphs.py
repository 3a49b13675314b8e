"""Recordings by shape: on the CPU with a stand-in for CUDA's graphs; on a GPU where one is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from random_networks import random_images as images
from random_networks import random_network
from torch import Tensor

from network.contour.architecture import DLA34
from network.contour.contour_network import Dense
from network.inference import cuda_graphs
from network.inference.cuda_graphs import (
    WARM_UP,
    GraphCache,
    Recording,
    graph_network,
    record_cuda_graph,
)
from network.inference.prepare import for_prediction
from network.inference.prepared import PreparedNetwork

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


class Recorder:
    """Records as a CUDA graph does: a replay reads and writes the same memory every time."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, function: Dense, images: Tensor) -> Recording:
        self.shapes.append(tuple(images.shape))
        static = images.clone()
        outputs = function(static)

        def replay() -> None:
            for output, result in zip(outputs, function(static), strict=True):
                output.copy_(result)

        return Recording(static, outputs, replay)


def twice_and_sum(images: Tensor) -> tuple[Tensor, Tensor]:
    return 2 * images, images.sum((1, 2, 3))


def assert_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs) and ours.stride() == theirs.stride()


@torch.no_grad()
def test_records_every_shape_once_and_replays_with_new_images() -> None:
    record = Recorder()
    cache = GraphCache(twice_and_sum, record=record)
    for seed, (batch, size) in enumerate([(1, 4), (2, 4), (1, 4), (1, 8), (2, 4)]):
        given = images(batch, size, seed=seed)
        assert_same(cache(given), twice_and_sum(given))
    assert record.shapes == [(1, 3, 4, 4), (2, 3, 4, 4), (1, 3, 8, 8)]


@torch.no_grad()
def test_results_outlive_the_next_replay() -> None:
    cache = GraphCache(twice_and_sum, record=Recorder())
    first = cache(images(2, 4, seed=1))
    cache(images(2, 4, seed=2))
    assert_same(first, twice_and_sum(images(2, 4, seed=1)))


@torch.no_grad()
def test_the_least_recently_used_shape_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "SHAPES", 2)
    record = Recorder()
    cache = GraphCache(twice_and_sum, record=record)
    for size in (4, 5, 4, 6, 4, 5):  # 6 takes the place of 5
        assert_same(cache(images(1, size)), twice_and_sum(images(1, size)))
    assert [shape[3] for shape in record.shapes] == [4, 5, 6, 5]


def test_types_and_autocast_have_recordings_of_their_own() -> None:
    record = Recorder()
    cache = GraphCache(twice_and_sum, record=record)
    with torch.no_grad():
        assert cache(images(1, 4))[0].dtype == torch.float32
        assert cache(images(1, 4).double())[0].dtype == torch.float64
        for dtype in (torch.bfloat16, torch.float16):
            with torch.autocast("cpu", dtype):
                cache(images(1, 4))
    assert len(record.shapes) == 4


def test_inference_mode_may_come_before_or_after() -> None:
    for modes in ((torch.inference_mode, torch.no_grad), (torch.no_grad, torch.inference_mode)):
        record = Recorder()
        cache = GraphCache(twice_and_sum, record=record)
        for seed, mode in enumerate(modes):
            with mode():
                given = images(1, 4, seed=seed)
                assert_same(cache(given), twice_and_sum(given))
        assert len(record.shapes) == 1


def test_nothing_is_replayed_where_gradients_are_wanted() -> None:
    record = Recorder()
    given = images(1, 4).requires_grad_()
    GraphCache(twice_and_sum, record=record)(given)[0].sum().backward()
    assert given.grad is not None and record.shapes == []


def test_threads_get_their_own_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "SHAPES", 2)
    cache = GraphCache(twice_and_sum, record=Recorder())

    @torch.no_grad()
    def work(seed: int) -> None:
        given = images(1, 4 + seed % 3, seed=seed)
        assert_same(cache(given), twice_and_sum(given))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(200)))


def test_a_failed_recording_leaves_nothing_behind() -> None:
    def fail(function: Dense, given: Tensor) -> Recording:
        raise RuntimeError("out of memory")

    cache = GraphCache(twice_and_sum, record=fail)
    with torch.no_grad():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="out of memory"):
                cache(images(1, 4))


@pytest.fixture
def network() -> PreparedNetwork:
    return for_prediction(random_network().eval())


@torch.inference_mode()
def test_a_network_finds_the_same(network: PreparedNetwork) -> None:
    record = Recorder()
    expected = [network(images(2, size), max_detections=4) for size in (32, 64, 32)]
    graphed = graph_network(network, record=record)
    found = [graphed(images(2, size), max_detections=4) for size in (32, 64, 32)]
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours.scores) == 8 and torch.equal(ours.centers, theirs.centers)
        assert torch.equal(ours.heatmap, theirs.heatmap)
        assert torch.equal(ours.contours[-1], theirs.contours[-1])
    assert [shape[3] for shape in record.shapes] == [32, 64]


class Cuda:
    """Stands for `torch.cuda`'s streams and graphs, and notes what is asked of them."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def current_stream(self) -> Cuda:
        return self

    def wait_stream(self, other: Cuda) -> None:
        self.notes.append("wait")

    Stream = current_stream

    def CUDAGraph(self) -> SimpleNamespace:
        return SimpleNamespace(replay=lambda: self.notes.append("replay"))

    def device(self, device: torch.device) -> nullcontext[None]:
        return nullcontext()

    def stream(self, stream: Cuda) -> nullcontext[None]:
        return nullcontext()

    @contextmanager
    def graph(self, graph: object, capture_error_mode: str) -> Iterator[None]:
        self.notes.append(f"record {capture_error_mode}")
        yield


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_a_recording_comes_after_a_warm_up_and_without_a_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = Cuda()
    for name in ("current_stream", "Stream", "CUDAGraph", "device", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
    given, seen = images(1, 4), []

    def function(buffer: Tensor) -> tuple[Tensor]:
        assert not torch.is_autocast_cache_enabled()
        seen.append(buffer.data_ptr())
        cuda.notes.append("call")
        return (buffer,)

    with torch.inference_mode():
        recording = record_cuda_graph(function, given)
    recording.replay()
    calls = ["call"] * WARM_UP
    assert cuda.notes == ["wait", *calls, "wait", "record thread_local", "call", "replay"]
    assert set(seen) == {recording.images.data_ptr()} != {given.data_ptr()}
    assert torch.is_autocast_cache_enabled()


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_replays_equal_the_network_on_a_gpu(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_graphs, "SHAPES", 2)
    lowered = for_prediction(random_network(DLA34).eval(), dtype).cuda()
    batches = [images(2, size, seed=seed).cuda() for seed, size in enumerate((64, 96, 64, 128, 96))]
    with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
        expected = [lowered.dense(batch) for batch in batches]
        graphed = graph_network(lowered)
        found = [graphed.dense(batch) for batch in batches]
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other)

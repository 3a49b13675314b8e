"""A network made ready for prediction, and compiled."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from network.contour.architecture import NANO
from network.contour.contour_init import Clip
from network.contour.e2ec import E2EC, build_network
from network.inference.compile import compile_network
from network.inference.cuda_graphs import Recording, graph_network
from network.inference.prepare import for_prediction


@pytest.fixture
def network() -> E2EC:
    torch.manual_seed(0)
    network = build_network(num_classes=3, architecture=NANO, vertices=32, part_votes=True)
    with torch.no_grad():
        network.offsets[2].weight.mul_(5)
        network.heatmap[2].weight.mul_(5)
    return network.eval()


def images(size: int) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def test_bfloat16_changes_weights_once_and_keeps_coordinates(network: E2EC) -> None:
    """What lowers nothing: the heads of coordinates, the last layer of the heat map."""
    exact = network(images(64), max_detections=5)
    lowered = for_prediction(network, torch.bfloat16)
    weights = lowered.network
    assert weights.backbone.base_layer[0].weight.dtype == torch.bfloat16
    assert network.backbone.base_layer[0].weight.dtype == torch.float32
    assert weights.offsets[2].weight.dtype == weights.heatmap[2].weight.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        centers, image_index = exact.centers, exact.image_index
        output = lowered(images(64), centers, image_index)
        found = lowered(images(64), max_detections=5)
    assert {c.dtype for c in output.contours} == {torch.float32}
    assert found.heatmap.dtype == found.scores.dtype == torch.float32
    assert output.object_centers is not None and output.object_centers.dtype == torch.float32
    distance = (output.contours[-1] - exact.contours[-1]).norm(dim=2)
    assert distance.median() < 0.5  # of random weights; trained ones: test_precision.py


@pytest.mark.parametrize("clip", get_args(Clip))
@torch.inference_mode()
def test_copies_and_graphs_clip_as_the_network_does(network: E2EC, clip: Clip) -> None:
    """To 64 or 60 input pixels of 64, as a copy, compiled (without a compiler) and recorded."""
    network.clip = clip
    network.offsets[2].weight.mul_(100)
    plain = for_prediction(network)
    compiled = compile_network(plain, backend="eager")
    recorded = graph_network(plain, record=lambda f, x: Recording(x, f(x), lambda: None))
    for copy in (plain, compiled, recorded):
        contours = copy(images(64), max_detections=5).contours[0]
        assert contours.max() == (64 if clip == "edge" else 60)


@pytest.mark.slow
@torch.inference_mode()
def test_compiles_without_graph_breaks(network: E2EC) -> None:
    """`fullgraph` raises at a break; what the back end makes of the graphs is torch's matter."""
    compiled = compile_network(for_prediction(network), backend="aot_eager")
    # Another number of instances is no new graph, another number of images is one.
    for count, limit in ((1, 5), (1, 3), (2, 3)):
        ours = compiled(images(32)[:count], max_detections=limit)
        plain = network(images(32)[:count], max_detections=limit)
        assert torch.equal(ours.centers, plain.centers) and len(ours.centers) == count * limit
        assert torch.allclose(ours.contours[-1], plain.contours[-1], atol=1e-3)
    with pytest.raises(ValueError, match="cannot be copied"):
        for_prediction(compiled)

"""A network made ready for prediction, pass by pass, and compiled."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from random_networks import random_images, random_network
from torch import nn

from network.contour.contour_init import Clip
from network.contour.e2ec import E2EC
from network.inference.compile import compile_network
from network.inference.cuda_graphs import Recording, graph_network
from network.inference.fold import fold_batchnorm
from network.inference.precision import FullPrecisionHead
from network.inference.prepare import for_prediction


@pytest.fixture
def network() -> E2EC:
    return random_network(part_votes=True).eval()


def images(size: int) -> torch.Tensor:
    return random_images(2, size)


@torch.inference_mode()
def test_two_functions_say_what_the_network_says(network: E2EC) -> None:
    before = (
        list(vars(network)),
        {key: value.clone() for key, value in network.state_dict().items()},
    )
    prepared = for_prediction(network)
    maps, expected = prepared.dense(images(64)), network.dense(images(64))
    for ours, theirs in zip(maps, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)
    centers, image_index = torch.tensor([[3, 4], [9, 2], [5, 5]]), torch.tensor([0, 0, 1])
    stages, votes = prepared.outline(expected[0], centers, image_index, None)
    plain, plain_votes = network.outline(expected[0], centers, image_index)
    assert tuple(stages) == tuple(plain) == prepared.stage_names == network.stage_names
    assert all(torch.allclose(stages[name], plain[name], atol=1e-3) for name in plain)
    assert torch.allclose(votes, plain_votes, atol=1e-4)
    # Nothing was done to the network itself.
    assert list(vars(network)) == before[0]
    assert all(torch.equal(value, before[1][key]) for key, value in network.state_dict().items())


@torch.inference_mode()
def test_logits_keep_their_digits_under_autocast(network: E2EC) -> None:
    """Rounded are the features and the first layer, not what its last layer makes of them."""
    head = fold_batchnorm(network).heatmap
    features = torch.randn(1, head[0].in_channels, 8, 8)
    exact = head(features)
    kept = FullPrecisionHead(head)
    assert torch.allclose(kept(features), exact, atol=1e-5)
    assert list(kept.state_dict()) == list(head.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        hidden, logits = head[1](head[0](features)), kept(features)
        assert head(features).dtype == hidden.dtype == torch.bfloat16
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, head[2](hidden.float()), atol=1e-5)


@torch.inference_mode()
def test_prepared_weights_lie_channels_last(network: E2EC) -> None:
    for name, weights in for_prediction(network).named_parameters():
        layout = torch.channels_last if weights.ndim == 4 else torch.contiguous_format
        assert weights.is_contiguous(memory_format=layout), name


@pytest.mark.slow
@torch.no_grad()
def test_an_exporter_takes_both_functions_of_the_folded_network(network: E2EC) -> None:
    """`torch.export`, for any number of instances; no module is one that a pass made."""
    folded = fold_batchnorm(network)
    assert not any("inference" in type(module).__module__ for module in folded.modules())

    class Function(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.folded, self.forward = folded, getattr(folded, name)

    dense = torch.export.export(Function("dense"), (images(64),)).module()
    features, heatmap = dense(images(64))
    assert torch.equal(heatmap, folded.dense(images(64))[1])
    given = features, torch.tensor([[3, 4], [9, 2], [5, 5]]), torch.tensor([0, 0, 1]), 5
    count = torch.export.Dim("count", min=2, max=100)
    shapes = (None, {0: count}, {0: count}, None)
    outline = torch.export.export(Function("outline"), given, dynamic_shapes=shapes).module()
    stages, _ = outline(features, given[1][1:], given[2][1:], 5)
    expected, _ = folded.outline(features, given[1][1:], given[2][1:], 5)
    assert tuple(stages) == network.stage_names
    assert all(torch.allclose(stages[name], expected[name], atol=1e-4) for name in expected)


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

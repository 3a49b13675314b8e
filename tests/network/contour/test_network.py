"""The composed network: any size, any batch, nothing to find, and what it promises."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from random_networks import random_images as images
from random_networks import random_network
from torch import Tensor

from network.contour.architecture import NANO
from network.contour.e2ec import E2EC, build_network

VERTICES = 32


@pytest.fixture
def network() -> E2EC:
    """A random nano network of three classes."""
    network = random_network()
    with torch.no_grad():
        for snake in network.refinement.snakes:
            snake.prediction[-1].weight.mul_(100)
    return network


def labels(*counts: int) -> tuple[Tensor, Tensor]:
    """So many labelled centres in each image of a batch."""
    image_index = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    centers = torch.stack([torch.arange(len(image_index)) % 8, image_index % 8], dim=1)
    return centers, image_index


@pytest.mark.parametrize("counts", [(1,), (2, 1), (0, 3, 1), (0,), (0, 0)])
def test_any_batch_trains(network: E2EC, counts: tuple[int, ...]) -> None:
    """Also one without objects: every parameter gets a gradient, zeros or not, and no batch
    statistic turns into NaN."""
    centers, image_index = labels(*counts)
    output = network(images(len(counts), 64), centers, image_index)
    assert output.heatmap.shape == (len(counts), 3, 16, 16)
    assert tuple(output.stages) == network.stage_names == ("init", "coarse", "refine1", "refine2")
    assert [tuple(c.shape) for c in output.contours] == [(sum(counts), VERTICES, 2)] * 4
    assert torch.equal(output.centers, centers) and torch.equal(output.image_index, image_index)
    (output.heatmap.square().mean() + sum(c.square().sum() for c in output.contours)).backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    snake_gradient = network.refinement.snakes[0].head.conv.fc.weight.grad
    assert (snake_gradient.abs().max() == 0) == (sum(counts) == 0)
    for name, buffer in network.named_buffers():
        assert torch.isfinite(buffer).all(), name


@pytest.mark.parametrize("batch", [1, 3])
def test_nothing_above_the_threshold_gives_empty_contours(network: E2EC, batch: int) -> None:
    output = network.eval()(images(batch, 64, 96), score_threshold=1.0)
    assert [tuple(c.shape) for c in output.contours] == [(0, VERTICES, 2)] * 4
    assert output.scores.shape == output.classes.shape == output.image_index.shape == (0,)
    assert output.centers.shape == (0, 2)


@torch.no_grad()
def test_a_batch_equals_its_images_one_by_one(network: E2EC) -> None:
    network = network.double().eval()
    batch = images(3, 64, 96, dtype=torch.float64)
    together = network(batch)
    assert {c.dtype for c in together.contours} == {torch.float64}
    assert {0, 1, 2} == set(together.image_index.tolist())
    for i in range(3):
        alone = network(batch[i : i + 1])
        mine = together.image_index == i
        assert torch.equal(together.centers[mine], alone.centers)
        assert torch.equal(together.classes[mine], alone.classes)
        assert torch.allclose(together.scores[mine], alone.scores, atol=1e-6)
        for whole, single in zip(together.contours, alone.contours, strict=True):
            assert torch.allclose(whole[mine], single, atol=1e-8)


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 100)])
@torch.no_grad()
def test_images_of_any_size_are_padded_inside(network: E2EC, size: tuple[int, int]) -> None:
    network.eval()
    image = images(1, *size)
    output = network(image)
    height, width = -(-size[0] // 32) * 32, -(-size[1] // 32) * 32
    assert output.heatmap.shape == (1, 3, height // network.stride, width // network.stride)
    padded = torch.zeros(1, 3, height, width)
    padded[:, :, : size[0], : size[1]] = image
    assert torch.allclose(output.heatmap, network(padded).heatmap, atol=1e-5)


@torch.no_grad()
def test_centres_are_never_in_the_padding() -> None:
    """A constant heat map has a peak in every cell: exactly those of the image are reported."""
    network = build_network(num_classes=1, architecture=NANO, vertices=VERTICES).eval()
    network.heatmap[2].weight.zero_()
    output = network(images(1, 37, 50), max_detections=10_000)
    # 37 rows need 10 cells of 4 pixels, 50 columns need 13.
    expected = {(x, y) for x in range(13) for y in range(10)}
    assert {(int(x), int(y)) for x, y in output.centers} == expected
    assert len(output.centers) == len(expected)


@torch.no_grad()
def test_threshold_and_limit_are_arguments(network: E2EC) -> None:
    network.eval()
    batch = images(1, 64)
    every = network(batch, score_threshold=0.0)
    threshold = float(every.scores.median())
    some = network(batch, score_threshold=threshold)
    assert torch.equal(some.scores, every.scores[every.scores >= threshold])
    few = network(batch, score_threshold=0.0, max_detections=3)
    assert torch.equal(few.scores, every.scores[:3])
    assert torch.allclose(few.contours[-1], every.contours[-1][:3], atol=1e-4)


@torch.no_grad()
def test_initial_and_coarse_contours_are_clipped_in_evaluation_alone(network: E2EC) -> None:
    """To the edge of the feature map, or to the last of its 16 cells: 64 or 60 input pixels."""
    network.offsets[2].weight.mul_(100)
    centers, image_index = labels(4)
    batch = images(1, 64)
    trained = network(batch, centers, image_index)
    assert trained.contours[0].min() < 0 and trained.contours[0].max() > 64
    network.eval()
    assert network.clip == "edge"
    for clip, farthest in (("edge", 64), ("cells", 60)):
        network.clip = clip
        for contours in network(batch, centers, image_index).contours[:2]:
            assert contours.min() == 0 and contours.max() == farthest


@pytest.mark.parametrize("deformable", [True, False])
def test_under_autocast_contours_stay_in_float32(deformable: bool) -> None:
    """Contours are coordinates: bfloat16 could not tell pixel 257 from 258."""
    thin = replace(NANO, deformable=deformable)
    network = build_network(num_classes=2, architecture=thin, vertices=VERTICES)
    centers, image_index = labels(2)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images(1, 64), centers, image_index)
    assert {c.dtype for c in output.contours} == {torch.float32}
    (output.heatmap.float().mean() + output.contours[-1].sum()).backward()
    assert network.backbone.base_layer[0].weight.grad.isfinite().all()


def test_gradients_are_cut_where_the_published_network_cuts_them(network: E2EC) -> None:
    """Refinement's loss reaches the features, but not the offsets of the coarse contour."""
    centers, image_index = labels(2)
    output = network(images(1, 64), centers, image_index)
    output.contours[-1].sum().backward()
    assert network.global_deformation.trans_fuse.weight.grad is None
    assert network.offsets[2].weight.grad is None
    assert network.refinement.snakes[0].fusion.weight.grad.abs().max() > 0
    assert network.backbone.base_layer[0].weight.grad.abs().max() > 0


def test_the_coarse_contour_moves_the_initial_one_by_its_sampling_positions_alone(
    network: E2EC,
) -> None:
    """Where features are flat in space, nothing of the coarse contour's loss reaches the offsets;
    the initial contour itself is detached in the sum."""
    centers, image_index = labels(2)
    offsets = network.offsets[2].weight
    network(images(1, 64), centers, image_index).contours[1].sum().backward()
    assert offsets.grad is not None and offsets.grad.abs().max() > 0
    network.zero_grad(set_to_none=True)
    with torch.no_grad():
        network.global_deformation.trans_feature[2].weight.zero_()
    network(images(1, 64), centers, image_index).contours[1].sum().backward()
    assert offsets.grad is not None and offsets.grad.abs().max() == 0


def test_nano_is_small() -> None:
    network = build_network(num_classes=80, architecture=NANO)
    assert sum(p.numel() for p in network.parameters()) < 3e6


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 3, 32)])
def test_wrong_shapes_are_refused(network: E2EC, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        network.eval()(torch.zeros(shape))


def test_training_needs_labels(network: E2EC) -> None:
    with pytest.raises(ValueError, match="labelled centers"):
        network(images(1, 32))

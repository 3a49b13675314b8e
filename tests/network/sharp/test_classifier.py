"""The point classifier: instance-aware, relative to its box, and able to learn."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from sharp_case import random_maps
from torch import Tensor

from network.layers.sampling import sample_features
from network.sharp.classifier import PointClassifier
from network.sharp.settings import ClassifierSizes
from network.sharp.sharp_contour import SharpContour

SIZES = ClassifierSizes(fine_channels=4, hidden=6, grid=3, controller=16)
BOXES = torch.tensor([[4.0, 4.0, 28.0, 20.0], [20.0, 8.0, 60.0, 40.0]]).double()
INDEX = torch.tensor([0, 0])
POINTS = torch.tensor([[[22.0, 10.0], [26.0, 18.0], [9.0, 9.0]]]).double().expand(2, 3, 2)


def classifier(*, outputs: int = 1) -> PointClassifier:
    torch.manual_seed(0)
    made = PointClassifier(8, stride=4, sizes=SIZES, outputs=outputs).double()
    with torch.no_grad():
        made.controller[-1].weight.mul_(100)
    return made


def slow(made: PointClassifier, fine: Tensor, parameters: Tensor) -> Tensor:
    """Instance by instance, layer by layer."""
    sampled = sample_features(fine, POINTS / 4, INDEX).transpose(1, 2)
    results = []
    for seen, box, values, points in zip(sampled, BOXES, parameters, POINTS, strict=True):
        center, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        x = torch.cat([seen, (points - center) / (sides / 2)], dim=1)
        for layer, (inputs, outputs) in enumerate([(6, 6), (6, 6), (6, 6), (6, 1)]):
            weight, values = values[: inputs * outputs], values[inputs * outputs :]
            bias, values = values[:outputs], values[outputs:]
            x = F.linear(x, weight.view(outputs, inputs), bias)
            x = x.relu() if layer < 3 else x
        assert not len(values)
        results.append(x)
    return torch.stack(results)


def test_three_hidden_layers_by_hand() -> None:
    made = classifier()
    fine = made.encode(random_maps(1))
    assert fine.shape == (1, 4, 12, 16)
    parameters = made.parameters_of(fine, BOXES, INDEX)
    assert parameters.shape == (2, 6 * 7 * 3 + 7)
    found = made(fine, parameters, BOXES, POINTS, INDEX)
    assert found.shape == (2, 3, 1)
    torch.testing.assert_close(found, slow(made, fine, parameters))


def test_two_instances_answer_differently_at_the_same_pixel() -> None:
    """Also where they share a box: what a box holds is not all that the parameters depend on."""
    made = classifier()
    fine = made.encode(random_maps(1))
    parameters = made.parameters_of(fine, BOXES, INDEX)
    one, two = made(fine, parameters, BOXES, POINTS, INDEX)
    assert (one - two).abs().min() > 1e-3
    same_box = BOXES[:1].expand(2, 4)
    one, two = made(fine, parameters, same_box, POINTS, INDEX)
    assert (one - two).abs().min() > 1e-3


def test_places_are_relative_to_the_box() -> None:
    """On a map that is the same everywhere, box and points moved and stretched say the same."""
    made = classifier()
    fine = torch.ones(1, 4, 12, 16).double()
    parameters = made.parameters_of(fine, BOXES, INDEX)[:1]
    box = torch.tensor([[12.0, 8.0, 28.0, 20.0]]).double()
    points = torch.tensor([[[14.0, 9.0], [20.0, 14.0], [28.0, 8.0]]]).double()
    moved_box = box * torch.tensor([1.5, 2, 1.5, 2]).double() + torch.tensor([3, -7, 3, -7])
    moved = points * torch.tensor([1.5, 2]).double() + torch.tensor([3, -7])
    first = made(fine, parameters, box, points, INDEX[:1])
    torch.testing.assert_close(made(fine, parameters, moved_box, moved, INDEX[:1]), first)
    assert (made(fine, parameters, box, points + 2, INDEX[:1]) - first).abs().max() > 1e-3


def test_a_box_without_extent_stays_finite() -> None:
    made = classifier()
    fine = made.encode(random_maps(1))
    flat = torch.tensor([[9.0, 9.0, 9.0, 9.0], [9.0, 9.0, 20.0, 9.0]]).double()
    parameters = made.parameters_of(fine, flat, INDEX)
    assert made(fine, parameters, flat, POINTS, INDEX).isfinite().all()


def test_what_lies_in_the_map() -> None:
    """64x48 pixels, the edges with them."""
    fine = torch.zeros(1, 4, 12, 16).double()
    points = torch.tensor(
        [[0.0, 0.0], [64.0, 48.0], [-0.1, 5.0], [5.0, -0.1], [64.1, 5.0], [5.0, 48.1]]
    )
    assert classifier().inside_map(fine, points[None]).tolist() == [[True] * 2 + [False] * 4]


def test_gradients_reach_everything() -> None:
    made = classifier()
    maps = random_maps(1).requires_grad_()
    fine = made.encode(maps)
    made(fine, made.parameters_of(fine, BOXES, INDEX), BOXES, POINTS, INDEX).sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert maps.grad is not None and maps.grad.abs().sum() > 0


def test_under_autocast_answers_stay_in_float32() -> None:
    made = classifier().float()
    with torch.autocast("cpu", torch.bfloat16):
        fine = made.encode(random_maps(1).float())
        parameters = made.parameters_of(fine, BOXES.float(), INDEX)
        found = made(fine, parameters, BOXES.float(), POINTS.float(), INDEX)
    assert fine.dtype == parameters.dtype == found.dtype == torch.float32


@pytest.mark.parametrize("outputs", [1, 2])
def test_instances_of_several_images_read_their_own_maps(outputs: int) -> None:
    made, maps = classifier(outputs=outputs), random_maps(2)
    index = torch.tensor([0, 1])
    fine = made.encode(maps)
    together = made(fine, made.parameters_of(fine, BOXES, index), BOXES, POINTS, index)
    for k in range(2):
        own, one = fine[k, None], slice(k, k + 1)
        parameters = made.parameters_of(own, BOXES[one], INDEX[:1])
        alone = made(own, parameters, BOXES[one], POINTS[one], INDEX[:1])
        torch.testing.assert_close(together[one], alone)


def test_it_learns_two_discs_that_touch() -> None:
    """One picture, whose map says only where something is, not of which of the two: a point in one
    disc lies outside of the other."""
    torch.manual_seed(0)
    sharp = SharpContour(3, stride=4, sizes=ClassifierSizes(grid=5, controller=32))
    centers, radius = torch.tensor([[24.0, 32.0], [56.0, 32.0]]), 16.0
    y, x = torch.meshgrid(torch.arange(2.0, 64, 4), torch.arange(2.0, 80, 4), indexing="ij")
    cells = torch.stack([x, y], dim=-1)
    covered = ((cells[..., None, :] - centers).norm(dim=-1) < radius).any(-1).float()
    maps = torch.stack([covered, x / 80, y / 64])[None]
    boxes = torch.cat([centers - radius, centers + radius], dim=1)
    optimizer = torch.optim.Adam(sharp.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=300)

    def points_and_labels() -> tuple[Tensor, Tensor]:
        angle, reach = torch.rand(2, 2, 400)
        distance = radius * (0.6 + 0.8 * reach)
        ray = torch.stack([(6.2832 * angle).cos(), (6.2832 * angle).sin()], dim=-1)
        return centers[:, None] + distance[..., None] * ray, (distance > radius).float()

    for _ in range(300):
        points, labels = points_and_labels()
        logits = sharp.at_points(maps, boxes, points, INDEX)[..., 0]
        loss = F.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    points, labels = points_and_labels()
    with torch.no_grad():
        found = sharp.at_points(maps, boxes, points, INDEX)[..., 0] > 0
    assert (found == labels.bool()).float().mean() >= 0.99

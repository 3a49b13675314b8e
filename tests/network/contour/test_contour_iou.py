"""The head that judges contours."""

from __future__ import annotations

import pytest
import torch
from random_networks import random_images, random_network
from torch import Tensor

from network.contour.contour_iou import ContourIoU
from network.inference.prepare import for_prediction


def judged(contours: Tensor, centers: Tensor, image_index: Tensor, features: Tensor) -> Tensor:
    torch.manual_seed(1)
    head = ContourIoU(features.shape[1], stride=4).to(features.dtype)
    return head(contours, features=features, centers=centers, image_index=image_index)


@pytest.fixture
def scene() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    contours = torch.rand(3, 16, 2, generator=generator, dtype=torch.float64) * 40
    centers = torch.tensor([[3, 4], [8, 2], [5, 5]])
    features = torch.randn(2, 8, 12, 12, generator=generator, dtype=torch.float64)
    return contours, centers, torch.tensor([0, 0, 1]), features


def test_a_contour_is_judged_wherever_it_begins_and_whichever_way_it_is_walked(
    scene: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    contours, *rest = scene
    expected = judged(contours, *rest)
    assert expected.shape == (3,) and len(set(expected.tolist())) == 3
    for same in (contours.roll(5, dims=1), contours.flip(1)):
        assert torch.allclose(judged(same, *rest), expected)
    assert not torch.allclose(judged(contours + 4, *rest), expected)


def test_it_learns_and_nothing_else_feels_it(scene: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    contours, centers, image_index, features = scene
    head = ContourIoU(8, stride=4).double()
    contours.requires_grad_()
    features.requires_grad_()
    head(contours, features=features, centers=centers, image_index=image_index).sum().backward()
    assert contours.grad is None and features.grad is None
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


def test_no_contours_are_no_logits(scene: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    contours, centers, image_index, features = scene
    assert judged(contours[:0], centers[:0], image_index[:0], features).shape == (0,)


def test_all_else_of_a_network_is_as_it_is_without_the_head() -> None:
    """Random numbers, outputs and gradients; the head comes last among the weights."""
    networks = [random_network(part_votes=True, contour_iou=wanted) for wanted in (False, True)]
    plain, states = networks[0].state_dict(), networks[1].state_dict()
    assert list(states)[: len(plain)] == list(plain)
    assert all(name.startswith("contour_iou.") for name in list(states)[len(plain) :])
    assert all(torch.equal(value, states[name]) for name, value in plain.items())
    centers, image_index = torch.tensor([[3, 4], [9, 2]]), torch.tensor([0, 1])
    outputs = [network(random_images(2, 64), centers, image_index) for network in networks]
    assert not outputs[0].iou_logits and outputs[0].judge is None
    assert tuple(outputs[1].iou_logits) == networks[1].stage_names
    for output in outputs:
        torch.stack([one.sum() for one in (*output.contours, output.heatmap)]).sum().backward()
    torch.stack(list(outputs[1].iou_logits.values())).sum().backward()
    others = dict(networks[1].named_parameters())
    for name, parameter in networks[0].named_parameters():
        mine, theirs = parameter.grad, others[name].grad
        assert (mine is None) == (theirs is None), name
        assert mine is None or torch.equal(mine, theirs), name


@torch.inference_mode()
def test_a_prepared_network_judges_as_the_network_does() -> None:
    network = random_network(contour_iou=True).eval()
    outputs = [
        one(random_images(2, 64), max_detections=4) for one in (network, for_prediction(network))
    ]
    assert not outputs[0].iou_logits, "made where they are asked for"
    logits = [output.judge(output.contours[-1]) for output in outputs]
    assert len(logits[0]) == 8 and torch.allclose(*logits, atol=1e-3)

"""A refiner is E2EC without what detects: the same map, the same answers."""

from __future__ import annotations

import pytest
import torch
from random_networks import random_images, random_network

from lib.errors import InputError
from network.contour.architecture import NANO
from network.sharp.refiner import Refiner, build_refiner, refiner_from_state
from network.sharp.settings import Movement


def test_with_the_weights_of_e2ec_it_says_the_same() -> None:
    whole = random_network(sharp="classify").eval()
    own = build_refiner(NANO, movement="classify", num_classes=3).eval()
    names = own.state_dict().keys()
    own.load_state_dict({key: value for key, value in whole.state_dict().items() if key in names})
    images = random_images(2, 50, 70)
    points = torch.rand(3, 5, 2) * 50
    boxes = torch.tensor([[0.0, 0, 20, 20], [10, 10, 40, 45], [5, 5, 30, 20]])
    index = torch.tensor([0, 0, 1])
    features = whole.shared_map(images)
    assert torch.equal(own.shared_map(images), features)
    assert whole.sharp is not None
    answers = own(images, boxes, points, index, max_per_image=2)
    assert answers.shape == (3, 5, 1)
    assert torch.equal(answers, whole.sharp.at_points(features, boxes, points, index))


def state(movement: Movement = "classify") -> dict[str, torch.Tensor]:
    return dict(build_refiner(NANO, movement=movement, num_classes=1).state_dict())


@pytest.mark.parametrize("movement", ["classify", "offset", "distance"])
def test_weights_say_how_vertices_move(movement: Movement) -> None:
    network = refiner_from_state(state(movement), name="x", architecture=NANO, num_classes=2)
    assert isinstance(network, Refiner) and not network.training
    assert network.sharp.movement == movement and network.num_classes == 2


def test_weights_that_do_not_fit_are_refused() -> None:
    good = state()
    bad = {
        "sharp.kind": {k: v for k, v in good.items() if not k.startswith("sharp.")},
        "1 unknown, first heads": {**good, "heads": torch.zeros(1)},
        "1 missing, first neck": {
            k: v for k, v in good.items() if k != "neck.ida_0.proj_1.conv.bias"
        },
        "NaN": {**good, "sharp.classifier.fine.bias": torch.full((16,), float("nan"))},
    }
    for message, weights in bad.items():
        with pytest.raises(InputError, match=f"x.safetensors: .*{message}"):
            refiner_from_state(weights, name="x.safetensors", architecture=NANO, num_classes=1)

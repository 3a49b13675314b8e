"""The loss of refiners: by hand, and of images without objects."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from own_data import parsed

from dataset.loading.sample import Sample
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.families.preprocess import normalize
from e2ec.families.refiner.family import REFINER
from network.contour.architecture import NANO
from network.sharp.refiner import build_refiner
from network.sharp.settings import Movement

CONFIG = parsed("refiner", "--data.augmentation.crop-size", 64, 64, "--loss.sharp-weight", 3)


def batch(*samples: Sample):  # type: ignore[no-untyped-def]
    make = REFINER.example_maker(CONFIG, 3)
    return REFINER.collate([make(one, np.random.default_rng(0)) for one in samples])


def test_of_answers_that_know_nothing() -> None:
    """phi = 0.5 everywhere: alpha (1/2)^2 ln 2 a point, and sides of o and 1 - o weigh 2 o (1 - o)
    together."""
    data = SyntheticDataset(2, seed=3)
    both = batch(data[0], data[1])
    assert both.boundary is not None
    loss = REFINER.loss(CONFIG)
    counts = loss.counts(both)
    outside = both.boundary.outside
    assert counts.tolist() == [outside.numel(), outside.sum()]
    answers = torch.zeros(*outside.shape, 1)
    losses = loss(answers, both, counts, epoch=0)
    share = float(outside.float().mean())
    expected = 2 * share * (1 - share) * 0.25 * math.log(2)
    assert losses["sharp"].item() == pytest.approx(expected, rel=1e-5)
    assert losses["total"].item() == pytest.approx(3 * expected, rel=1e-5)


@pytest.mark.parametrize("movement", ["classify", "offset", "distance"])
def test_images_without_objects_train(movement: Movement) -> None:
    """Nothing is learned of them, and nothing breaks: all gradients are there and 0."""
    empty = batch(Sample(1, "a", np.zeros((64, 64, 3), np.uint8)))
    network = build_refiner(NANO, movement=movement, num_classes=3).train()
    output = REFINER.forward(network, normalize(empty.images), empty)
    assert len(output) == 0
    loss = REFINER.loss(CONFIG)
    losses = loss(output, empty, loss.counts(empty), epoch=0)
    losses["total"].backward()
    assert losses["total"].item() == 0
    used = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert all(one.grad is not None and not one.grad.any() for one in used)

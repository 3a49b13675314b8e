"""The plain training step that the benchmark measures against does the same as ours."""

from __future__ import annotations

import copy

import pytest
import torch

from e2ec.bench.plain_training import PlainTraining
from e2ec.bench.training import Training, synthetic_batch
from lib.ops import deform_conv2d
from network.contour.e2ec import build_network


@pytest.mark.usefixtures("fresh_accelerator")
def test_plain_steps_have_the_losses_and_weights_of_ours() -> None:
    """Three steps in float64, where rounding hides no difference: every loss after the first sees
    the updates before it. So the time to a loss is the number of steps times that of one."""
    torch.manual_seed(0)
    network = build_network(num_classes=3).double()
    batch = synthetic_batch(2, 3, 64, classes=3)
    batch.contours = batch.contours.double()
    plain = PlainTraining(network, deform_conv2d, lr=1e-3)
    ours = Training(copy.deepcopy(network), lr=1e-3)
    start = ours.network.offsets[2].weight.clone()
    for _ in range(3):
        assert ours.step(batch) == pytest.approx(plain.step(batch), rel=1e-5)
    assert not torch.equal(ours.network.offsets[2].weight, start)
    moved = ours.network.offsets[2].weight - start
    other = plain.network.offsets[2].weight - start
    assert torch.allclose(moved, other, atol=1e-6)

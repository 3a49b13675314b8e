"""The plain network of the benchmark computes what ours computes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from e2ec.bench.inference import benchmark_network, plain_prediction, predictor
from e2ec.bench.plain_network import PlainE2EC
from lib.ops import deform_conv2d
from lib.ops.deform.reference import deform_conv2d as reference


def plain_deform_conv(input, offset, weight, bias, *, padding, mask):  # type: ignore[no-untyped-def]
    """torchvision's interface on the slow operator."""
    return reference(input, offset, weight, bias, mask, [1, 1], [padding, padding], [1, 1])


def operators() -> list[object]:
    """torchvision's too, where it is installed."""
    try:
        from torchvision.ops import deform_conv2d as theirs
    except ImportError:
        return [plain_deform_conv]
    return [plain_deform_conv, theirs]


@pytest.mark.parametrize("operator", operators())
def test_the_plain_network_finds_the_same_contours(operator: object) -> None:
    network = benchmark_network("dla34", classes=3)
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    ours = predictor(network, "dla34", instances=6).predict(image, score_threshold=0.0)
    plain = PlainE2EC(copy.deepcopy(network), operator)  # type: ignore[arg-type]
    theirs = plain_prediction(plain, image, instances=6)
    assert len(ours) == len(theirs) == 6
    assert np.array_equal(ours.labels, theirs.labels)
    assert np.allclose(ours.scores, theirs.scores, atol=1e-5)
    for (mine,), (other,) in zip(ours.parts, theirs.parts, strict=True):
        assert np.abs(mine - other).max() < 0.01


@torch.no_grad()
def test_deformable_convolutions_of_the_benchmark_do_deform() -> None:
    network = benchmark_network("dla34", classes=1)
    conv = network.neck.ida_0.proj_1.conv
    x = torch.randn(1, 512, 4, 4, generator=torch.Generator().manual_seed(0))
    offset, mask = conv.conv_offset_mask(x).split([18, 9], dim=1)
    assert offset.abs().mean() > 0.2
    still = deform_conv2d(x, offset * 0, conv.weight, conv.bias, mask.sigmoid(), padding=1)
    assert (still - conv(x)).abs().max() > 0.01

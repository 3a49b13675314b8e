"""The table of backbones: what is counted, and what is said where a package is missing."""

from __future__ import annotations

import sys

import pytest
import torch
from random_networks import random_network
from torch import nn

from e2ec.bench.studies.backbone_sizes import (
    count_operations,
    count_parameters,
    main,
    median_time,
)
from lib.ops import deform_conv2d


class OneDeformable(nn.Module):
    """A backbone of a 1x1 convolution, a map and contours of nothing but a deformable one."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 5, 1, stride=4)
        self.weight = nn.Parameter(torch.randn(7, 5, 3, 3))

    def dense(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.backbone(images)
        offset = x.new_zeros(1, 18, *x.shape[2:])
        return deform_conv2d(x, offset, self.weight, padding=1), x

    def outline(self, *arguments: object) -> None:
        pass


def test_operations_are_counted_by_hand() -> None:
    """16 x 16 cells: the 1x1 convolution 2 x 256 x 3 x 5, the deformable one 2 x 256 x 5 x 7 x 9.
    Biases are not counted."""
    network = OneDeformable()
    part, whole = count_operations(network, 64)  # type: ignore[arg-type]
    assert part == 2 * 256 * 3 * 5
    assert whole == part + 2 * 256 * 5 * 7 * 9
    assert count_parameters(network) == 3 * 5 + 5 + 7 * 5 * 9


def test_a_network_is_timed() -> None:
    assert 0 < median_time(random_network(), torch.zeros(1, 3, 64, 64), 2) < 60


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    main(["nano", "convnextv2", "--size", "64", "--repeats", "0"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].startswith("| nano | 3.") and printed[2].endswith("| - |")
    assert printed[3].startswith("left out: convnextv2 needs transformers: pip install")

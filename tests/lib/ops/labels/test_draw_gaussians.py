"""Bumps in heat maps: what the wrapper refuses; what it draws is tested with the heat maps."""

from __future__ import annotations

import pytest
import torch

from lib.ops import draw_gaussians


def test_heat_maps_that_are_not_contiguous_are_refused() -> None:
    gaussians = torch.tensor([[0, 2, 3, 1]])
    with pytest.raises(ValueError, match="contiguous"):
        draw_gaussians(torch.zeros(2, 6, 7).mT, gaussians)

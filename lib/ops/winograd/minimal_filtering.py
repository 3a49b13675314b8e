"""Winograd's minimal filtering F(m, r): m values of a filter of r taps with m + r - 1 products.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), eq. 2: the values
are A^T ((G g) * (B^T d)) of taps g and inputs d. The matrices follow from the points at which the
polynomials of taps and inputs are multiplied (Toom and Cook). Two-dimensional filters are lines
along one side, then along the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

TAPS = 3
LANES = 16
"""The compiled operators take channels in groups of this size."""


@dataclass(frozen=True)
class Filter:
    """The matrices of F(m, 3), float64."""

    weight: Tensor
    """G, (m + 2, 3): taps to factors."""
    inputs: Tensor
    """B^T, (m + 2, m + 2): inputs to factors."""
    values: Tensor
    """A^T, (m, m + 2): products to values."""


def minimal_filter(points: Sequence[float]) -> Filter:
    """F(m, 3) with m + 1 points and infinity."""
    count, outputs = len(points) + 1, len(points) + 2 - TAPS
    weight, inputs = np.zeros((count, TAPS)), np.zeros((count, count))
    values = np.zeros((outputs, count))
    for i, point in enumerate(points):
        others = [other for other in points if other != point]
        weight[i] = point ** np.arange(TAPS) / np.prod(point - np.array(others))
        inputs[i, :-1] = np.poly(others)[::-1]
        values[:, i] = point ** np.arange(outputs)
    weight[-1, -1] = values[-1, -1] = 1
    inputs[-1] = np.poly(points)[::-1]
    return Filter(*(torch.from_numpy(matrix) for matrix in (weight, inputs, values)))


# Points at which float32 loses fewer digits than at the usual 0, 1, -1, 2, -2; found by trying.
FILTER_4 = minimal_filter((0.0, 0.5**0.5, -(0.5**0.5), 2.0**0.5, -(2.0**0.5)))
FILTER_3 = minimal_filter((0.0, 0.8, -0.8, 1.6))


def factors_of_weight(rows: Filter, columns: Filter, taps: Tensor) -> Tensor:
    """(out, C, 3, 3) taps of a two-dimensional filter -> (products, C, out), of their type.

    Worked out in float64 and rounded once.
    """
    exact = taps.detach().cpu().double()
    factors = torch.einsum("ik,ockl,jl->ijco", rows.weight, exact, columns.weight)
    return factors.flatten(0, 1).to(taps).contiguous()


def filter_tiles(rows: Filter, columns: Filter, tiles: Tensor, weight: Tensor) -> Tensor:
    """Tiles of inputs (..., C, h, w) -> values (..., out, h - 2, w - 2), in plain PyTorch."""
    weight = weight.unflatten(0, (len(rows.inputs), len(columns.inputs)))
    inputs, values = (
        [getattr(one, name).to(tiles) for one in (rows, columns)] for name in ("inputs", "values")
    )
    factors = torch.einsum("ik,...ckl,jl->...cij", inputs[0], tiles, inputs[1])
    products = torch.einsum("...cij,ijco->...oij", factors, weight)
    return torch.einsum("ki,...oij,lj->...okl", values[0], products, values[1])

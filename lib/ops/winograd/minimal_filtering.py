"""Winograd's minimal filtering F(m, r): m values of a filter of r taps with m + r - 1 products.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), eq. 2: the values
are A^T ((G g) * (B^T d)) of taps g and inputs d. The matrices follow from the points at which the
polynomials of taps and inputs are multiplied (Toom and Cook). Two-dimensional filters are lines
along one side, then along the other. Weights are prepared here; the compiled operators have the
other matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

TAPS = 3
LANES = 16
"""The compiled operators take channels in groups of this size."""


def minimal_filter(points: Sequence[float]) -> Tensor:
    """G of F(m, 3) with m + 1 points and infinity, (m + 2, 3) float64: taps to factors."""
    weight = np.zeros((len(points) + 1, TAPS))
    for i, point in enumerate(points):
        others = np.array([other for other in points if other != point])
        weight[i] = point ** np.arange(TAPS) / np.prod(point - others)
    weight[-1, -1] = 1
    return torch.from_numpy(weight)


# Points at which float32 loses fewer digits than at the usual 0, 1, -1, 2, -2; found by trying.
FILTER_4 = minimal_filter((0.0, 0.5**0.5, -(0.5**0.5), 2.0**0.5, -(2.0**0.5)))
FILTER_3 = minimal_filter((0.0, 0.8, -0.8, 1.6))


def factors_of_taps(rows: Tensor, columns: Tensor, taps: Tensor) -> Tensor:
    """(out, C, 3, 3) taps of a two-dimensional filter -> (products, C, out), of their type.

    Worked out in float64 and rounded once.
    """
    factors = torch.einsum("ik,ockl,jl->ijco", rows, taps.detach().cpu().double(), columns)
    return factors.flatten(0, 1).to(taps).contiguous()


def taps_of_factors(rows: Tensor, columns: Tensor, factors: Tensor) -> Tensor:
    """The way back, (products, C, out) -> (out, C, 3, 3), for the operators in plain PyTorch."""
    products = factors.cpu().double().unflatten(0, (len(rows), len(columns)))
    back = torch.linalg.pinv(rows), torch.linalg.pinv(columns)
    return torch.einsum("ki,ijco,lj->ockl", back[0], products, back[1]).to(factors)

"""The score of a contour: of the heat map, and of the IoU that is predicted for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from network.contour.contour_network import NetworkOutput


def final_scores(
    output: NetworkOutput, contours: Sequence[Tensor], power: float
) -> list[np.ndarray]:
    """The scores of the contours of several stages, each (n,) float64 in [0, 1].

    That is score ** (1 - power) * IoU ** power, and the heat map's own where the network predicts
    no IoU or the power is 0.

    Args:
        output: of the network.
        contours: by stage (n, N, 2), x then y, input pixels.
        power: how much the IoU counts, 0 to 1.
    """
    scores = output.scores.cpu().double().numpy()
    if output.judge is None or power == 0:
        return [scores] * len(contours)
    ious = [output.judge(made).sigmoid().cpu().double().numpy() for made in contours]
    return [scores ** (1 - power) * iou**power for iou in ious]


def least_center_score(threshold: float, power: float) -> float:
    """The lowest score of the heat map with which a final score can reach a threshold: with an IoU
    of 1."""
    return threshold if power == 0 else 0.0 if power == 1 else threshold ** (1 / (1 - power))

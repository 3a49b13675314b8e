"""Contour loss: how far the contours of two masks lie apart (Contour loss, sec. III).

Plain functions of plain tensors, for any mask head. Masks are (n, H, W) or (n, 1, H, W), logits are
turned into masks by `contour_loss_with_logits`. What lies outside of a mask is background: one that
touches the border has its contour there. All is computed in float32 at least, inside of autocast
too; targets take part in no gradient.

`printed=True` takes every formula as the paper prints it. The default mends what does not do what
the text says of it:

- Contour responses (eq. 4 and 5) of binary masks are 0, 1, 2 or 3. The distance transform, which
  takes a contour for 1 (sec. III-B), starts from responses cut at 1; distances on thick contours
  would be negative otherwise. The response that weighs the coverage (eq. 16) is as printed.
- With gamma 20 and T 0.1 the smoothed dilation (sec. III-B) makes 0.12 of an empty pixel, 0.59 of
  that in the next step, and 0.56 beside a lone pixel of a contour. Here B is scaled so that no
  neighbour gives 0 and one of nine gives 1, and cut there; between the two it keeps its shape.
- Epsilon in the numerator (eq. 16) makes the loss of two masks without a contour 1. Here it stands
  in the denominator alone. No size of it is given: it is one pixel's response of 1, so that the
  traces of a contour that B leaves of nearly empty masks weigh nothing.
- B(0) is not 0, and would have a contour along the border. What is subtracted here is B(0).
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from e2ec.losses.mask_pairs import Reduction, as_masks, mask_pair, reduced
from network.layers.precision import at_least_float32

GAMMA = 20.0
THRESHOLD = 0.5
DILATION_THRESHOLD = 0.1
STEPS = 2
"""k, the dilations of the distance transform (Table I)."""


def contour_loss(
    masks: Tensor,
    targets: Tensor,
    k: int = STEPS,
    *,
    gamma: float = GAMMA,
    threshold: float = THRESHOLD,
    printed: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Mean distance, in pixels, between the contours of two masks, both ways (eq. 16 and 17).

    Args:
        masks: (n, H, W) or (n, 1, H, W) probabilities, or masks.
        targets: the same shape, binary (or close to it), of any type.
        k: dilations of the distance transform; distances are cut at k + 1.
        gamma, threshold: of the binarisation of `masks` (eq. 1).
        printed: the paper's formulas to the letter; see the module.
        reduction: over masks.

    Returns:
        A scalar, or (n,) without reduction, from 0 to k + 1. Two masks without a contour give 0; if
        one of them has none, it is nearly (k + 1) / 2.

    Raises:
        ValueError: shapes that do not fit, or k below 1.
    """
    masks, targets = mask_pair(masks, targets)
    predicted = _binary_response(masks, gamma, threshold, printed)
    label = contour_response(targets)
    to_label = _coverage(predicted, step_distances(label, k, printed=printed), printed)
    to_predicted = _coverage(label, step_distances(predicted, k, printed=printed), printed)
    return reduced((to_label + to_predicted) / 2, reduction)


def contour_loss_with_logits(
    logits: Tensor,
    targets: Tensor,
    k: int = STEPS,
    *,
    gamma: float = GAMMA,
    threshold: float = THRESHOLD,
    printed: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """`contour_loss` of the sigmoid of a mask head's logits."""
    masks = at_least_float32(logits).sigmoid()
    return contour_loss(
        masks,
        targets,
        k,
        gamma=gamma,
        threshold=threshold,
        printed=printed,
        reduction=reduction,
    )


def edge_mse_loss(
    masks: Tensor, targets: Tensor, *, printed: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    """Mean squared difference of the contour responses (eq. 18); arguments as of `contour_loss`."""
    masks, targets = mask_pair(masks, targets)
    predicted = _binary_response(masks, GAMMA, THRESHOLD, printed)
    difference = predicted - contour_response(targets)
    return reduced(difference.square().mean(dim=(1, 2)), reduction)


def distance_mse_loss(
    masks: Tensor,
    targets: Tensor,
    k: int = STEPS,
    *,
    printed: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Mean squared difference of the k-step distances (eq. 19); arguments as of `contour_loss`."""
    masks, targets = mask_pair(masks, targets)
    response = _binary_response(masks, GAMMA, THRESHOLD, printed)
    predicted = step_distances(response, k, printed=printed)
    label = step_distances(contour_response(targets), k, printed=printed)
    return reduced((predicted - label).square().mean(dim=(1, 2)), reduction)


def binarize(x: Tensor, gamma: float = GAMMA, threshold: float = THRESHOLD) -> Tensor:
    """B(x), nearly 0 below the threshold and nearly 1 above it (eq. 1); any shape."""
    return (gamma * (at_least_float32(x) - threshold)).sigmoid()


def contour_response(masks: Tensor) -> Tensor:
    """Half the sum of the sizes of both Sobel derivatives (eq. 4 and 5).

    Of a binary mask it is 0 off the contour, and 1, 2 or 3 on it, which is two pixels thick: one
    on either side.

    Args:
        masks: (n, H, W) or (n, 1, H, W), in [0, 1].

    Returns:
        (n, H, W), 0 or more.
    """
    # (1 2 1) across (-1 0 1), one after the other: the filters are products. Not as convolutions,
    # which autocast would take for the network's, and which are slower with one channel.
    padded = F.pad(as_masks(masks), (1, 1, 1, 1))
    across_x = padded[:, :, 2:] - padded[:, :, :-2]
    sobel_x = across_x[:, :-2] + 2 * across_x[:, 1:-1] + across_x[:, 2:]
    across_y = padded[:, 2:] - padded[:, :-2]
    sobel_y = across_y[:, :, :-2] + 2 * across_y[:, :, 1:-1] + across_y[:, :, 2:]
    return (sobel_x.abs() + sobel_y.abs()) / 2


def step_distances(response: Tensor, k: int = STEPS, *, printed: bool = False) -> Tensor:
    """kSDT: the distance of every pixel to the nearest contour, cut (eq. 9 to 12, algorithm 1).

    k + 1 less all masks, the contour's own and k dilations of it by 3x3: the chessboard distance,
    the larger of the differences in x and y, and k + 1 wherever it is larger than k. (Section III-A
    says that larger values are set to k; equation 11 and algorithm 1 give k + 1.)

    Args:
        response: (n, H, W) or (n, 1, H, W), 0 or more: `contour_response`; 1 and more is a contour.
        k: number of dilations, 1 or more.
        printed: see the module.

    Returns:
        (n, H, W), pixels, in [0, k + 1]. Of binary contours the exact distances to 1e-5; printed
        ones are neither exact nor always positive.

    Raises:
        ValueError: k is below 1, or the response has another shape.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}")
    mask = as_masks(response)
    if not printed:
        mask = mask.clamp(max=1)
    total = mask
    for _ in range(k):
        mask = _dilate(mask, printed)
        total = total + mask
    return (k + 1) - total


def _binary_response(masks: Tensor, gamma: float, threshold: float, printed: bool) -> Tensor:
    binary = binarize(masks, gamma, threshold)
    return contour_response(binary if printed else binary - _binary(0, gamma, threshold))


def _dilate(mask: Tensor, printed: bool) -> Tensor:
    """One step of dilation by 3x3: the mean of nine (eq. 12), made nearly binary (sec. III-B)."""
    smooth = F.avg_pool2d(mask[:, None], 3, stride=1, padding=1)[:, 0]
    dilated = binarize(smooth, GAMMA, DILATION_THRESHOLD)
    if printed:
        return dilated
    nothing, one_of_nine = (_binary(x, GAMMA, DILATION_THRESHOLD) for x in (0, 1 / 9))
    return ((dilated - nothing) / (one_of_nine - nothing)).clamp(0, 1)


def _binary(x: float, gamma: float, threshold: float) -> float:
    """`binarize` of a number."""
    return 1 / (1 + math.exp(-gamma * (x - threshold)))


def _coverage(contour: Tensor, distances: Tensor, printed: bool) -> Tensor:
    """Mean of the distances on a contour, (n,) (one half of eq. 16)."""
    covered = (contour * distances).sum(dim=(1, 2))
    return (covered + printed) / (contour.sum(dim=(1, 2)) + 1)

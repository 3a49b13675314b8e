"""Part votes: every part says where the centre of its whole object lies (multi-component).

An occluder can split an object into several visible parts, and every part is detected by itself
(paper, table 5, "multi-component detection", for which it took Deep Snake's second detector). Here
one more dense head regresses, at the centre of a part, the offset to the centre of the whole
object: parts of one object vote for one point. Parts are grouped by their votes in
postprocessing, not in the network.
"""

from __future__ import annotations

from torch import Tensor

from network.contour.contour_init import OFFSET_SCALE


def object_centers(offsets: Tensor, centers: Tensor) -> Tensor:
    """The votes at the centres of parts.

    The offset from a part to the centre of its object is about as long as that from a centre to a
    contour, so the head predicts it in the same unit: tens of cells.

    Args:
        offsets: (n, 2), the head's values at the centres, x then y.
        centers: (n, 2) int64, centres of the parts, x then y, feature cells.

    Returns:
        (n, 2), x then y, feature cells, fractional and not clipped.
    """
    return centers.to(offsets.dtype) + OFFSET_SCALE * offsets

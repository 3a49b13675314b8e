"""What the passes of this folder work on: a network as two functions."""

from __future__ import annotations

from network.contour.contour_init import Clip
from network.contour.contour_iou import ContourIoU
from network.contour.contour_network import ContourNetwork, Dense, Outline
from network.contour.e2ec import E2EC
from network.sharp.sharp_contour import SharpContour


class PreparedNetwork(ContourNetwork):
    """A network for prediction: images -> maps, then maps and centres -> instances.

    Attributes:
        network: holds the weights; plain, folded or with faster modules.
        dense: its `E2EC.dense`, or the same compiled or replayed.
        outline: its `E2EC.outline`, or the same compiled.
    """

    def __init__(
        self, network: E2EC, *, dense: Dense | None = None, outline: Outline | None = None
    ) -> None:
        super().__init__()
        self.network = network.eval()
        self.dense = dense or network.dense
        self.outline = outline or network.outline
        self.stride = network.stride
        self.eval()

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return self.network.stage_names

    @property
    def sharpening(self) -> SharpContour | None:
        """See `ContourNetwork.sharpening`."""
        return self.network.sharp

    @property
    def judging(self) -> ContourIoU | None:
        """See `ContourNetwork.judging`."""
        return self.network.contour_iou

    @property
    def clip(self) -> Clip:
        """How far initial and coarse contours may reach."""
        return self.network.clip

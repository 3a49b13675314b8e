"""What the passes of this folder work on: a network as two functions."""

from __future__ import annotations

from torch import Tensor, nn

from network.contour.contour_init import Clip
from network.contour.e2ec import E2EC, Dense, NetworkOutput, Outline, find_instances


class PreparedNetwork(nn.Module):
    """A network for prediction: images -> maps, then maps and centres -> instances.

    Attributes:
        network: holds the weights; plain, folded or with faster modules.
        dense: its `E2EC.dense`, or the same compiled or replayed.
        outline: its `E2EC.outline`, likewise.
    """

    def __init__(
        self, network: E2EC, *, dense: Dense | None = None, outline: Outline | None = None
    ) -> None:
        super().__init__()
        self.network = network.eval()
        self.dense: Dense = dense or network.dense
        self.outline: Outline = outline or network.outline
        self.eval()

    @property
    def stride(self) -> int:
        """Input pixels a feature cell."""
        return self.network.stride

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return self.network.stage_names

    @property
    def clip(self) -> Clip:
        """How far initial and coarse contours may reach."""
        return self.network.clip

    def forward(
        self,
        images: Tensor,
        centers: Tensor | None = None,
        image_index: Tensor | None = None,
        *,
        score_threshold: float = 0.05,
        max_detections: int = 100,
    ) -> NetworkOutput:
        """What `E2EC.forward` gives in evaluation mode."""
        return find_instances(
            self.dense,
            self.outline,
            images,
            centers,
            image_index,
            stride=self.stride,
            score_threshold=score_threshold,
            max_detections=max_detections,
        )

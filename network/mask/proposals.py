"""The first stage: torchvision's region proposal network, with coordinates in full precision."""

from __future__ import annotations

from torch import Tensor
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead

from network.layers.precision import at_least_float32


class ProposalHead(RPNHead):
    """torchvision's; what leaves the network is float32 at least, inside of autocast too."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits and movements of the anchors of every level."""
        logits, movements = super().forward(x)
        return [*map(at_least_float32, logits)], [*map(at_least_float32, movements)]


class ProposalNetwork(RegionProposalNetwork):
    """torchvision's; its losses have the precision of the network."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Labels (n_i,) and matched boxes (n_i, 4) of the anchors of every image."""
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        dtype = anchors[0].dtype
        return [one.to(dtype) for one in labels], [one.to(dtype) for one in boxes]

"""The boundary-preserving mask head: masks and boundaries learn from each other (BMask R-CNN,
sec. 3.2, fig. 4).

How many convolutions there are, and where. The mask path has four of 3x3, the boundary path the
strided one and two more, and each fusion a 1x1 (sec. 3.2). "Computation Cost" (sec. 4.2) counts one
more: four of 3x3 and two of 1x1 beside Mask R-CNN's. Table 8 agrees: at 14x14 cells and 256
channels a 3x3 takes 0.1156 G multiplications and a 1x1 0.0128 G, so eight and two of them take
0.95 G as printed (Mask R-CNN's four 0.46 G, the larger head's eight 0.9248 G, printed 0.93).
Section 3.2 leaves one place open: what the sum of the boundary -> mask fusion goes into. So the
fourth is there, once, between the sum and the mask predictor. (Two there, as after the other sum,
would make 1.07 G.) It belongs to the fusion: without the fusion the mask path is Mask R-CNN's.

f of equation 1 is a bare 1x1 convolution; every 3x3 is followed by ReLU, as in Mask R-CNN's head.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from network.mask.settings import BoundaryHeadSettings

MASK_CONVOLUTIONS = 4
BOUNDARY_CONVOLUTIONS = 2
"""After the strided one."""


class BoundaryMaskHead(nn.Module):
    """Mask and boundary logits of proposals, of every class.

    The mask path alone is `mask_head` and `mask_predictor`, named as torchvision's (`plain_keys`).
    What the boundary predictor learns, and from which level its features come, changes nothing
    here: `settings.supervision` and `settings.source` are the loss's and the detector's.
    """

    def __init__(self, channels: int, num_classes: int, settings: BoundaryHeadSettings) -> None:
        """`channels` of the pyramid, and of all convolutions; `num_classes` without background."""
        super().__init__()
        self.mask_head = nn.Sequential(*(_conv3x3(channels) for _ in range(MASK_CONVOLUTIONS)))
        self.boundary_entry = _conv3x3(channels, stride=2 if settings.size == 28 else 1)
        self.mask_to_boundary = _conv1x1(channels) if settings.mask_to_boundary else None
        self.boundary_head = nn.Sequential(
            *(_conv3x3(channels) for _ in range(BOUNDARY_CONVOLUTIONS))
        )
        self.boundary_to_mask = _conv1x1(channels) if settings.boundary_to_mask else None
        self.fused_mask_head = _conv3x3(channels) if settings.boundary_to_mask else None
        self.mask_predictor = _predictor(channels, num_classes + 1)
        self.boundary_predictor = _predictor(channels, num_classes + 1)

    def forward(self, mask_features: Tensor, boundary_features: Tensor) -> tuple[Tensor, Tensor]:
        """What is mask and what is boundary in n proposals, before the sigmoid.

        Args:
            mask_features: (n, C, 14, 14), RoIAlign of the level of each proposal.
            boundary_features: (n, C, 28, 28), or (n, C, 14, 14) where `settings.size` is 14.

        Returns:
            Masks and boundaries, (n, K + 1, 28, 28) each; class 0 is background and unused.

        Raises:
            ValueError: boundary features of another size.
        """
        mask = self.mask_head(mask_features)
        boundary = self.boundary_entry(boundary_features)
        if boundary.shape != mask.shape:
            raise ValueError(
                f"boundary features {tuple(boundary_features.shape)} do not fit mask features "
                f"{tuple(mask_features.shape)}"
            )
        if self.mask_to_boundary is not None:
            boundary = boundary + self.mask_to_boundary(mask)
        boundary = self.boundary_head(boundary)
        if self.boundary_to_mask is not None and self.fused_mask_head is not None:
            mask = self.fused_mask_head(mask + self.boundary_to_mask(boundary))
        return self.mask_predictor(mask), self.boundary_predictor(boundary)


def plain_keys() -> dict[str, str]:
    """Where the weights of the mask path are in a Mask R-CNN of torchvision.

    Returns:
        From keys of `BoundaryMaskHead` to keys of torchvision's `MaskRCNN` (without normalisation
        layers in its mask head: maskrcnn_resnet50_fpn's, not its version 2). The class is the first
        axis of `mask_predictor.mask_fcn_logits`, background first.
    """
    modules = [f"mask_head.{number}.0" for number in range(MASK_CONVOLUTIONS)]
    modules += ["mask_predictor.conv5_mask", "mask_predictor.mask_fcn_logits"]
    keys = [f"{module}.{kind}" for module in modules for kind in ("weight", "bias")]
    return {key: f"roi_heads.{key}" for key in keys}


def _conv3x3(channels: int, *, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, channels, 3, stride=stride, padding=1)
    return nn.Sequential(_initialised(convolution), nn.ReLU(inplace=True))


def _conv1x1(channels: int) -> nn.Module:
    return _initialised(nn.Conv2d(channels, channels, 1))


def _initialised(convolution: nn.Conv2d) -> nn.Conv2d:
    """As torchvision's mask head."""
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return convolution


def _predictor(channels: int, outputs: int) -> nn.Sequential:
    """2x2 deconvolution and 1x1 convolution (fig. 4), named and initialised as torchvision's."""
    predictor = nn.Sequential(
        OrderedDict(
            conv5_mask=nn.ConvTranspose2d(channels, channels, 2, stride=2),
            relu=nn.ReLU(inplace=True),
            mask_fcn_logits=nn.Conv2d(channels, outputs, 1),
        )
    )
    for name, parameter in predictor.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
    return predictor

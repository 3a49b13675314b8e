"""A refiner without a detector: backbone, neck and SharpContour.

SharpContour (its sec. 3) refines any contours on any backbone's map; here nothing else reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from lib.errors import InputError
from network.backbones.backbone import Backbone
from network.backbones.dla import DLA
from network.contour.architecture import Architecture
from network.contour.neck import Neck, shared_map
from network.contour.weights import load_checked
from network.sharp.settings import Movement
from network.sharp.sharp_contour import SharpContour, movement_of


class Refiner(nn.Module):
    """Images -> the shared map; contours on it -> refined ones. Its parts are called as in E2EC."""

    def __init__(
        self, *, backbone: Backbone, neck: Neck, sharp: SharpContour, num_classes: int
    ) -> None:
        """`num_classes` of the data, for the record: the network tells none apart."""
        super().__init__()
        assert isinstance(backbone, nn.Module)
        self.backbone = backbone
        self.neck = neck
        self.sharp = sharp
        self.num_classes = num_classes

    def shared_map(self, images: Tensor) -> Tensor:
        """The map that SharpContour reads, (B, C, h, w), of normalised images (B, 3, H, W)."""
        return shared_map(images, self.backbone, self.neck)

    def forward(
        self,
        images: Tensor,
        boxes: Tensor,
        points: Tensor,
        image_index: Tensor,
        *,
        max_per_image: int | None = None,
    ) -> Tensor:
        """What training compares with labels: `SharpContour.at_points` of the images' map."""
        return self.sharp.at_points(
            self.shared_map(images), boxes, points, image_index, max_per_image=max_per_image
        )


def build_refiner(architecture: Architecture, *, movement: Movement, num_classes: int) -> Refiner:
    """A refiner with random weights, in training mode."""
    a = architecture
    backbone = DLA(a.backbone_channels, stem_stride=a.stem_stride)
    neck = Neck(backbone, deformable=a.deformable)
    sharp = SharpContour(neck.channels, stride=neck.stride, sizes=a.sharp, movement=movement)
    return Refiner(backbone=backbone, neck=neck, sharp=sharp, num_classes=num_classes)


def refiner_from_state(
    state: Mapping[str, Tensor], *, name: str, architecture: Architecture, num_classes: int
) -> Refiner:
    """A refiner in evaluation mode with the weights of `state`.

    Raises:
        InputError: names or shapes do not fit, or a weight is not finite; `name` says where the
            weights came from.
    """
    movement = movement_of(state, name=name)
    if movement is None:
        raise InputError(f"{name}: not weights of a refiner (sharp.kind is missing)")
    network = build_refiner(architecture, movement=movement, num_classes=num_classes)
    load_checked(network, state, name=name)
    return network.eval()

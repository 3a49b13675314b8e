"""E2EC: the whole network, composed of its parts (paper sec. 3, figure 2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lib.polygons.box_shapes import BoxShape
from network.backbones.backbone import Backbone
from network.backbones.dla import DLA
from network.contour.architecture import DLA34, Architecture
from network.contour.box_init import BoxHead
from network.contour.contour_init import Clip, clip_to_map, initial_contours
from network.contour.contour_iou import ContourIoU
from network.contour.contour_network import (
    BoundaryPoints,
    ContourNetwork,
    Dense,
    NetworkOutput,
    Outline,
)
from network.contour.contour_start import ContourStart
from network.contour.global_deform import GlobalDeformation
from network.contour.neck import Neck, shared_map
from network.contour.part_votes import object_centers
from network.contour.refine import Refinement
from network.contour.snake import Snake
from network.layers.heads import HEATMAP_PRIOR_LOGIT, DenseHead, head_at_cells
from network.layers.precision import at_least_float32
from network.sharp.alone import SharpAlone
from network.sharp.settings import Movement
from network.sharp.sharp_contour import SharpContour

__all__ = [
    "E2EC",
    "BoundaryPoints",
    "ContourNetwork",
    "Dense",
    "NetworkOutput",
    "Outline",
    "build_network",
]


class E2EC(SharpAlone, ContourNetwork):
    """Detector, initial contour, global deformation, refinement; parts are injected."""

    def __init__(
        self,
        *,
        backbone: Backbone,
        neck: Neck,
        heatmap: DenseHead,
        offsets: DenseHead,
        global_deformation: GlobalDeformation | None,
        refinement: Refinement,
        num_classes: int,
        vertices: int,
        part_votes: DenseHead | None = None,
        sharp: SharpContour | None = None,
        boundary_map: DenseHead | None = None,
        contour_iou: ContourIoU | None = None,
        clip: Clip = "edge",
    ) -> None:
        super().__init__()
        assert isinstance(backbone, nn.Module)
        self.stride = neck.stride
        self.backbone = backbone
        self.neck = neck
        self.heatmap = heatmap
        self.offsets = offsets
        self.global_deformation = global_deformation
        self.refinement = refinement
        # Last, so that the other parameters keep the published order.
        self.part_votes = part_votes
        self.sharp = sharp
        self.boundary_map = boundary_map
        self.contour_iou = contour_iou
        self.num_classes = num_classes
        self.vertices = vertices
        self.clip: Clip = clip

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        sharp = () if self.sharp is None else ("sharp",)
        coarse = () if self.global_deformation is None else ("coarse",)
        return ("init", *coarse, *self.refinement.stage_names, *sharp)

    @property
    def sharpening(self) -> SharpContour | None:
        """See `ContourNetwork.sharpening`."""
        return self.sharp

    @property
    def judging(self) -> ContourIoU | None:
        """See `ContourNetwork.judging`."""
        return self.contour_iou

    def forward(
        self,
        images: Tensor,
        centers: Tensor | None = None,
        image_index: Tensor | None = None,
        *,
        max_per_image: int | None = None,
        boundary: BoundaryPoints | None = None,
        **options: Any,
    ) -> NetworkOutput:
        """See `ContourNetwork.forward`; where only SharpContour learns, its points and no stage."""
        if not (self.training and self.sharp_alone):
            return super().forward(
                images,
                centers,
                image_index,
                max_per_image=max_per_image,
                boundary=boundary,
                **options,
            )
        assert centers is not None and image_index is not None
        assert boundary is not None and self.sharp is not None
        with torch.no_grad():
            features = self.shared_map(images)
        nothing = features.new_zeros(0)
        answers = self.sharp.at_points(
            features, boundary.boxes, boundary.points, image_index, max_per_image=max_per_image
        )
        return NetworkOutput(
            nothing, image_index, nothing.long(), nothing, centers, {}, at_points=answers
        )

    def add_training_maps(self, output: NetworkOutput, features: Tensor) -> None:
        """See `ContourNetwork.add_training_maps`: the boundary map, where there is its head."""
        if self.boundary_map is not None:
            output.boundary_map = at_least_float32(self.boundary_map(features))

    def shared_map(self, images: Tensor) -> Tensor:
        """The map that all heads read, (B, C, h, w)."""
        return shared_map(images, self.backbone, self.neck)

    def dense(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What covers the image: the shared map (B, C, h, w), and the heat map's logits."""
        features = self.shared_map(images)
        return features, at_least_float32(self.heatmap(features))

    def outline(
        self,
        features: Tensor,
        centers: Tensor,
        image_index: Tensor,
        max_per_image: int | None = None,
        depth: int | None = None,
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """What belongs to instances: the stages by name at the given centres, and the part votes.

        In evaluation, initial and coarse contours are clipped to the map as `self.clip` says.
        `max_per_image` and `depth` are those of `forward`.
        """
        depth = len(self.stage_names) if depth is None else depth
        height, width = features.shape[2:]
        offsets = head_at_cells(self.offsets, features, centers, image_index)
        if isinstance(self.offsets, BoxHead):
            contours = self.offsets.contours(offsets, centers)
        else:
            contours = initial_contours(offsets, centers)
        if not self.training:
            contours = clip_to_map(contours, height, width, self.clip)
        stages = {"init": contours * self.stride}
        if depth > 1 and self.global_deformation is not None:
            contours = self.global_deformation(
                features, contours, centers, image_index, max_per_image=max_per_image
            )
            if not self.training:
                contours = clip_to_map(contours, height, width, self.clip)
            stages["coarse"] = contours * self.stride
        if depth > len(stages):
            stages |= self.refinement(
                features,
                contours * self.stride,
                image_index,
                max_per_image=max_per_image,
                modules=depth - len(stages),
            )
        votes = None
        if self.part_votes is not None:
            at_centers = head_at_cells(self.part_votes, features, centers, image_index)
            votes = object_centers(at_centers, centers)
        return stages, votes


def build_network(
    *,
    num_classes: int,
    architecture: Architecture = DLA34,
    vertices: int = 128,
    part_votes: bool = False,
    sharp: Movement | None = None,
    boundary_map: bool = False,
    contour_iou: bool = False,
    clip: Clip = "edge",
    backbone: Backbone | None = None,
    start: ContourStart | None = None,
) -> E2EC:
    """A network with random weights, in training mode, on a DLA or on the backbone that is given;
    with or without a head for part votes, SharpContour, a head for the contours' IoU, and one for
    the boundary map, which is used in training alone. `start` is by default the learned one with a
    global deformation.

    Raises:
        ValueError: a box's contour of a number of vertices that is no multiple of 4.
    """
    start = start or ContourStart()
    a = architecture
    if backbone is None:
        backbone = DLA(a.backbone_channels, stem_stride=a.stem_stride)
    neck = Neck(backbone, deformable=a.deformable)
    channels = neck.channels

    def snake() -> Snake:
        return Snake(
            channels + 2,
            channels=a.snake_channels,
            fusion_channels=a.snake_fusion_channels,
            dilations=a.snake_dilations,
        )

    return E2EC(
        backbone=backbone,
        neck=neck,
        heatmap=DenseHead(channels, a.head_channels, num_classes, last_bias=HEATMAP_PRIOR_LOGIT),
        offsets=_initial_head(channels, a.head_channels, vertices, start),
        global_deformation=_global_deformation(channels, a, vertices, start),
        refinement=Refinement((snake() for _ in range(a.refinements)), stride=neck.stride),
        num_classes=num_classes,
        vertices=vertices,
        part_votes=DenseHead(channels, a.head_channels, 2) if part_votes else None,
        sharp=SharpContour(channels, stride=neck.stride, sizes=a.sharp, movement=sharp)
        if sharp
        else None,
        boundary_map=DenseHead(channels, a.head_channels, 1, last_bias=HEATMAP_PRIOR_LOGIT)
        if boundary_map
        else None,
        contour_iou=ContourIoU(channels, stride=neck.stride) if contour_iou else None,
        clip=clip,
    )


def _global_deformation(
    channels: int, sizes: Architecture, vertices: int, start: ContourStart
) -> GlobalDeformation | None:
    if not start.global_deformation:
        return None
    return GlobalDeformation(
        channels,
        vertices=vertices,
        head_hidden=sizes.head_channels,
        channels=sizes.global_channels,
        hidden=sizes.global_hidden,
        activation=start.global_activation,
    )


def _initial_head(channels: int, hidden: int, vertices: int, start: ContourStart) -> DenseHead:
    """What is regressed at centres: the offsets of all vertices, or a box."""
    if start.initial == "learned":
        return DenseHead(channels, hidden, 2 * vertices)
    shape: BoxShape = "octagon" if start.initial == "box_octagon" else "ellipse"
    return BoxHead(channels, hidden, vertices=vertices, shape=shape)

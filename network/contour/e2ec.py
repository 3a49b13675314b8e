"""E2EC: the whole network, composed of its parts (paper sec. 3, figure 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from network.backbones.backbone import Backbone
from network.backbones.dla import DLA
from network.contour.architecture import DLA34, STRIDE, Architecture
from network.contour.contour_init import Clip, clip_to_map, initial_contours
from network.contour.decode import Centers, decode_centers
from network.contour.global_deform import GlobalDeformation
from network.contour.neck import Neck
from network.contour.part_votes import object_centers
from network.contour.refine import Refinement
from network.contour.snake import Snake
from network.layers.heads import HEATMAP_PRIOR_LOGIT, DenseHead, head_at_cells
from network.layers.precision import at_least_float32


@dataclass
class NetworkOutput:
    """The network's prediction for a batch: n instances by image, then by descending score."""

    heatmap: Tensor
    """(B, C, h, w) logits, h and w of the padded images over `stride`."""
    image_index: Tensor
    """(n,) int64, the image in the batch."""
    classes: Tensor
    """(n,) int64; empty where centres are given."""
    scores: Tensor
    """(n,) float in [0, 1]; empty where centres are given."""
    centers: Tensor
    """(n, 2) int64, x then y, feature cells."""
    stages: dict[str, Tensor]
    """Contours by the name of their stage, in the order in which they are made: init, coarse,
    refine1, refine2, ...; each (n, N, 2), x then y, input pixels."""
    object_centers: Tensor | None = None
    """(n, 2), x then y, feature cells: the centre of the whole object, as each part predicts it;
    None without part votes."""
    stride: int = STRIDE
    """Input pixels a feature cell."""

    @property
    def contours(self) -> list[Tensor]:
        """The contours of all stages, in order."""
        return list(self.stages.values())


Dense = Callable[[Tensor], tuple[Tensor, ...]]
"""Images (B, 3, H, W) -> the shared map (B, C, h, w), and the heat map's logits."""
Outline = Callable[[Tensor, Tensor, Tensor, int | None], tuple[dict[str, Tensor], Tensor | None]]
"""The shared map, centres, image_index, max_per_image -> contours by stage, and the part votes."""


class ContourNetwork(nn.Module):
    """Images -> maps, centres, contours: the way around a network's two functions."""

    dense: Dense
    outline: Outline
    stride: int
    """Input pixels a feature cell."""

    def forward(
        self,
        images: Tensor,
        centers: Tensor | None = None,
        image_index: Tensor | None = None,
        *,
        max_per_image: int | None = None,
        score_threshold: float = 0.05,
        max_detections: int = 100,
    ) -> NetworkOutput:
        """Contours at the detected centres, or at the labelled ones in training.

        Args:
            images: (B, 3, H, W) float, normalised BGR; any size, padded with zeros inside.
            centers: (n, 2) int64 label centres, x then y, feature cells; in training only.
            image_index: (n,) int64, ascending; the image of every centre.
            max_per_image: an upper limit of the given centres per image; without it the host waits
                for a GPU to count them.
            score_threshold: detections below it are dropped (published: 0.05).
            max_detections: at most this many per image (published: 100).

        Raises:
            ValueError: training mode without labelled centres, or images of a wrong shape.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images must be (B, 3, H, W), not {tuple(images.shape)}")
        if self.training and (centers is None or image_index is None):
            raise ValueError("training needs the labelled centers and their image_index")
        features, heatmap = self.dense(images)
        if centers is not None and image_index is not None:
            unknown = features.new_zeros(0)
            found = Centers(image_index, unknown.long(), unknown, centers)
        else:
            height, width = (-(-side // self.stride) for side in images.shape[2:])
            found = decode_centers(
                heatmap,
                score_threshold=score_threshold,
                max_detections=max_detections,
                valid_size=(height, width),
            )
            # Known here, so that `outline` need not count.
            max_per_image = int(found.image_index.bincount(minlength=1).amax())
        stages, votes = self.outline(features, found.centers, found.image_index, max_per_image)
        return NetworkOutput(heatmap, *found, stages, votes, self.stride)


class E2EC(ContourNetwork):
    """Detector, initial contour, global deformation, refinement; parts are injected."""

    def __init__(
        self,
        *,
        backbone: Backbone,
        neck: Neck,
        heatmap: DenseHead,
        offsets: DenseHead,
        global_deformation: GlobalDeformation,
        refinement: Refinement,
        num_classes: int,
        vertices: int,
        part_votes: DenseHead | None = None,
        clip: Clip = "edge",
    ) -> None:
        super().__init__()
        assert isinstance(backbone, nn.Module)
        self.side_multiple = backbone.strides[-1]
        self.stride = neck.stride
        self.backbone = backbone
        self.neck = neck
        self.heatmap = heatmap
        self.offsets = offsets
        self.global_deformation = global_deformation
        self.refinement = refinement
        # Last, so that the other parameters keep the published order.
        self.part_votes = part_votes
        self.num_classes = num_classes
        self.vertices = vertices
        self.clip: Clip = clip

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return ("init", "coarse", *self.refinement.stage_names)

    def dense(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What covers the image: the shared map (B, C, h, w), and the heat map's logits.

        Zeros at the bottom and right make the image's sides multiples of the coarsest stride.
        """
        height, width = images.shape[2:]
        padding = (0, -width % self.side_multiple, 0, -height % self.side_multiple)
        features = self.neck(self.backbone(F.pad(images, padding)))
        return features, at_least_float32(self.heatmap(features))

    def outline(
        self,
        features: Tensor,
        centers: Tensor,
        image_index: Tensor,
        max_per_image: int | None = None,
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """What belongs to instances: all stages by name at the given centres, and the part votes.

        In evaluation, initial and coarse contours are clipped to the map as `self.clip` says.
        `max_per_image` is that of `forward`.
        """
        height, width = features.shape[2:]
        offsets = head_at_cells(self.offsets, features, centers, image_index)
        initial = initial_contours(offsets, centers)
        if not self.training:
            initial = clip_to_map(initial, height, width, self.clip)
        coarse = self.global_deformation(
            features, initial, centers, image_index, max_per_image=max_per_image
        )
        if not self.training:
            coarse = clip_to_map(coarse, height, width, self.clip)
        stages = {"init": initial * self.stride, "coarse": coarse * self.stride}
        stages |= self.refinement(
            features, stages["coarse"], image_index, max_per_image=max_per_image
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
    clip: Clip = "edge",
) -> E2EC:
    """A network with random weights, in training mode, with or without a head for part votes."""
    a = architecture
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
        offsets=DenseHead(channels, a.head_channels, 2 * vertices),
        global_deformation=GlobalDeformation(
            channels,
            vertices=vertices,
            head_hidden=a.head_channels,
            channels=a.global_channels,
            hidden=a.global_hidden,
        ),
        refinement=Refinement((snake() for _ in range(a.refinements)), stride=neck.stride),
        num_classes=num_classes,
        vertices=vertices,
        part_votes=DenseHead(channels, a.head_channels, 2) if part_votes else None,
        clip=clip,
    )

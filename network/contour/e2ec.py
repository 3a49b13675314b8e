"""E2EC: the whole network, composed of its parts (paper sec. 3, figure 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from network.backbones.backbone import Backbone
from network.backbones.dla import DLA
from network.contour.architecture import DLA34, STRIDE, Architecture
from network.contour.contour_init import Clip, clip_to_map, initial_contours
from network.contour.decode import Centers, decode_centers
from network.contour.global_deform import GlobalDeformation
from network.contour.neck import Neck, shared_map
from network.contour.part_votes import object_centers
from network.contour.refine import Refinement
from network.contour.snake import Snake
from network.layers.heads import HEATMAP_PRIOR_LOGIT, DenseHead, head_at_cells
from network.layers.precision import at_least_float32
from network.sharp.settings import EvolutionSettings, Movement
from network.sharp.sharp_contour import SharpContour


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
    on_demand: dict[str, Callable[[], Tensor]] = field(default_factory=dict)
    """What makes the contours of further stages, by name: nobody waits for those not asked for."""
    at_points: Tensor | None = None
    """(n, P, outputs), what SharpContour says of the labelled points near boundaries, in training;
    None without them."""

    @property
    def contours(self) -> list[Tensor]:
        """The contours of all stages but those on demand, in order."""
        return list(self.stages.values())

    def at(self, stage: str) -> Tensor:
        """The contours of a stage, (n, N, 2), x then y, input pixels; made now if they are made on
        demand, and once."""
        if stage not in self.stages:
            self.stages[stage] = self.on_demand[stage]()
        return self.stages[stage]


Dense = Callable[[Tensor], tuple[Tensor, ...]]
"""Images (B, 3, H, W) -> the shared map (B, C, h, w), and the heat map's logits."""
Outline = Callable[[Tensor, Tensor, Tensor, int | None], tuple[dict[str, Tensor], Tensor | None]]
"""The shared map, centres, image_index, max_per_image -> contours by stage, and the part votes."""


@dataclass
class BoundaryPoints:
    """Labelled points near boundaries, of n instances: SharpContour learns from them."""

    boxes: Tensor
    """(n, 4) x0, y0, x1, y1, input pixels."""
    points: Tensor
    """(n, P, 2), x then y, input pixels."""


class ContourNetwork(nn.Module):
    """Images -> maps, centres, contours: the way around a network's two functions."""

    dense: Dense
    outline: Outline
    stride: int
    """Input pixels a feature cell."""

    @property
    def sharpening(self) -> SharpContour | None:
        """The stage after the last refinement, if there is one."""
        return None

    def forward(
        self,
        images: Tensor,
        centers: Tensor | None = None,
        image_index: Tensor | None = None,
        *,
        max_per_image: int | None = None,
        score_threshold: float = 0.05,
        max_detections: int = 100,
        boundary: BoundaryPoints | None = None,
        evolution: EvolutionSettings | None = None,
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
            boundary: points that SharpContour is asked about, at the given centres' instances.
            evolution: how its contours move; None as the network says.

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
        output = NetworkOutput(heatmap, *found, stages, votes, self.stride)
        sharp = self.sharpening
        if sharp is not None and boundary is not None:
            output.at_points = sharp.at_points(
                features,
                boundary.boxes,
                boundary.points,
                found.image_index,
                max_per_image=max_per_image,
            )
        elif sharp is not None:
            refine = partial(
                sharp,
                features,
                output.contours[-1],
                found.image_index,
                max_per_image=max_per_image,
                evolution=evolution,
            )
            output.on_demand["sharp"] = lambda: refine()[-1]
        return output


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
        sharp: SharpContour | None = None,
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
        self.num_classes = num_classes
        self.vertices = vertices
        self.clip: Clip = clip
        self.sharp_alone = False

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        sharp = () if self.sharp is None else ("sharp",)
        return ("init", "coarse", *self.refinement.stage_names, *sharp)

    @property
    def sharpening(self) -> SharpContour | None:
        """See `ContourNetwork.sharpening`."""
        return self.sharp

    def freeze_all_but_sharp(self) -> None:
        """From here on only SharpContour learns: all else keeps its weights and its statistics."""
        assert self.sharp is not None
        self.sharp_alone = True
        self.requires_grad_(False)
        self.sharp.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> E2EC:
        """Training or evaluation mode; what is frozen stays in the latter."""
        super().train(mode)
        if self.sharp_alone:
            for part in self.children():
                part.train(mode and part is self.sharp)
        return self

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
    sharp: Movement | None = None,
    clip: Clip = "edge",
) -> E2EC:
    """A network with random weights, in training mode, with or without a head for part votes and
    SharpContour."""
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
        sharp=SharpContour(channels, stride=neck.stride, sizes=a.sharp, movement=sharp)
        if sharp
        else None,
        clip=clip,
    )

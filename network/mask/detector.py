"""A network of the mask family: backbone with pyramid, proposals, second stage.

Composed as torchvision's `MaskRCNN` and with its parameter names, but for the parts that others
take over: images arrive resized, normalised and padded, and masks leave as 28 x 28 probabilities.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork

from network.contour.contour_network import BoundaryPoints
from network.layers.precision import at_least_float32
from network.mask.outputs import Detections, TrainingOutput
from network.mask.roi import Maps, MaskRoIHeads
from network.mask.settings import MaskNetworkSettings
from network.sharp.alone import SharpAlone
from network.sharp.sharp_contour import SharpContour

MULTIPLE = 32
"""Sides of the input are multiples of it: the pyramid's maps must lie on one another."""


class MaskNetwork(SharpAlone):
    """Images -> instances with masks; in training, predictions with what they should be."""

    def __init__(
        self,
        *,
        backbone: BackboneWithFPN,
        rpn: RegionProposalNetwork,
        roi_heads: MaskRoIHeads,
        num_classes: int,
        settings: MaskNetworkSettings,
        sharp: SharpContour | None = None,
    ) -> None:
        """`num_classes` K, without background; `settings` that the parts were built from."""
        super().__init__()
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads
        self.sharp = sharp
        self.num_classes = num_classes
        self.settings = settings

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return ("mask",) if self.sharp is None else ("mask", "sharp")

    def train(self, mode: bool = True) -> MaskNetwork:
        """Training or evaluation mode; stages that do not learn stay in the latter, or their
        statistics would move away from their weights."""
        super().train(mode)
        for stage in self.backbone.body.children():
            frozen = not any(parameter.requires_grad for parameter in stage.parameters())
            stage.train(mode and not frozen)
        return self

    def maps(self, images: Tensor) -> Maps:
        """The pyramid of normalised images (B, 3, h, w): five maps of 256 channels, of strides 4 to
        64, the finest first, in full precision.

        Raises:
            ValueError: sides are no multiples of 32.
        """
        height, width = images.shape[2:]
        if height % MULTIPLE or width % MULTIPLE:
            raise ValueError(f"images must be padded to multiples of {MULTIPLE}: {height}x{width}")
        maps: Maps = self.backbone(images)
        return {level: at_least_float32(features) for level, features in maps.items()}

    def shared_map(self, images: Tensor, sizes: Tensor) -> Tensor:
        """The finest map, (B, 256, h / 4, w / 4), which SharpContour reads; see `forward`."""
        return next(iter(self.maps(without_padding(images, sizes)).values()))

    def forward(
        self,
        images: Tensor,
        sizes: Tensor,
        targets: list[dict[str, Tensor]] | None = None,
        seeds: Tensor | None = None,
        *,
        boundary: BoundaryPoints | None = None,
        score_threshold: float = 0.05,
        max_detections: int = 100,
        nms_iou: float = 0.5,
    ) -> TrainingOutput | Detections:
        """Training mode: predictions with their targets; evaluation mode: detections.

        Args:
            images: (B, 3, h, w), RGB, normalised with ImageNet's mean and deviation; sides are
                multiples of 32.
            sizes: (B, 2) int64, height and width of what each shows of its image, from the top-left
                corner on; the rest is padding, whose values do not matter.
            targets: in training, by image: boxes (g, 4) x0, y0, x1, y1, input pixels, none of them
                empty; labels (g,) int64, 1 to K; masks (g, h, w) uint8.
            seeds: (B,) int64, in training: of the samples of anchors and proposals. They decide
                alone; the global random state is neither read nor changed.
            boundary: labelled points of all objects in the order of the targets, where SharpContour
                learns.
            score_threshold: of evaluation; only what scores higher is found.
            max_detections: of evaluation, at most so many an image.
            nms_iou: of evaluation; among boxes of a class that overlap more the best is kept.

        Raises:
            ValueError: sides are no multiples of 32, or targets do not go with the mode.
        """
        if self.training != (targets is not None and seeds is not None):
            raise ValueError("targets and seeds go with training mode, and with that alone")
        images = without_padding(images, sizes)
        if targets is not None:
            assert seeds is not None
            return self._learn(images, sizes, targets, seeds, boundary)
        # Limits are attributes of torchvision's class, and threads may ask for different ones: a
        # shallow copy has its own, and the same layers.
        heads = copy.copy(self.roi_heads)
        heads.score_thresh, heads.nms_thresh = score_threshold, nms_iou
        heads.detections_per_img = max_detections
        maps = self.maps(images)
        shown = _pairs(sizes)
        proposals, _ = self.rpn(ImageList(images, shown), maps)
        found = heads.detect(maps, proposals, _size(images), shown)
        if self.sharp is None:
            return found
        return replace(found, features=next(iter(maps.values())), sharp=self.sharp)

    def _learn(
        self,
        images: Tensor,
        sizes: Tensor,
        targets: list[dict[str, Tensor]],
        seeds: Tensor,
        boundary: BoundaryPoints | None,
    ) -> TrainingOutput:
        if self.sharp_alone:
            with torch.no_grad():
                finest = next(iter(self.maps(images).values()))
            return TrainingOutput(len(images), at_points=self._at_points(finest, targets, boundary))
        targets = [one | {"boxes": one["boxes"].to(images.dtype)} for one in targets]
        # One generator an image, from the anchors on to the proposals.
        generators = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        self.rpn.fg_bg_sampler.generators = generators
        self.roi_heads.fg_bg_sampler.generators = generators
        maps = self.maps(images)
        proposals, losses = self.rpn(ImageList(images, _pairs(sizes)), maps, targets)
        boxes, masks = self.roi_heads.learn(maps, proposals, _size(images), targets)
        at_points = None
        if self.sharp is not None:
            at_points = self._at_points(next(iter(maps.values())), targets, boundary)
        return TrainingOutput(
            images=len(images),
            rpn={"objectness": losses["loss_objectness"], "rpn_box": losses["loss_rpn_box_reg"]},
            boxes=boxes,
            masks=masks,
            at_points=at_points,
        )

    def _at_points(
        self, finest: Tensor, targets: list[dict[str, Tensor]], boundary: BoundaryPoints | None
    ) -> Tensor:
        assert self.sharp is not None and boundary is not None
        counts = [len(one["boxes"]) for one in targets]
        owners = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        return self.sharp.at_points(
            finest,
            boundary.boxes,
            boundary.points,
            owners.to(finest.device),
            max_per_image=max(counts),
        )


def without_padding(images: Tensor, sizes: Tensor) -> Tensor:
    """Images with zeros beyond what they show, as torchvision pads; see `MaskNetwork.forward`."""
    height, width = sizes.to(images.device).T[:, :, None]
    rows = torch.arange(images.shape[2], device=images.device) < height
    columns = torch.arange(images.shape[3], device=images.device) < width
    shown = rows[:, None, :, None] & columns[:, None, None]
    return images.where(shown, 0)


def _pairs(sizes: Tensor) -> list[tuple[int, int]]:
    return [(height, width) for height, width in sizes.tolist()]


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[3]

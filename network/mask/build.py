"""Networks of the mask family from their settings, with random weights."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from network.mask.detector import MaskNetwork
from network.mask.mask_iou import MaskIouHead
from network.mask.proposals import ProposalHead, ProposalNetwork
from network.mask.roi import MaskRoIHeads
from network.mask.sampling import SeededSampler
from network.mask.settings import MaskNetworkSettings
from network.sharp.settings import ClassifierSizes, Movement
from network.sharp.sharp_contour import SharpContour

Normalization = Literal["frozen", "batch"]
"""Of the backbone: frozen for weights that somebody has learned, with their statistics; batch for
random ones, which need statistics of their own."""

PYRAMID = ["0", "1", "2", "3"]
"""The levels that boxes are looked up in, P2 to P5, by torchvision's names."""
STRIDE = 4
"""Of the finest map, input pixels."""
ASPECT_RATIOS = (0.5, 1.0, 2.0)
WIDTH = 256
"""Channels of the mask head."""


def build_mask_network(
    settings: MaskNetworkSettings,
    num_classes: int,
    *,
    normalization: Normalization = "frozen",
    movement: Movement | None = None,
) -> MaskNetwork:
    """A network in training mode.

    Args:
        settings: what it is made of.
        num_classes: K, without background.
        normalization: of the backbone.
        movement: of SharpContour on the finest map; None is none.
    """
    backbone = build_backbone(settings, normalization=normalization)
    channels = backbone.out_channels
    sharp = None
    if movement is not None:
        sharp = SharpContour(channels, stride=STRIDE, sizes=ClassifierSizes(), movement=movement)
    return MaskNetwork(
        backbone=backbone,
        rpn=_rpn(settings, channels),
        roi_heads=_roi_heads(settings, channels, num_classes),
        num_classes=num_classes,
        sharp=sharp,
    )


def build_backbone(
    settings: MaskNetworkSettings, *, normalization: Normalization = "frozen"
) -> BackboneWithFPN:
    """A ResNet and a pyramid of 256 channels."""
    return resnet_fpn_backbone(
        backbone_name=settings.backbone,
        weights=None,
        norm_layer=FrozenBatchNorm2d if normalization == "frozen" else nn.BatchNorm2d,
        trainable_layers=settings.trainable_layers,
    )


def _rpn(settings: MaskNetworkSettings, channels: int) -> ProposalNetwork:
    levels = len(settings.anchor_sizes)
    anchors = AnchorGenerator(
        tuple((size,) for size in settings.anchor_sizes), (ASPECT_RATIOS,) * levels
    )
    limits = {"training": 2 * settings.proposals, "testing": settings.proposals}
    rpn = ProposalNetwork(
        anchors,
        ProposalHead(channels, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n=limits,
        post_nms_top_n=limits,
        nms_thresh=0.7,
    )
    rpn.fg_bg_sampler = SeededSampler(256, 0.5)
    return rpn


def _roi_heads(settings: MaskNetworkSettings, channels: int, num_classes: int) -> MaskRoIHeads:
    if settings.box_head != "fc" or settings.mask_head != "plain":
        raise NotImplementedError(f"heads {settings.box_head}, {settings.mask_head}")
    box_pool = MultiScaleRoIAlign(PYRAMID, output_size=7, sampling_ratio=2)
    mask_pool = MultiScaleRoIAlign(PYRAMID, output_size=14, sampling_ratio=2)
    return MaskRoIHeads(
        box_roi_pool=box_pool,
        box_head=TwoMLPHead(channels * 7**2, 1024),
        box_predictor=FastRCNNPredictor(1024, num_classes + 1),
        mask_roi_pool=mask_pool,
        mask_head=MaskRCNNHeads(channels, (WIDTH,) * settings.mask_convolutions, 1),
        mask_predictor=MaskRCNNPredictor(WIDTH, WIDTH, num_classes + 1),
        samples=settings.samples,
        mask_iou=MaskIouHead(channels, num_classes) if settings.mask_iou else None,
    )

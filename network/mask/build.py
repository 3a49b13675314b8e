"""Networks of the mask family from their settings, with random weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from network.mask.attention_head import AttentionMaskHead
from network.mask.boundary_head import BoundaryMaskHead
from network.mask.detector import MaskNetwork
from network.mask.fcn_box_head import FcnBoxHead, FcnBoxPrediction, best_boxes
from network.mask.mask_iou import MaskIouHead
from network.mask.proposals import ProposalHead, ProposalNetwork
from network.mask.roi import MaskRoIHeads
from network.mask.sampling import SeededSampler
from network.mask.settings import WIDTH, MaskNetworkSettings
from network.mask.sobel_head import SobelHead
from network.sharp.settings import ClassifierSizes, Movement
from network.sharp.sharp_contour import SharpContour

PYRAMID = ["0", "1", "2", "3"]
"""The levels that boxes are looked up in, P2 to P5, by torchvision's names."""
STRIDE = 4
"""Of the finest map, input pixels."""
ASPECT_RATIOS = (0.5, 1.0, 2.0)


def build_mask_network(
    settings: MaskNetworkSettings,
    num_classes: int,
    *,
    movement: Movement | None = None,
) -> MaskNetwork:
    """A network in training mode.

    Args:
        settings: what it is made of.
        num_classes: K, without background.
        movement: of SharpContour on the finest map; None is none.
    """
    backbone = build_backbone(settings)
    channels = backbone.out_channels
    sharp = None
    if movement is not None:
        sharp = SharpContour(channels, stride=STRIDE, sizes=ClassifierSizes(), movement=movement)
    return MaskNetwork(
        backbone=backbone,
        rpn=_rpn(settings, channels),
        roi_heads=_roi_heads(settings, channels, num_classes),
        num_classes=num_classes,
        settings=settings,
        sharp=sharp,
    )


def build_backbone(settings: MaskNetworkSettings) -> BackboneWithFPN:
    """A ResNet and a pyramid of 256 channels."""
    return resnet_fpn_backbone(
        backbone_name=settings.backbone,
        weights=None,
        norm_layer=FrozenBatchNorm2d if settings.normalization == "frozen" else nn.BatchNorm2d,
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
    return MaskRoIHeads(
        box_roi_pool=MultiScaleRoIAlign(PYRAMID, output_size=7, sampling_ratio=2),
        mask_roi_pool=MultiScaleRoIAlign(PYRAMID, output_size=14, sampling_ratio=2),
        samples=settings.samples,
        mask_iou=MaskIouHead(channels, num_classes) if settings.mask_iou else None,
        **_box_head(settings, channels, num_classes),
        **_mask_head(settings, channels, num_classes),
    )


def _box_head(settings: MaskNetworkSettings, channels: int, num_classes: int) -> dict[str, Any]:
    """What `MaskRoIHeads` is to know of the box head."""
    if settings.box_head == "fcn":
        head = FcnBoxHead(
            channels,
            num_classes,
            box_iou=settings.box_iou,
            convolutions=settings.box_convolutions,
        )
        return {
            "box_head": head,
            "box_predictor": nn.Identity(),
            "box_decoder": one_box_a_proposal,
        }
    return {
        "box_head": TwoMLPHead(channels * 7**2, 1024),
        "box_predictor": FastRCNNPredictor(1024, num_classes + 1),
    }


def _mask_head(settings: MaskNetworkSettings, channels: int, num_classes: int) -> dict[str, Any]:
    """The same of the mask head."""
    if settings.mask_head == "boundary":
        boundary = settings.boundary
        levels = PYRAMID if boundary.source == "pyramid" else PYRAMID[:1]
        return {
            "mask_head": BoundaryMaskHead(channels, num_classes, boundary),
            "mask_predictor": nn.Identity(),
            "boundary_roi_pool": MultiScaleRoIAlign(levels, boundary.size, sampling_ratio=2),
            "mask_outputs": ("masks", "boundaries"),
        }
    if settings.mask_head == "attention":
        return {
            "mask_head": AttentionMaskHead(channels, num_classes, settings.attention),
            "mask_predictor": nn.Identity(),
            "mask_outputs": ("masks", "edges"),
        }
    return {
        "mask_predictor": MaskRCNNPredictor(WIDTH, WIDTH, num_classes + 1),
        "mask_head": MaskRCNNHeads(channels, (WIDTH,) * settings.mask_convolutions, 1),
        "boundary_of_mask": SobelHead() if settings.mask_head == "sobel" else None,
    }


def one_box_a_proposal(
    prediction: FcnBoxPrediction, proposals: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The best cell's, as `roi.BoxDecoder` wants it."""
    best = best_boxes(prediction, proposals)
    return best.boxes, best.scores, best.classes + 1

"""Tiny networks of the mask family, torchvision's beside them, and scenes for both."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from e2ec.config import Config
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from network.mask.build import build_backbone, build_mask_network
from network.mask.detector import MaskNetwork
from network.mask.settings import MaskNetworkSettings

CLASSES = 3
TINY = MaskNetworkSettings(
    backbone="resnet18",
    trainable_layers=5,
    anchor_sizes=(8, 16, 32, 64, 128),
    proposals=8,
    samples=8,
)


def tiny_config(preset: str, **changes: object) -> Config:
    """The settings of a preset for tiny networks, which start from random weights, and images."""
    tiny = {
        "model.weights": None, "model.architecture": "resnet18",
        "model.anchor_sizes": TINY.anchor_sizes, "model.proposals": 20, "model.samples": 16,
        "data.augmentation.short_sides": (64, 64), "data.augmentation.longest": 96,
    }  # fmt: skip
    return with_settings(load_preset(preset), tiny | changes)


class GivenInputs(GeneralizedRCNNTransform):
    """Nothing is resized, and nothing pasted: torchvision's network as it is inside."""

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        super().__init__(800, 1333, [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
        self.size = size

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None):
        return image, target

    def batch_images(self, images: list[Tensor], size_divisible: int = 32) -> Tensor:
        batch = images[0].new_zeros(len(images), 3, *self.size)
        for shown, image in zip(batch, images, strict=True):
            shown[:, : image.shape[1], : image.shape[2]] = image
        return batch

    def postprocess(self, result: list, image_shapes: list, original_image_sizes: list) -> list:
        return result


def tiny_network(settings: MaskNetworkSettings = TINY, **options: object) -> MaskNetwork:
    """Random weights whose answers differ from box to box."""
    torch.manual_seed(0)
    network = build_mask_network(settings, CLASSES, **options)
    lively(network)
    return network


def lively(network: MaskNetwork) -> None:
    """Larger last layers: random networks are sure of nothing."""
    with torch.no_grad():
        network.rpn.head.cls_logits.weight *= 5
        network.rpn.head.bbox_pred.weight *= 5
        network.roi_heads.box_predictor.cls_score.weight *= 5


def torchvisions(network: MaskNetwork, size: tuple[int, int]) -> MaskRCNN:
    """torchvision's own network with the same weights and limits, for inputs of this size."""
    anchors = network.rpn.anchor_generator
    other = MaskRCNN(
        build_backbone(TINY),
        num_classes=CLASSES + 1,
        rpn_anchor_generator=anchors,
        rpn_pre_nms_top_n_train=2 * TINY.proposals,
        rpn_pre_nms_top_n_test=TINY.proposals,
        rpn_post_nms_top_n_train=2 * TINY.proposals,
        rpn_post_nms_top_n_test=TINY.proposals,
        box_batch_size_per_image=TINY.samples,
    )
    other.load_state_dict(network.state_dict(), strict=True)
    other.transform = GivenInputs(size)
    return other.train(network.training)


def scene(
    count: int = 2, size: tuple[int, int] = (64, 96), *, padded: bool = False
) -> tuple[Tensor, Tensor]:
    """Noise as images (count, 3, *size), and what of them is no padding."""
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(count, 3, *size, generator=generator)
    sizes = torch.tensor([size] * count)
    if padded:
        sizes[1:] -= torch.tensor([6, 20])
        for image, (height, width) in zip(images, sizes.tolist(), strict=True):
            image[:, height:] = 0
            image[:, :, width:] = 0
    return images, sizes


def objects(boxes: list[list[int]], labels: list[int], size: tuple[int, int] = (64, 96)) -> dict:
    """Targets of one image: ellipses that fill their boxes."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.uint8)
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        across = ((x + 0.5) * 2 - x0 - x1) / (x1 - x0)
        down = ((y + 0.5) * 2 - y0 - y1) / (y1 - y0)
        mask[across**2 + down**2 <= 1] = 1
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": masks,
    }


TARGETS = [
    objects([[10, 10, 40, 44], [50, 8, 70, 30]], [1, 3]),
    objects([[5, 20, 60, 50]], [2]),
]
NOTHING = objects([], [])


class Fixed(nn.Module):
    """Says the same of every box."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values

    def forward(self, features: Tensor, *_: Tensor) -> Tensor:
        return self.values.expand(len(features), *self.values.shape)

"""Parameters and work of the heads of detectors with masks, and of whole networks, beside the
papers' tables.

    python -m e2ec.bench.studies.head_sizes

Work is counted for one proposal, 256 channels and 80 classes, a multiplication with its addition
once; BMask R-CNN's table 8 leaves out the predictors. Needs torchvision.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from e2ec.app.commands.command_line import run
from network.mask.boundary_head import BoundaryMaskHead
from network.mask.build import build_mask_network
from network.mask.settings import (
    AttentionHeadSettings,
    BoundaryHeadSettings,
    MaskNetworkSettings,
)

CLASSES = 80
WIDTH = 256
HEADS: dict[str, MaskNetworkSettings] = {
    "Mask R-CNN": MaskNetworkSettings(),
    "8 convolutions": MaskNetworkSettings(mask_convolutions=8),
    "BMask": MaskNetworkSettings(mask_head="boundary"),
    "BMask, no boundary -> mask": MaskNetworkSettings(
        mask_head="boundary", boundary=BoundaryHeadSettings(boundary_to_mask=False)
    ),
    "BMask, no mask -> boundary": MaskNetworkSettings(
        mask_head="boundary", boundary=BoundaryHeadSettings(mask_to_boundary=False)
    ),
    "Sobel, of one class": MaskNetworkSettings(mask_head="sobel"),
    "SEANet": MaskNetworkSettings(mask_head="attention"),
    "SEANet, concatenated": MaskNetworkSettings(
        mask_head="attention", attention=AttentionHeadSettings(fusion="concat")
    ),
    "SEANet, no edge supervision": MaskNetworkSettings(
        mask_head="attention", attention=AttentionHeadSettings(edge_supervision=False)
    ),
    "SEANet, no edge attention": MaskNetworkSettings(
        mask_head="attention", attention=AttentionHeadSettings(edge_attention=False)
    ),
    "SEANet, no channel attention": MaskNetworkSettings(
        mask_head="attention", attention=AttentionHeadSettings(channel_attention=False)
    ),
}
BOXES = {
    "Mask R-CNN": MaskNetworkSettings(),
    "SEANet": MaskNetworkSettings(box_head="fcn"),
    "SEANet, no B-IoU": MaskNetworkSettings(box_head="fcn", box_iou=False),
}
NETWORKS = {
    "Mask R-CNN": (63.17, MaskNetworkSettings(backbone="resnet101")),
    "FCN box head + B-IoU": (58.04, MaskNetworkSettings(backbone="resnet101", box_head="fcn")),
    "attention head": (71.32, MaskNetworkSettings(backbone="resnet101", mask_head="attention")),
    "SEANet": (
        64.89,
        MaskNetworkSettings(backbone="resnet101", box_head="fcn", mask_head="attention"),
    ),
}
"""What SEANet's table 6 counts, M, and the networks."""


def work(call: Callable[[], object]) -> int:
    """Multiplications of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() // 2


def head_row(name: str, settings: MaskNetworkSettings, kind: str) -> str:
    """A line of the table of heads."""
    parts = build_mask_network(settings, CLASSES).roi_heads
    head, predictor = getattr(parts, f"{kind}_head"), getattr(parts, f"{kind}_predictor")
    size = 7 if kind == "box" else 14
    seen = [torch.ones(1, WIDTH, size, size)]
    if isinstance(head, BoundaryMaskHead):
        seen.append(torch.ones(1, WIDTH, 2 * size, 2 * size))
    count = parameters(head) + parameters(predictor)
    whole = work(lambda: predictor(head(*seen)))
    sobel = parts.boundary_of_mask
    if kind == "mask" and sobel is not None:
        count += parameters(sobel)
        whole += work(lambda: sobel(torch.ones(1, 1, 28, 28)))
    if isinstance(head, BoundaryMaskHead):
        head.mask_predictor = head.boundary_predictor = nn.Sequential()
    inner = "" if settings.mask_head == "attention" else f"{work(lambda: head(*seen)) / 1e9:.4f}"
    return f"| {name} | {count:,} | {whole / 1e9:.4f} | {inner if kind == 'mask' else ''} |"


def parameters(module: nn.Module) -> int:
    """How many numbers learn."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def network_row(name: str, printed: float, settings: MaskNetworkSettings) -> str:
    """A line of the table of networks, which counts the factors and shifts of normalisation."""
    with torch.device("meta"):
        network = build_mask_network(replace(settings, normalization="batch"), CLASSES)
    return f"| {name} | {printed:.2f} | {parameters(network) / 1e6:.3f} |"


def main() -> int:
    """Print the tables."""
    for kind, rows in (("mask", HEADS), ("box", BOXES)):
        print(f"| {kind} head | parameters | G multiplications | without predictors |")
        print("|---|---:|---:|---:|")
        for name, settings in rows.items():
            print(head_row(name, settings, kind))
        print()
    print("| network | M parameters, table 6 | here |\n|---|---:|---:|")
    for name, (printed, settings) in NETWORKS.items():
        print(network_row(name, printed, settings))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

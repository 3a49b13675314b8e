"""What backbones cost: parameters, operations, and time of prediction, in a table.

    python -m e2ec.bench.studies.backbone_sizes

Whole networks of 80 classes with random weights, one image, without the search for peaks: 100
contours at given centres. Operations are counted by `torch.utils.flop_counter` on the modules that
are trained, two for a multiplication with an addition, deformable convolutions without their
interpolation. Times are of the network made ready for prediction, on the device that `--device`
names, the median of `--repeats` calls (0 leaves them out). Backbones of the package `transformers`
are left out, and named, where it is missing.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from e2ec.families.contour.backbone import made
from lib.errors import InputError
from network.backbones.settings import BackboneDescription
from network.backbones.transformers_backbone import describe
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS
from network.contour.e2ec import E2EC, build_network
from network.inference.prepare import for_prediction

NAMES = ("dla34", "nano", "hgnet_v2", "convnextv2")
"""Architectures of the project, and model types with the sizes of the presets."""
_CLASSES, _CONTOURS = 80, 100
# Of the checkpoint that the preset names, where it is not the model type's usual one.
_SIZES = {"convnextv2": {"hidden_sizes": [96, 192, 384, 768], "depths": [3, 3, 9, 3]}}


def _deform_flop(
    x_shape: Sequence[int],
    offset_shape: Sequence[int],
    weight_shape: Sequence[int],
    *arguments: Any,
    **options: Any,
) -> int:
    """As of a plain convolution; the interpolation is left out."""
    height, width = offset_shape[2:]
    return 2 * x_shape[0] * height * width * math.prod(weight_shape)


_DEFORMABLE: dict[Any, Any] = {torch.ops.e2ec.deform_conv2d: _deform_flop}


def network_of(name: str) -> E2EC:
    """A whole network of random weights in evaluation mode.

    Raises:
        InputError: it needs a package that is not installed.
    """
    kind = name if name in ARCHITECTURES else TRANSFORMERS
    backbone = None
    if kind == TRANSFORMERS:
        found = describe(name, pretrained=False)
        backbone = made(BackboneDescription({**found.config, **_SIZES.get(name, {})}), name)
    return build_network(
        num_classes=_CLASSES,
        architecture=ARCHITECTURES[kind],
        backbone=backbone,
    ).eval()


def count_parameters(module: nn.Module) -> int:
    """Of all tensors that are learned."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def count_operations(network: E2EC, size: int) -> tuple[int, int]:
    """Additions and multiplications of the backbone, and of the whole network with its contours,
    for a square image of so many pixels a side."""
    images = torch.zeros(1, 3, size, size)
    counters = []
    for run in (network.backbone, lambda given: _run(network, given)):
        with FlopCounterMode(display=False, custom_mapping=_DEFORMABLE) as counter:
            run(images)
        counters.append(counter.get_total_flops())
    part, whole = counters
    return part, whole


@torch.no_grad()
def median_time(network: E2EC, images: Tensor, repeats: int) -> float:
    """Seconds of a call, of the network made ready for prediction."""
    prepared = for_prediction(network, device=images.device).network
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        _run(prepared, images)
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])  # the first one warms up


def _run(network: E2EC, images: Tensor) -> None:
    """Maps, and contours at centres across the map."""
    features, _ = network.dense(images)
    height, width = features.shape[2:]
    place = torch.arange(_CONTOURS, device=images.device)
    centers = torch.stack([place * 7 % width, place * 11 % height], dim=1)
    network.outline(features, centers, torch.zeros_like(place))


def table(names: Sequence[str], size: int, repeats: int, device: str) -> list[str]:
    """Lines of a table in Markdown; networks that cannot be built are named below it."""
    lines = [
        "| backbone | parameters | of the backbone | GFLOP | of the backbone | time |",
        "|---|---|---|---|---|---|",
    ]
    missing = []
    for name in names:
        try:
            network = network_of(name)
        except InputError as error:
            missing.append(f"left out: {error}")
            continue
        images = torch.zeros(1, 3, size, size)
        part, whole = count_operations(network, size)
        took = "-"
        if repeats > 0:
            seconds = median_time(network.to(device), images.to(device), repeats)
            took = f"{1000 * seconds:.0f} ms"
        own = [count_parameters(network), count_parameters(network.backbone)]
        millions = [f"{count / 1e6:.1f} M" for count in own]
        lines.append(
            f"| {name} | {millions[0]} | {millions[1]} | {whole / 1e9:.1f} | {part / 1e9:.1f} | "
            f"{took} |"
        )
    return lines + missing


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Sizes and times of backbones.")
    parser.add_argument("names", nargs="*", default=NAMES, help="architectures or model types")
    parser.add_argument("--size", type=int, default=512, help="sides of the image, in pixels")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    print("\n".join(table(given.names, given.size, given.repeats, given.device)))


if __name__ == "__main__":
    main()

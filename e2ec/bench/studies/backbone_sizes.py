"""What backbones cost: parameters, operations, and time of prediction, in a table.

    python -m e2ec.bench.studies.backbone_sizes

Whole networks of 80 classes with random weights, one image, without the search for peaks: 100
contours at given centres. Operations are counted by `torch.utils.flop_counter`, two for a
multiplication with an addition; it does not see the compiled operators, so they are counted on the
plain modules, deformable convolutions as plain ones. Times are of the network made ready for
prediction, on the device that `--device` names, the median of `--repeats` calls. Backbones of the
package `transformers` are left out, and named, where it is missing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

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


def network_of(name: str, *, deformable: bool = True) -> E2EC:
    """A whole network of random weights in evaluation mode.

    Raises:
        InputError: it needs a package that is not installed.
    """
    kind = name if name in ARCHITECTURES else TRANSFORMERS
    sizes = ARCHITECTURES[kind]
    backbone = None
    if kind == TRANSFORMERS:
        found = describe(name, pretrained=False)
        backbone = made(BackboneDescription({**found.config, **_SIZES.get(name, {})}), name)
    return build_network(
        num_classes=_CLASSES,
        architecture=replace(sizes, deformable=sizes.deformable and deformable),
        backbone=backbone,
    ).eval()


def count_parameters(module: nn.Module) -> int:
    """Of all tensors that are learned."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def count_operations(network: E2EC, images: Tensor) -> tuple[int, int]:
    """Additions and multiplications of the backbone, and of the whole network with its contours."""
    with FlopCounterMode(display=False) as backbone:
        network.backbone(images)
    with FlopCounterMode(display=False) as whole:
        _run(network, images)
    return backbone.get_total_flops(), whole.get_total_flops()


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
    centers = torch.stack([place * 7 % width, place * 11 % height], dim=1).float()
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
            network, plain = network_of(name), network_of(name, deformable=False)
        except InputError as error:
            missing.append(f"left out: {error}")
            continue
        images = torch.zeros(1, 3, size, size)
        part, whole = count_operations(plain, images)
        seconds = median_time(network.to(device), images.to(device), repeats)
        own = [count_parameters(network), count_parameters(network.backbone)]
        millions = [f"{count / 1e6:.1f} M" for count in own]
        lines.append(
            f"| {name} | {millions[0]} | {millions[1]} | {whole / 1e9:.1f} | {part / 1e9:.1f} | "
            f"{1000 * seconds:.0f} ms |"
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

"""Inference: from an array of pixels to `Contours`, on a CPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import nn
from tyro.conf import Positional, arg

from dataset.transforms.test_transform import TestView
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.inputs import picture
from e2ec.bench.memory import peak_memory
from e2ec.bench.plain_network import PlainE2EC
from e2ec.bench.row import Call, Row, optional
from e2ec.config import Precision
from e2ec.engine.predict.predictor import Predictor
from e2ec.families.contour.card import ContourCard
from e2ec.families.preprocess import normalize
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours
from network.contour.architecture import ARCHITECTURES
from network.contour.e2ec import E2EC, build_network
from network.contour.neck import ModulatedDeformConv
from network.sharp.settings import Movement

CLASSES = 80
INSTANCES = 10
"""COCO's images hold 7 objects on average."""
SIDE = 512
END_TO_END = "image array -> contours and overlay: view, network, all stages, drawing"
SMALLEST_YOLO = ("yolo11n-seg.yaml", "yolo26n-seg.yaml")
"""Of equal cost by their own account; the goal is about the faster one, which stands first."""


def rows() -> Iterator[Row]:
    """End to end against a plain network, and how the cost grows with instances and pixels."""
    image = picture(SIDE)
    yield from _dla34(image)
    yield from _nano(image)
    yield from _instances(image)
    yield from _pixels()


def _dla34(image: np.ndarray) -> Iterator[Row]:
    network = benchmark_network("dla34")
    plain = _plain(image)
    settings: tuple[tuple[Precision, float], ...] = (("fp32", 6.0), ("bf16", 9.0))
    for precision, goal in settings:
        yield Row(
            f"DLA-34 {SIDE}x{SIDE}, {precision}",
            f"{END_TO_END}; {INSTANCES} instances; the peer in fp32",
            end_to_end(predictor(network, "dla34", precision=precision), image),
            {"plain network on torchvision": plain},
            goal=goal,
        )


def _plain(image: np.ndarray) -> Call | None:
    deform_conv = optional("torchvision.ops", "deform_conv2d")
    if deform_conv is None:
        return None
    network = PlainE2EC(benchmark_network("dla34"), deform_conv)
    return lambda: draw_contours(image, plain_prediction(network, image))


def _nano(image: np.ndarray) -> Iterator[Row]:
    pixels = torch.rand(1, 3, SIDE, SIDE)
    yield Row(
        f"nano {SIDE}x{SIDE}, fp32",
        f"ours {END_TO_END}; {INSTANCES} instances; the peer its network alone, random weights",
        end_to_end(predictor(benchmark_network("nano"), "nano"), image),
        {f"ultralytics {name}": _yolo(name, pixels) for name in SMALLEST_YOLO},
        goal=1.0,
    )


def _instances(image: np.ndarray) -> Iterator[Row]:
    """How the cost grows: a ratio of 0.5 is twice the cost of one instance."""
    network = benchmark_network("dla34")
    single = end_to_end(predictor(network, "dla34", instances=1), image)
    for count in (1, 10, 100, 400):
        yield Row(
            f"DLA-34, cost of {count} instances",
            f"{END_TO_END}; the peer is ours with 1 instance",
            end_to_end(predictor(network, "dla34", instances=count), image),
            {"1 instance": single},
        )


def _pixels() -> Iterator[Row]:
    model = predictor(benchmark_network("dla34"), "dla34")
    for side in (256, 512, 1024, 2048):
        yield Row(
            f"DLA-34, cost of {side}x{side} pixels",
            f"{END_TO_END}; the peer is ours at 256x256",
            end_to_end(model, picture(side)),
            {"256x256": end_to_end(model, picture(256))},
        )


def benchmark_network(name: str, *, classes: int = CLASSES, sharp: Movement | None = None) -> E2EC:
    """A network of random weights, the same in every run, that deforms and tells places apart."""
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)
    network = build_network(
        num_classes=classes, architecture=ARCHITECTURES[name], sharp=sharp
    ).eval()
    with torch.no_grad():
        for head, factor in ((network.heatmap, 5), (network.offsets, 3)):
            last = head[2]
            assert isinstance(last, nn.Conv2d)
            last.weight.mul_(factor)
        for module in network.modules():
            if isinstance(module, ModulatedDeformConv):
                nn.init.normal_(
                    module.conv_offset_mask.weight, std=module.weight[0].numel() ** -0.5
                )
    torch.set_rng_state(generator_state)
    return network


def predictor(
    network: E2EC, name: str, *, instances: int = INSTANCES, precision: Precision = "fp32"
) -> Predictor:
    """Finds exactly this many instances in an image that is large enough."""
    names = tuple(str(number) for number in range(network.num_classes))
    card = ContourCard(
        architecture=name,
        class_names=names,
        category_ids=tuple(range(len(names))),
        view=TestView("pad"),
        score_threshold=0.0,
        max_detections=instances,
        nms_iou=1.0,
    )
    return Predictor(network, card, precision=precision)


def plain_prediction(
    network: PlainE2EC, image: np.ndarray, *, instances: int = INSTANCES
) -> Contours:
    """The same way from an image to `Contours` around the plain network."""
    pixels = normalize(torch.from_numpy(image).permute(2, 0, 1)[None].contiguous())
    _, classes, scores, contours = network(pixels, score_threshold=0.0, max_detections=instances)
    names = tuple(str(number) for number in range(network.network.num_classes))
    return Contours(
        height=image.shape[0],
        width=image.shape[1],
        class_names=names,
        category_ids=tuple(range(len(names))),
        labels=classes.numpy(),
        scores=scores.double().numpy(),
        parts=[[contour] for contour in contours.double().numpy()],
    )


def end_to_end(model: Predictor, image: np.ndarray) -> Call:
    """Finds and draws the contours of an image."""
    return lambda: draw_contours(image, model.predict(image, score_threshold=0.0))


def _yolo(name: str, pixels: torch.Tensor) -> Call | None:
    """One of ultralytics' networks; None where that is not installed."""
    kind = optional("ultralytics.nn.tasks", "SegmentationModel")
    if kind is None:
        return None
    network = kind(name, nc=CLASSES, verbose=False).fuse(verbose=False).eval()
    return torch.inference_mode()(lambda: network(pixels))


@dataclass(frozen=True)
class MemoryOptions:
    """Peak memory of a process that segments one square image with DLA-34 and nothing else."""

    side: Annotated[Positional[int], arg(metavar="SIDE")]
    """Of the image, in pixels."""

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError("SIDE must be positive")


def main(arguments: Sequence[str] | None = None) -> int:
    """Segment, and print the memory in MiB."""
    options = parse_options(MemoryOptions, arguments, "python -m e2ec.bench.inference")
    model = predictor(benchmark_network("dla34"), "dla34")
    model.predict(picture(options.side), score_threshold=0.0)
    print(f"{peak_memory():.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

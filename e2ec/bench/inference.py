"""Inference: from an array of pixels to `Contours`, on a CPU."""

from __future__ import annotations

import copy
import functools
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from dataset.transforms.test_transform import TestView
from e2ec.bench.plain_network import PlainE2EC
from e2ec.bench.row import Row
from e2ec.config import Precision
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.preprocess import normalize
from e2ec.families.contour.card import ContourCard
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours
from network.contour.architecture import ARCHITECTURES
from network.contour.e2ec import E2EC, build_network
from network.contour.neck import ModulatedDeformConv

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
    peers: dict[str, Callable[[], object]] = {}
    missing: tuple[str, ...] = ()
    try:
        from torchvision.ops import deform_conv2d

        plain = PlainE2EC(copy.deepcopy(network), deform_conv2d)
        peers["plain network on torchvision"] = lambda: draw_contours(
            image, plain_prediction(plain, image)
        )
    except ImportError:
        missing = ("torchvision",)
    settings: tuple[tuple[Precision, float], ...] = (("fp32", 6.0), ("bf16", 9.0))
    for precision, goal in settings:
        model = predictor(network, "dla34", precision=precision)
        yield Row(
            f"DLA-34 {SIDE}x{SIDE}, {precision}",
            f"{END_TO_END}; {INSTANCES} instances; the peer in fp32",
            functools.partial(_end_to_end, model, image),
            peers,
            goal=goal,
            missing=missing,
        )


def _nano(image: np.ndarray) -> Iterator[Row]:
    model = predictor(benchmark_network("nano"), "nano")
    peers: dict[str, Callable[[], object]] = {}
    missing: tuple[str, ...] = ()
    try:
        pixels = torch.rand(1, 3, SIDE, SIDE)
        for name, network in _smallest_yolos():
            peers[f"ultralytics {name}"] = functools.partial(_infer, network, pixels)
    except ImportError:
        missing = ("ultralytics",)
    yield Row(
        f"nano {SIDE}x{SIDE}, fp32",
        f"ours {END_TO_END}; {INSTANCES} instances; the peer its network alone, random weights",
        functools.partial(_end_to_end, model, image),
        peers,
        goal=1.0,
        missing=missing,
    )


def _instances(image: np.ndarray) -> Iterator[Row]:
    """How the cost grows: a ratio of 0.5 is twice the cost of one instance."""
    network = benchmark_network("dla34")
    single = predictor(network, "dla34", instances=1)
    for count in (1, 10, 100, 400):
        model = predictor(network, "dla34", instances=count)
        yield Row(
            f"DLA-34, cost of {count} instances",
            f"{END_TO_END}; the peer is ours with 1 instance",
            functools.partial(_end_to_end, model, image),
            {"1 instance": functools.partial(_end_to_end, single, image)},
        )


def _pixels() -> Iterator[Row]:
    model = predictor(benchmark_network("dla34"), "dla34")
    small = picture(256)
    for side in (256, 512, 1024, 2048):
        yield Row(
            f"DLA-34, cost of {side}x{side} pixels",
            f"{END_TO_END}; the peer is ours at 256x256",
            functools.partial(_end_to_end, model, picture(side)),
            {"256x256": functools.partial(_end_to_end, model, small)},
        )


def benchmark_network(name: str, *, classes: int = CLASSES) -> E2EC:
    """A network of random weights, the same in every run, that deforms and tells places apart."""
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)
    network = build_network(num_classes=classes, architecture=ARCHITECTURES[name]).eval()
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
    card = ContourCard(
        architecture=name,
        class_names=tuple(str(number) for number in range(network.num_classes)),
        category_ids=tuple(range(network.num_classes)),
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


def _end_to_end(model: Predictor, image: np.ndarray) -> np.ndarray:
    found = model.predict(image, score_threshold=model.card.score_threshold)
    return draw_contours(image, found)


def picture(side: int) -> np.ndarray:
    """Noise, (side, side, 3) uint8 RGB: the time does not depend on what is seen."""
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)


def _smallest_yolos() -> Iterator[tuple[str, Any]]:
    """Names and networks of ultralytics' smallest segmentation networks."""
    from ultralytics.nn.tasks import SegmentationModel

    for name in SMALLEST_YOLO:
        network = SegmentationModel(name, nc=CLASSES, verbose=False)
        yield name, network.fuse(verbose=False).eval()


@torch.inference_mode()
def _infer(network: torch.nn.Module, pixels: torch.Tensor) -> object:
    return network(pixels)


def peak_memory(side: int) -> float:
    """Peak memory in MiB of a process that has segmented one square image and nothing else."""
    predictor(benchmark_network("dla34"), "dla34").predict(picture(side), score_threshold=0.0)
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


if __name__ == "__main__":
    print(f"{peak_memory(int(sys.argv[1])):.0f} MiB")

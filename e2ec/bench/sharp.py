"""What the stage sharp costs beside the rest of the network, on a CPU.

    python -m e2ec.bench.sharp NAME INSTANCES STAGE

prints the peak memory of a process that does nothing else: a network (nano or dla34), its stage.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor
from tyro.conf import Positional, arg

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.inference import SIDE, benchmark_network
from e2ec.bench.memory import peak_memory
from e2ec.bench.row import Call, Row
from network.contour.e2ec import NetworkOutput
from network.inference.prepare import for_prediction
from network.inference.prepared import PreparedNetwork
from network.sharp.evolution import evolve, iterate
from network.sharp.settings import EvolutionSettings

INSTANCES = (1, 10, 100)
SHARE = 0.2
"""The stage should take no more than this part of the time of all the others together."""


def rows() -> Iterator[Row]:
    """Both networks with and without the stage, and the operator against plain PyTorch."""
    for name in ("nano", "dla34"):
        network, image = _prepared(name), torch.rand(1, 3, SIDE, SIDE)
        last = network.stage_names[-2]
        for count in INSTANCES:
            yield Row(
                f"{name} {SIDE}x{SIDE} with stage sharp, {count} instances",
                "network and all stages; random weights, with which few vertices flip and nearly "
                "all steps are made; the peer ends one stage earlier",
                predicting(network, image, count, "sharp"),
                {f"ours up to {last}": predicting(network, image, count, last)},
                goal=1 / (1 + SHARE),
            )
    yield _evolution(_prepared("nano"))


def _evolution(network: PreparedNetwork) -> Row:
    """The evolution alone, of 100 contours."""
    with torch.inference_mode():
        features = network.dense(torch.rand(1, 3, SIDE, SIDE))[0]
        contours = network(
            torch.rand(1, 3, SIDE, SIDE), score_threshold=0.0, max_detections=INSTANCES[-1]
        ).contours[-1]
    sharp = network.sharpening
    assert sharp is not None
    classifier, evolution = sharp.classifier, EvolutionSettings()
    boxes = torch.cat([contours.amin(1), contours.amax(1)], dim=1)
    size = (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt()
    index = torch.zeros(len(contours), dtype=torch.int64)
    with torch.inference_mode():
        fine = classifier.encode(features)
        parameters = classifier.parameters_of(fine, boxes, index)

    def state(points: Tensor) -> Tensor:
        phi = classifier(fine, parameters, boxes, points, index)[..., 0].sigmoid()
        return phi.masked_fill(~classifier.inside_map(fine, points), 1.0)

    @torch.inference_mode()
    def ours() -> object:
        walk = classifier.walk(fine, parameters, boxes, index, evolution)
        return iterate(contours, walk, evolution.iterations)

    @torch.inference_mode()
    def plain() -> object:
        return evolve(contours, state, size, evolution)

    return Row(
        f"walk_to_flip, {INSTANCES[-1]} contours of {contours.shape[1]} vertices",
        "three iterations of the evolution; the peer asks about all places at once",
        ours,
        {"plain PyTorch": plain},
        goal=2.0,
    )


def predicting(network: PreparedNetwork, image: Tensor, instances: int, stage: str) -> Call:
    """Finds so many instances, up to a stage."""

    @torch.inference_mode()
    def call() -> Tensor:
        output: NetworkOutput = network(image, score_threshold=0.0, max_detections=instances)
        return output.at(stage)

    return call


def _prepared(name: str) -> PreparedNetwork:
    return for_prediction(benchmark_network(name, sharp="classify"))


@dataclass(frozen=True)
class MemoryOptions:
    """Peak memory of a process that segments one square image and nothing else."""

    name: Annotated[Positional[Literal["nano", "dla34"]], arg(metavar="NAME")]
    """The network."""
    instances: Annotated[Positional[int], arg(metavar="INSTANCES")]
    """To find."""
    stage: Annotated[Positional[str], arg(metavar="STAGE")]
    """The last stage that is made."""

    def __post_init__(self) -> None:
        if self.instances < 1:
            raise ValueError("INSTANCES must be positive")


def main(arguments: Sequence[str] | None = None) -> int:
    """Segment, and print the memory in MiB."""
    options = parse_options(MemoryOptions, arguments, "python -m e2ec.bench.sharp")
    network = _prepared(options.name)
    predicting(network, torch.rand(1, 3, SIDE, SIDE), options.instances, options.stage)()
    print(f"{peak_memory():.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

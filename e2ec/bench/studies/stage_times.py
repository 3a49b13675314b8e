"""What an early exit saves: the time of a prediction by the last stage that is asked for.

    python -m e2ec.bench.studies.stage_times [--weights FILE] [--source IMAGE] [--compile]

prints a line a stage: the time from an image in memory to its contours, and its part of the time to
the last refinement. The turns of all stages alternate, so that what else the machine does hits all
of them. Without weights the network is random and finds `--instances` contours in a picture of
`--side` pixels: the time of the later stages grows with their number, that before them does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.harness import Result, Summary, measure
from e2ec.bench.inference import benchmark_network, predictor
from e2ec.bench.inputs import picture
from e2ec.bench.row import Row
from e2ec.config import Precision
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.results.default_score import DEFAULT_SCORE
from lib.images import read_image


@dataclass(frozen=True)
class StageTimeOptions:
    """Times of a prediction by the last stage that is asked for."""

    weights: Path | None = None
    """Weights to time; without, a random network."""
    architecture: Literal["dla34", "nano"] = "nano"
    """Of the random network."""
    source: Path | None = None
    """An image; without, a picture of `side` pixels."""
    side: int = 512
    """Pixels of the picture."""
    instances: int = 100
    """Contours that a random network finds."""
    score: float = DEFAULT_SCORE
    """With weights: detections below it are left out."""
    device: str = "cpu"
    """auto, cpu, cuda or mps; random networks run on the CPU unless weights are given."""
    precision: Precision = "fp32"
    """Arithmetic of the convolutions, with weights."""
    compile: bool = False
    """`torch.compile` the network, with weights."""
    cuda_graphs: bool = False
    """Replay recorded kernels, with weights."""
    threads: int = 1
    """Threads of torch."""
    repeats: int = 7
    """Turns of every stage, at least."""

    def __post_init__(self) -> None:
        if min(self.side, self.instances, self.threads, self.repeats) < 1:
            raise ValueError("--side, --instances, --threads and --repeats must be positive")


def stage_row(model: Predictor, image: np.ndarray, *, score: float, threads: int) -> Row:
    """All stages of the model beside its last refinement, which is `ours`.

    Args:
        model: of contours.
        image: (H, W, 3) uint8 RGB.
        score: threshold.
        threads: of torch.
    """
    *earlier, last = (name for name in model.stages if name != "sharp")

    def to(stage: str) -> Callable[[], object]:
        def call() -> object:
            found = model.predict(image, stage=stage, score_threshold=score)
            if model.device.type == "cuda":
                torch.cuda.synchronize(model.device)
            return found

        return call

    return Row(last, "image to contours", to(last), {s: to(s) for s in earlier}, threads=threads)


def table(result: Result, instances: int) -> str:
    """A Markdown table of what was measured of `stage_row`, in the order of the stages."""
    lines = [
        f"{instances} instances, {result.threads} threads, medians of {result.rounds} turns",
        "",
        "| stage | ms | quartiles | of the last refinement's time |",
        "|---|---:|---|---:|",
    ]
    for name, peer in result.peers.items():
        lines.append(_line(name, peer.seconds, peer.ratio.median))
    lines.append(_line(result.name, result.ours, 1.0))
    return "\n".join(lines)


def _line(name: str, seconds: Summary, part: float) -> str:
    median, low, high = (1e3 * value for value in (seconds.median, seconds.low, seconds.high))
    return f"| {name} | {median:.1f} | {low:.1f}-{high:.1f} | {part:.0%} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    name = "python -m e2ec.bench.studies.stage_times"
    options = parse_options(StageTimeOptions, arguments, name)
    image = picture(options.side) if options.source is None else read_image(options.source)
    if options.weights is None:
        network = benchmark_network(options.architecture)
        model = predictor(network, options.architecture, instances=options.instances)
        score = 0.0
    else:
        score = options.score
        model = load_model(
            options.weights,
            device=options.device,
            precision=options.precision,
            compile=options.compile,
            cuda_graphs=options.cuda_graphs,
        )
    found = len(model.predict(image, score_threshold=score))
    row = stage_row(model, image, score=score, threads=options.threads)
    print(table(measure(row, repeats=options.repeats), found))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))

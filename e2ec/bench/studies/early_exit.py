"""What it costs to end a contour network early: milliseconds by its last stage (paper table 1d)."""

from __future__ import annotations

import copy
import statistics
import time
from pathlib import Path

import torch

from dataset.loading.sample import InstanceDataset
from e2ec.config import Config
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.weights.checkpoint import load_weights
from network.contour.e2ec import E2EC

IMAGES = 16
"""Times are medians over so many images."""


def end_after(network: E2EC, stage: str) -> E2EC:
    """A copy without what comes after a stage: its contours of that stage are the same.

    Args:
        network: in evaluation mode.
        stage: init, coarse, or refine and a number.
    """
    network = copy.deepcopy(network)
    network.sharp = None
    kept = int(stage.removeprefix("refine")) if stage.startswith("refine") else 0
    network.refinement.snakes = network.refinement.snakes[:kept]
    if stage == "init":
        network.global_deformation = None
    assert network.stage_names[-1] == stage
    return network


def milliseconds_by_stage(
    weights: Path, config: Config, dataset: InstanceDataset
) -> dict[str, float]:
    """Milliseconds an image on one core, from pixels to instances; the stages take turns.

    Args:
        weights: of a contour network.
        config: of its run; says nothing that the weights do not say.
        dataset: whose first images are shown.
    """
    torch.set_num_threads(1)
    network, card = load_weights(weights)
    stages = [stage for stage in network.stage_names if stage != "sharp"]
    device = torch.device("cpu")
    models = {}
    for stage in stages:
        models[stage] = Predictor(end_after(network, stage), card, device=device)
    taken: dict[str, list[float]] = {stage: [] for stage in stages}
    count = min(IMAGES, len(dataset))
    for number in (0, *range(count)):  # the first one twice: it warms up
        image = dataset[number].image
        for stage, model in models.items():
            begin = time.perf_counter()
            model.predict(image, stage=stage)
            taken[stage].append(1000 * (time.perf_counter() - begin))
    return {stage: statistics.median(values[1:]) for stage, values in taken.items()}

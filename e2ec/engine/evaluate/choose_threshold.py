"""The score from which on a detection counts as found: given, usual, or chosen on training images
(never on those that are evaluated)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dataset.loading.sample import InstanceDataset
from e2ec.config import EvalConfig
from e2ec.engine.evaluate.evaluator import predict_dataset
from e2ec.engine.predict.predictor import Predictor
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.image_overlaps import image_overlaps
from e2ec.metrics.microscopy import best_threshold
from e2ec.results.default_score import DEFAULT_SCORE

_STEPS = 100


@dataclass(frozen=True)
class Threshold:
    """A score, and where it comes from, in words."""

    score: float
    origin: str


def known_threshold(config: EvalConfig) -> Threshold:
    """The one that the settings name, or the usual one."""
    if config.microscopy_threshold is not None:
        return Threshold(config.microscopy_threshold, "eval.microscopy_threshold")
    return Threshold(DEFAULT_SCORE, "the usual score; --eval.choose-threshold chooses one")


def choose_threshold(
    predictor: Predictor, dataset: InstanceDataset, config: EvalConfig, stage: str
) -> Threshold:
    """The hundredth, from the predictor's own threshold on, with the highest mean microscopy score.

    Args:
        predictor: with the limits that the evaluation uses.
        dataset: not the one that is evaluated: training images. `config.choose_threshold` of them
            are taken, at even distances.
        config: that number, and the batch size.
        stage: of the contours that are evaluated.
    """
    count = min(config.choose_threshold, len(dataset))
    indices = [number * len(dataset) // count for number in range(count)]
    (results,) = predict_dataset(
        predictor,
        dataset,
        stages=[stage],
        batch_size=config.batch_size,
        indices=indices,
        progress=True,
    ).values()
    truth = dataset.ground_truth()
    ids = {truth["images"][index]["id"] for index in indices}
    own = {
        **truth,
        "images": [image for image in truth["images"] if image["id"] in ids],
        "annotations": [entry for entry in truth["annotations"] if entry["image_id"] in ids],
    }
    lowest = math.ceil(predictor.card.score_threshold * _STEPS - 1e-9)
    candidates = (np.arange(lowest, _STEPS) / _STEPS).tolist() or [1.0]
    score, mean = best_threshold(image_overlaps(prepare_inputs(own, results)), candidates)
    reached = "nothing found" if mean is None else f"mean {100 * mean:.1f}"
    return Threshold(score, f"chosen on {count} training images, {reached} there")

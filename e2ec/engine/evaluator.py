"""Evaluation: a data set through the predictor into COCO results and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from dataset.sample import InstanceDataset
from e2ec.config import EvalConfig, Stage
from e2ec.engine.predictor import Predictor
from e2ec.metrics.coco import Metrics, evaluate_coco
from e2ec.metrics.sbd import evaluate_sbd
from lib.errors import InputError


def check_classes(
    predictor: Predictor, dataset: InstanceDataset, *, weights: str, named: bool = True
) -> None:
    """Weights and data must speak of the same classes; the counts alone where not `named`.

    Raises:
        InputError: the class counts or the category ids differ.
    """
    ours, theirs = predictor.card, dataset
    if len(ours.class_names) != len(theirs.class_names):
        raise InputError(
            f"{weights}: weights for {len(ours.class_names)} classes, but the data has "
            f"{len(theirs.class_names)}; use weights trained on these categories"
        )
    if named and tuple(ours.category_ids) != tuple(theirs.category_ids):
        raise InputError(
            f"{weights}: the weights' category ids {ours.category_ids[:5]}... are not the data's "
            f"{theirs.category_ids[:5]}...; use weights trained on these categories"
        )


def predict_dataset(
    predictor: Predictor,
    dataset: InstanceDataset,
    *,
    stage: Stage,
    batch_size: int = 1,
    indices: Sequence[int] | None = None,
    progress: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """COCO results (RLE) of a data set, or of the samples at `indices`.

    Ends early, with what there is, when `stopping()` becomes true.
    """
    indices = range(len(dataset)) if indices is None else indices
    results: list[dict[str, Any]] = []
    starts = range(0, len(indices), batch_size)
    for start in tqdm(starts, desc="predict", unit="batch", disable=not progress, leave=False):
        if stopping():
            break
        samples = [dataset[i] for i in indices[start : start + batch_size]]
        found = predictor.predict(
            [sample.image for sample in samples],
            # Not the default, which is for looking at: precision counts low scores too.
            score_threshold=predictor.card.score_threshold,
            stage=stage,
            batch_size=batch_size,
        )
        for sample, contours in zip(samples, found, strict=True):
            results += contours.to_coco(sample.image_id, segmentation="rle")
    return results


def evaluate(
    results: list[dict[str, Any]],
    ground_truth: dict[str, Any],
    config: EvalConfig,
    *,
    results_name: str = "results",
) -> Metrics:
    """Metrics of COCO results by the settings' protocol; images without detections count."""
    score = evaluate_sbd if config.protocol == "sbd" else evaluate_coco
    return score(
        ground_truth,
        results,
        iou_types=config.iou_types,
        max_detections=config.max_detections,
        per_class=config.per_class,
        library=config.library,
        results_name=results_name,
    )


def main_metric(config: EvalConfig) -> str:
    """The name of the metric that tells the best weights."""
    sbd = config.protocol == "sbd" and config.iou_types[0] != "boundary"
    return f"{config.iou_types[0]}/{'APvol' if sbd else 'AP'}"

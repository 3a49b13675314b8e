"""Evaluation: a data set through the predictor into COCO results and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from dataset.loading.sample import InstanceDataset, Sample
from e2ec.config import EvalConfig
from e2ec.engine.predict.predictor import Predictor
from e2ec.metrics.coco import Metrics, coco_metrics
from e2ec.metrics.coco_inputs import EvaluationInputs, prepare_inputs, with_results
from e2ec.metrics.main_metric import main_metric
from e2ec.metrics.precision_recall import IouType
from e2ec.metrics.sbd import sbd_metrics
from e2ec.results.contours import Contours
from lib.errors import InputError

Results = list[dict[str, Any]]


def check_classes(
    predictor: Predictor, dataset: InstanceDataset, *, weights: str, named: bool = True
) -> None:
    """Weights and data must speak of the same classes; the counts alone where not `named`. Those
    of what is given to a network that does not detect are the data's.

    Raises:
        InputError: the class counts or the category ids differ.
    """
    if not predictor.family.detects:
        return
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
    stages: Sequence[str] | None = None,
    batch_size: int = 1,
    indices: Sequence[int] | None = None,
    progress: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, Results]:
    """COCO results (RLE) of a data set, or of the samples at `indices`, by stage.

    Of all stages of the network without `stages`; it runs once an image. Ends early, with what
    there is, when `stopping()` becomes true.
    """
    indices = range(len(dataset)) if indices is None else indices
    asked = predictor.stages if stages is None else stages
    results: dict[str, Results] = {stage: [] for stage in asked}
    starts = range(0, len(indices), batch_size)
    for start in tqdm(starts, desc="predict", unit="batch", disable=not progress, leave=False):
        if stopping():
            break
        samples = [dataset[i] for i in indices[start : start + batch_size]]
        found = predict_samples(predictor, samples, stages=asked)
        for sample, by_stage in zip(samples, found, strict=True):
            for stage, contours in by_stage.items():
                results[stage] += contours.to_coco(sample.image_id, segmentation="rle")
    return results


def predict_samples(
    predictor: Predictor,
    samples: Sequence[Sample],
    *,
    stages: Sequence[str],
    score_threshold: float | None = None,
) -> list[dict[str, Contours]]:
    """What a network says of labelled images at several of its stages, by their names: what it
    finds, or what it makes of what its family gives it."""
    if predictor.family.detects:
        return predictor.predict_stages(
            [sample.image for sample in samples],
            stages=stages,
            score_threshold=score_threshold,
            batch_size=len(samples),
        )
    first, last = predictor.stages
    results: list[dict[str, Contours]] = []
    for sample in samples:
        given = predictor.family.given(sample, predictor.card)
        by_stage = {first: given}
        if last in stages:
            by_stage[last] = predictor.refine(sample.image, given)
        results.append({stage: by_stage[stage] for stage in stages})
    return results


def evaluate(
    results: Results,
    ground_truth: dict[str, Any],
    config: EvalConfig,
    *,
    results_name: str = "results",
) -> Metrics:
    """Metrics of COCO results by the settings' protocol; images without detections count."""
    masks = any(iou_type != "bbox" for iou_type in config.iou_types)
    inputs = prepare_inputs(ground_truth, results, masks=masks, results_name=results_name)
    return _score(inputs, config, config.iou_types)


def evaluate_stages(
    results: Mapping[str, Results],
    ground_truth: dict[str, Any],
    config: EvalConfig,
    *,
    stage: str | None = None,
) -> tuple[str, Metrics]:
    """Every stage by the main metric and by boundary AP, and all metrics of one of them.

    That is `stage` or, without, the stage with the best main metric; of equal ones the last.

    Args:
        results: COCO results of all stages of a network in order, by name.
        ground_truth: COCO dictionary.
        config: protocol, and what `evaluate` reads.
        stage: one of those stages.

    Returns:
        The stage, and its metrics as
        `evaluate` gives them with "stages/<stage>" for the main metric of every stage and, where
        boundaries are evaluated besides, "stages_boundary/<stage>" for its boundary AP.
    """
    main, *others = config.iou_types
    masks = any(iou_type != "bbox" for iou_type in config.iou_types)
    truth = prepare_inputs(ground_truth, [], masks=masks)
    rest = [iou_type for iou_type in others if iou_type != "boundary"]
    stages: Metrics = {}
    boundaries: Metrics = {}
    best: tuple[float, str, EvaluationInputs, Metrics] | None = None
    for name, found in results.items():
        inputs = with_results(truth, found, masks=masks)
        metrics = _score(inputs, config, [main])
        value = stages[f"stages/{name}"] = metrics[main_metric(config)]
        if "boundary" in others:
            metrics |= _score(inputs, config, ["boundary"])
            boundaries[f"stages_boundary/{name}"] = metrics["boundary/AP"]
        rank = -1.0 if value is None else value
        if name == stage or (stage is None and (best is None or rank >= best[0])):
            best = (rank, name, inputs, metrics)
    if best is None:
        raise ValueError("no stage to evaluate")
    _, chosen, inputs, metrics = best
    return chosen, metrics | _score(inputs, config, rest) | stages | boundaries


def _score(inputs: EvaluationInputs, config: EvalConfig, iou_types: Sequence[IouType]) -> Metrics:
    score = sbd_metrics if config.protocol == "sbd" else coco_metrics
    return score(
        inputs,
        iou_types=iou_types,
        max_detections=config.max_detections,
        per_class=config.per_class,
    )

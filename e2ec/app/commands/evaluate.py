"""The body of `test.py`: weights or a results file, and data, in; tables and files out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from dataset.formats.cityscapes import label_path
from dataset.index.fraction_split import DEFAULT_FRACTION
from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.command_line import EvaluationOptions
from e2ec.config import Config
from e2ec.engine.data.open_data import build_dataset, validation_share
from e2ec.engine.evaluate.evaluator import (
    Results,
    check_classes,
    evaluate,
    evaluate_stages,
    main_metric,
    predict_dataset,
)
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.families.model_card import prediction_settings
from e2ec.families.published import is_published, with_published_warp
from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.results_file import read_results, supported_iou_types
from e2ec.metrics.table import format_stages, format_table
from e2ec.results.submission import write_cityscapes_submission, write_coco_submission
from lib.errors import InputError
from lib.files import atomic_write_json

COCO_TEST = "test-dev2017"
_LEFT_TO_FILE = {"view": "data.view", "max_detections": "eval.max_detections"}


def evaluate_split(config: Config, options: EvaluationOptions) -> str:
    """Evaluate weights, or results made before; returns what to print.

    Writes config.json, results.json (COCO results, where a network made them), metrics.json where
    the data has labels, and for the test images of COCO and Cityscapes results/, ready for the
    test server.

    Raises:
        InputError: data, weights, results or output folder are unusable, or do not fit each other.
    """
    dataset = build_dataset(config, options.split)
    lines = []
    by_stage: dict[str, Results] = {}
    chosen = ""
    if options.results is not None:
        source = options.results
        results = read_results(options.results)
        config = _restrict(config, results, options.results)
        atomic_write_json(options.out / "config.json", config.to_dict(), indent=1)
    else:
        source = options.weights
        if is_published(options.weights):
            config = with_published_warp(config)
        predictor = _load(config, options, dataset)
        if options.split == "val" and (note := _other_images(config, options, predictor)):
            lines.append(note)
        card = predictor.card
        stage = card.stage
        chosen = predictor.family.resolve_stage(stage, predictor.stages)
        config = replace(
            config,
            data=replace(config.data, view=card.view),
            eval=replace(config.eval, stage=cast(Any, stage), max_detections=card.max_detections),
            auto=(),
        )
        if options.stage_in_out:
            options = replace(options, out=options.out.with_name(f"{options.out.name}-{stage}"))
        # An unwritable folder is found before the work, not after it.
        atomic_write_json(options.out / "config.json", config.to_dict(), indent=1)
        by_stage = predict_dataset(
            predictor,
            dataset,
            stages=predictor.stages if dataset.labelled else [chosen],
            batch_size=config.eval.batch_size,
            progress=True,
        )
        results = by_stage[chosen]
        atomic_write_json(options.out / "results.json", results)
    if options.split == "test" and (path := _write_submission(config, options, dataset, results)):
        lines.append(f"for the test server: {path}")
    if not dataset.labelled:
        return "\n".join([*lines, f"{len(dataset)} images without labels: nothing to score"])
    metrics = _score(config, options, dataset, results, by_stage, chosen)
    summary = {
        "preset": options.preset,
        "source": str(source),
        "split": options.split,
        "stage": None if options.results is not None else config.eval.stage,
        "images": len(dataset),
        "max_detections": config.eval.max_detections,
        "metrics": metrics,
    }
    atomic_write_json(options.out / "metrics.json", summary, indent=1)
    table = format_table(metrics)
    if by_stage:
        table += "\n\n" + format_stages(metrics, main_metric(config.eval), chosen)
    return "\n".join([table, *lines, f"details: {options.out}"])


def _load(config: Config, options: EvaluationOptions, dataset: InstanceDataset) -> Predictor:
    """The weights; the preset, not the file, says how images are shown and decoded, and if it
    names a stage, which contour it is. What a preset leaves open is as the file says."""
    predictor = load_model(
        options.weights,
        device=config.device,
        preset=options.preset,
        precision=config.eval.precision,
        compile=config.eval.compile,
        cuda_graphs=config.eval.cuda_graphs,
    )
    named = not is_published(options.weights)
    # Published files name no categories: theirs are the data's, in the same order.
    check_classes(predictor, dataset, weights=str(options.weights), named=named)
    said = prediction_settings(config) | predictor.family.card_fields(config)
    for name, setting in _LEFT_TO_FILE.items():
        if setting in config.auto:
            del said[name]
    predictor.card = replace(
        predictor.card,
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        **said,
    )
    return predictor


def _other_images(config: Config, options: EvaluationOptions, predictor: Predictor) -> str:
    """A note where a share of the images validates, and the weights kept another one apart."""
    share = validation_share(config)
    settings = predictor.card.settings
    if share is None or not settings:
        return ""
    kept = settings.get("data", {}).get("val_fraction") or DEFAULT_FRACTION
    seed = settings.get("train", {}).get("seed", 0)
    if (kept, seed) == (share, config.train.seed):
        return ""
    return (
        f"note: {options.weights} kept apart the images of --data.val-fraction {kept:g} "
        f"--train.seed {seed}; it may have been trained on some of these"
    )


def _restrict(config: Config, results: Results, path: Path) -> Config:
    """Settings that evaluate what the results have: masks, or boxes alone."""
    possible = supported_iou_types(results)
    types = tuple(t for t in config.eval.iou_types if t in possible)
    if not types:
        raise InputError(
            f"{path}: cannot be evaluated by {', '.join(config.eval.iou_types)}: not every result "
            "has what that needs; write a segmentation, or a bbox, for each"
        )
    return replace(config, eval=replace(config.eval, iou_types=types))


def _score(
    config: Config,
    options: EvaluationOptions,
    dataset: InstanceDataset,
    results: Results,
    by_stage: dict[str, Results],
    stage: str,
) -> Metrics:
    """Metrics of `results`, and the main one of every stage where a network made them."""
    truth = dataset.ground_truth()
    name = "results" if options.results is None else str(options.results)
    if by_stage:
        _, metrics = evaluate_stages(by_stage, truth, config.eval, stage=stage)
    else:
        metrics = evaluate(results, truth, config.eval, results_name=name)
    if config.eval.protocol == "cityscapes" and "segm" in config.eval.iou_types:
        from e2ec.metrics.cityscapes import evaluate_cityscapes  # loads matplotlib and more

        data = config.data
        labels = {
            image["id"]: label_path(data.root, options.split, image["file_name"], "instance_ids")
            for image in truth["images"]
        }
        metrics |= evaluate_cityscapes(
            results,
            truth["images"],
            labels,
            options.out / "official",
            results_name=name,
            progress=True,
        )
    return metrics


def _write_submission(
    config: Config, options: EvaluationOptions, dataset: InstanceDataset, results: Results
) -> Path | None:
    """The file for the data set's test server, if it has one; results of any origin are checked."""
    of_coco = config.data.test_annotations is not None and (
        config.data.test_annotations.stem == f"image_info_{COCO_TEST}"
    )
    if config.data.format != "cityscapes" and not of_coco:
        return None
    truth = dataset.ground_truth()
    name = "results" if options.results is None else str(options.results)
    checked = prepare_inputs(truth, results, results_name=name).detections
    folder = options.out / "results"
    if of_coco:
        return write_coco_submission(folder, checked, name=config.name)
    return write_cityscapes_submission(folder / f"{config.name}.zip", checked, truth["images"])

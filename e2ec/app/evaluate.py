"""The body of `test.py`: weights and data in, a table and two files out."""

from __future__ import annotations

from dataclasses import replace

from e2ec.app.command_line import EvaluationOptions
from e2ec.config import Config
from e2ec.engine.build import build_dataset
from e2ec.engine.evaluator import check_classes, evaluate, predict_dataset
from e2ec.engine.predictor import is_published, load_model
from e2ec.metrics.coco import format_table
from lib.files import atomic_write_json


def evaluate_weights(config: Config, options: EvaluationOptions) -> str:
    """Evaluate; writes metrics.json and results.json (COCO results), returns the table.

    The preset, not the weights file, says how images are shown and decoded.

    Raises:
        InputError: data, weights or output folder are unusable, or the class counts differ.
    """
    dataset = build_dataset(config, "val")
    predictor = load_model(options.weights, device=config.device, preset=options.preset)
    named = not is_published(options.weights)
    # Published files name no categories: theirs are the data's, in the same order.
    check_classes(predictor, dataset, weights=str(options.weights), named=named)
    predictor.card = replace(
        predictor.card,
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        view=config.data.view,
        score_threshold=config.eval.score_threshold,
        max_detections=config.eval.max_detections,
        nms_iou=config.eval.nms_iou,
    )
    # An unwritable folder is found before the work, not after it.
    atomic_write_json(options.out / "config.json", config.to_dict(), indent=1)
    results = predict_dataset(
        predictor,
        dataset,
        stage=config.eval.stage,
        batch_size=config.eval.batch_size,
        progress=True,
    )
    atomic_write_json(options.out / "results.json", results)
    metrics = evaluate(results, dataset.ground_truth(), config.eval)
    summary = {
        "preset": options.preset,
        "weights": str(options.weights),
        "stage": config.eval.stage,
        "images": len(dataset),
        "max_detections": config.eval.max_detections,
        "metrics": metrics,
    }
    atomic_write_json(options.out / "metrics.json", summary, indent=1)
    return format_table(metrics)

"""The body of `test.py`: weights or a results file, and data, in; tables and files out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from dataset.index.fraction_split import DEFAULT_FRACTION
from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.command_line import EvaluationOptions
from e2ec.app.commands.report import report, require_report
from e2ec.app.report.stage_file import write_stages
from e2ec.config import Config, EvalConfig
from e2ec.engine.data.open_data import build_dataset, validation_share
from e2ec.engine.evaluate.choose_threshold import Threshold, choose_threshold, known_threshold
from e2ec.engine.evaluate.evaluator import (
    Results,
    check_classes,
    evaluate,
    evaluate_stages,
    main_metric,
    predict_dataset,
)
from e2ec.engine.evaluate.extra import extra_metrics
from e2ec.engine.evaluate.official import official_metrics, write_submission
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.engine.predict.views import Views
from e2ec.families.model_card import prediction_settings
from e2ec.families.published import is_published, with_published_warp
from e2ec.metrics.results_file import read_results, supported_iou_types
from e2ec.metrics.table import format_stages, format_table
from e2ec.presets import load_preset
from lib.errors import InputError
from lib.files import atomic_write_json

_OF_PREDICTION = (
    "stage", "score_threshold", "nms_iou", "iou_power", "flips", "scales", "group_parts",
    "evolution", "contour_filter", "contour_smoothing", "contour_mending", "precision", "compile",
    "cuda_graphs",
)  # fmt: skip
"""Settings `eval` of how results are made: those that are read have been made."""
_LEFT_TO_FILE = {"view": "data.view", "max_detections": "eval.max_detections"}


@dataclass(frozen=True)
class Evaluated:
    """What is evaluated, and with which settings.

    Attributes:
        config: the settings, agreeing with weights or results.
        out: folder of the evaluation.
        results: COCO results.
        by_stage: those of every stage where a network made them, `results` among them.
        stage: of `results`, one of these.
        note: a line for the user; may be empty.
        threshold: the score that counts as found, for metrics that need one.
    """

    config: Config
    out: Path
    results: Results
    by_stage: dict[str, Results] = field(default_factory=dict)
    stage: str = ""
    note: str = ""
    threshold: Threshold = field(default_factory=lambda: known_threshold(EvalConfig()))


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation gives.

    Attributes:
        text: for people.
        out: its folder.
        metrics: by name, as metrics.json has them; empty where the data has no labels.
    """

    text: str
    out: Path
    metrics: dict[str, float]


def evaluate_split(config: Config, options: EvaluationOptions) -> str:
    """As `evaluation`; returns what to print."""
    return evaluation(config, options).text


def evaluation(config: Config, options: EvaluationOptions) -> Evaluation:
    """Evaluate weights, or results made before.

    Writes config.json, results.json (COCO results) and stages.json (those of other stages) where a
    network made them, metrics.json where the data has labels, and, where the data set has a test
    server, results/ for it.

    Raises:
        InputError: data, weights, results or output folder are unusable, or do not fit each other.
    """
    if options.report:
        require_report()  # found out before the work, not after it
    dataset = build_dataset(config, options.split)
    given = options.results
    done = _predict(config, options, dataset) if given is None else _read(config, options, given)
    config, lines = done.config, [done.note] if done.note else []
    truth = dataset.ground_truth()
    name = "results" if given is None else str(given)
    if options.split == "test":
        path = write_submission(config, done.results, truth, done.out, name=name)
        lines += [f"for the test server: {path}"] if path else []
    if not dataset.labelled:
        lines.append(f"{len(dataset)} images without labels: nothing to score")
        return Evaluation("\n".join(lines), done.out, {})
    if done.by_stage:
        _, metrics = evaluate_stages(done.by_stage, truth, config.eval, stage=done.stage)
    else:
        metrics = evaluate(done.results, truth, config.eval, results_name=name)
    metrics |= official_metrics(config, options.split, done.results, truth, done.out, name=name)
    extra = extra_metrics(done.results, truth, config.eval, done.threshold, results_name=name)
    summary = {
        "preset": options.preset,
        "source": str(options.weights if given is None else given),
        "split": options.split,
        "stage": config.eval.stage if given is None else None,
        "images": len(dataset),
        "max_detections": config.eval.max_detections,
        "metrics": metrics | extra.metrics,
        **extra.details,
    }
    atomic_write_json(done.out / "metrics.json", summary, indent=1)
    table = format_table(metrics)
    if done.by_stage:
        table += "\n\n" + format_stages(metrics, main_metric(config.eval), done.stage)
    if extra.text:
        table += f"\n\n{extra.text}"
    if options.report:
        lines.append(f"report: {report(done.out)}")
    text = "\n".join([table, *lines, f"details: {done.out}"])
    return Evaluation(text, done.out, summary["metrics"])


def _predict(config: Config, options: EvaluationOptions, dataset: InstanceDataset) -> Evaluated:
    """The results of weights; writes config.json and results.json."""
    if is_published(options.weights):
        config = with_published_warp(config)
    predictor = _load(config, options, dataset)
    note = _other_images(config, options, predictor) if options.split == "val" else ""
    card = predictor.card
    chosen = predictor.family.resolve_stage(card.stage, predictor.stages)
    config = replace(
        config,
        data=replace(config.data, view=card.view),
        eval=replace(config.eval, stage=card.stage, max_detections=card.max_detections),
        auto=(),
    )
    out = options.out
    if options.stage_in_out:
        out = out.with_name(f"{out.name}-{card.stage}")
    # An unwritable folder is found before the work, not after it.
    atomic_write_json(out / "config.json", config.to_dict(), indent=1)
    threshold = known_threshold(config.eval)
    if config.eval.choose_threshold and dataset.labelled:
        training = build_dataset(config, "train")
        threshold = choose_threshold(predictor, training, config.eval, chosen)
    by_stage = predict_dataset(
        predictor,
        dataset,
        stages=predictor.stages if dataset.labelled and config.eval.all_stages else [chosen],
        batch_size=config.eval.batch_size,
        progress=True,
    )
    atomic_write_json(out / "results.json", by_stage[chosen])
    write_stages(out, by_stage, chosen, dataset.image_ids)
    return Evaluated(config, out, by_stage[chosen], by_stage, chosen, note, threshold)


def _load(config: Config, options: EvaluationOptions, dataset: InstanceDataset) -> Predictor:
    """The weights; the preset, not the file, says how images are shown and decoded, and if it
    names a stage, which result it is. What a preset leaves open is as the file says."""
    predictor = load_model(
        options.weights,
        device=config.device,
        preset=options.preset,
        precision=config.eval.precision,
        compile=config.eval.compile,
        cuda_graphs=config.eval.cuda_graphs,
        views=Views(config.eval.flips, config.eval.scales),
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


def _read(config: Config, options: EvaluationOptions, path: Path) -> Evaluated:
    """Results of any origin, evaluated by what they have: masks, or boxes alone."""
    if config.eval.choose_threshold:
        raise InputError(
            f"{path}: results of the evaluated images, and a threshold is chosen on others; give "
            "--eval.microscopy-threshold in place of --eval.choose-threshold"
        )
    results = read_results(path)
    possible = supported_iou_types(results)
    types = tuple(t for t in config.eval.iou_types if t in possible)
    if not types:
        raise InputError(
            f"{path}: cannot be evaluated by {', '.join(config.eval.iou_types)}: not every result "
            "has what that needs; write a segmentation, or a bbox, for each"
        )
    config = replace(config, eval=replace(config.eval, iou_types=types))
    atomic_write_json(options.out / "config.json", config.to_dict(), indent=1)
    note, threshold = _idle(config, options.preset), known_threshold(config.eval)
    return Evaluated(config, options.out, results, note=note, threshold=threshold)


def _idle(config: Config, preset: str) -> str:
    """A note on settings that were given and change nothing on results that are made already."""
    usual = load_preset(preset).eval
    given = [name for name in _OF_PREDICTION if getattr(config.eval, name) != getattr(usual, name)]
    words = ", ".join(f"--eval.{name.replace('_', '-')}" for name in given)
    return f"note: without effect on results that are made already: {words}" if given else ""

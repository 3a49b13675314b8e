"""An evaluation as `test.py` left it, with its labels and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dataset.loading.sample import InstanceDataset
from e2ec.app.report.stage_file import StageFile, read_stages
from e2ec.config import Config, DataConfig, EvalConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.metrics.coco import COCO_THRESHOLDS, distinct_names
from e2ec.metrics.coco_inputs import EvaluationInputs, prepare_inputs
from e2ec.metrics.matches import Matches, match_detections
from e2ec.metrics.precision_recall import IouType, PrecisionRecall, precision_recall
from e2ec.metrics.results_file import read_results, supported_iou_types
from e2ec.metrics.sbd import SBD_THRESHOLDS
from e2ec.results.default_score import DEFAULT_SCORE
from lib.errors import InputError
from lib.files import read_json

# What of the settings says which images and labels there are.
_PATHS = ("root", "train_images", "train_annotations", "val_images", "val_annotations",
          "test_images", "test_annotations")  # fmt: skip
_WORDS = ("format", "val_fraction", "masks", "labels", "train_limit", "val_limit",
          "synthetic_train", "synthetic_val", "synthetic_occluders")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What is known of an evaluation.

    Attributes:
        folder: where `test.py` wrote.
        summary: metrics.json.
        settings: config.json.
        config: those of the settings that evaluation depends on.
        dataset: the images and labels.
        inputs: labels and results, checked.
        stages: what was found at other stages; None where that was not kept.
    """

    folder: Path
    summary: dict[str, Any]
    settings: dict[str, Any]
    config: EvalConfig
    dataset: InstanceDataset
    inputs: EvaluationInputs
    stages: StageFile | None

    @property
    def metrics(self) -> dict[str, float | None]:
        """Those of metrics.json, by name."""
        values: dict[str, float | None] = self.summary["metrics"]
        return values

    @property
    def iou_type(self) -> IouType:
        """The main one."""
        return self.config.iou_types[0]

    @property
    def score(self) -> float:
        """From which score on a detection counts as found, where there must be one."""
        threshold = self.summary.get("threshold")
        if isinstance(threshold, Mapping) and isinstance(threshold.get("score"), (int, float)):
            return float(threshold["score"])
        chosen = self.config.microscopy_threshold
        return DEFAULT_SCORE if chosen is None else chosen

    @property
    def has_masks(self) -> bool:
        """Whether all labels and detections have one; else they are boxes."""
        both = (*self.inputs.annotations, *self.inputs.detections)
        return all("segmentation" in entry for entry in both)

    @cached_property
    def class_names(self) -> dict[int, str]:
        """By category id, as metrics.json has them: no two are the same."""
        return {int(key): str(name) for key, name in distinct_names(self.inputs.categories).items()}

    @cached_property
    def precision_recall(self) -> PrecisionRecall:
        """By the main type of overlap, as `test.py` computes it."""
        sbd = self.config.protocol == "sbd" and self.iou_type != "boundary"
        return precision_recall(
            self.inputs,
            self.iou_type,
            iou_thresholds=SBD_THRESHOLDS if sbd else COCO_THRESHOLDS,
            max_detections=self.config.max_detections,
        )

    @cached_property
    def matches(self) -> Matches:
        """Within classes, from `score` on."""
        limit = self.config.max_detections
        return match_detections(self.inputs, score=self.score, max_detections=limit)

    @cached_property
    def annotations(self) -> dict[int, dict[str, Any]]:
        """Labels by id."""
        return {entry["id"]: entry for entry in self.inputs.annotations}

    @cached_property
    def detections(self) -> dict[int, dict[str, Any]]:
        """By id."""
        return {entry["id"]: entry for entry in self.inputs.detections}


def load_evaluation(folder: Path, root: Path | None = None) -> Evaluation:
    """Read what `test.py` wrote, and open its data.

    Args:
        folder: its --out.
        root: where the data lies now, if not where it lay.

    Raises:
        InputError: a file is missing or unusable, or the data has no labels.
    """
    summary, settings = read_json(folder / "metrics.json"), read_json(folder / "config.json")
    try:
        metrics, split = summary["metrics"], summary["split"]
        if not all(v is None or isinstance(v, (int, float)) for v in metrics.values()):
            raise ValueError("a metric is no number")
        config = _eval_config(settings["eval"], summary)
        data = _data_config(settings, root)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{folder}: metrics.json and config.json are not those of an evaluation "
            f"({type(error).__name__}: {error}); give the --out of test.py"
        ) from error
    dataset = _open(data, split, folder)
    path = _results_path(folder, summary)
    results = read_results(path)
    masks = "segm" in supported_iou_types(results) and config.iou_types != ("bbox",)
    inputs = prepare_inputs(dataset.ground_truth(), results, masks=masks, results_name=str(path))
    stages = read_stages(folder) if summary.get("stage") is not None else None
    return Evaluation(folder, summary, settings, config, dataset, inputs, stages)


def _eval_config(saved: Mapping[str, Any], summary: Mapping[str, Any]) -> EvalConfig:
    names = ("protocol", "per_class", "microscopy_threshold", "stage")
    values = {name: saved[name] for name in names if name in saved}
    limit = int(summary.get("max_detections", saved["max_detections"]))
    return EvalConfig(**values, max_detections=limit, iou_types=tuple(saved["iou_types"]))


def _data_config(settings: Mapping[str, Any], root: Path | None) -> Config:
    saved = settings["data"]
    known = {field.name for field in fields(DataConfig)}
    values: dict[str, Any] = {name: saved[name] for name in _WORDS if name in saved}
    values |= {n: saved[n] and Path(saved[n]) for n in _PATHS if n in saved}
    if saved.get("image_ids") is not None:
        values["image_ids"] = tuple(map(int, saved["image_ids"]))
    if root is not None:
        values["root"] = root
    config = Config(name="report", data=DataConfig(**{n: values[n] for n in values if n in known}))
    return replace(config, train=replace(config.train, seed=int(settings["train"]["seed"])))


def _open(config: Config, split: str, folder: Path) -> InstanceDataset:
    try:
        dataset = build_dataset(config, "test" if split == "test" else "val")
    except InputError as error:
        raise InputError(
            f"{error}; the data of {folder} lay in {config.data.root}: if it is elsewhere now, "
            "name the folder by --root"
        ) from error
    if not dataset.labelled:
        raise InputError(f"{folder}: an evaluation of images without labels; nothing to report")
    return dataset


def _results_path(folder: Path, summary: Mapping[str, Any]) -> Path:
    """results.json where a network made them, else the file that was evaluated."""
    if summary.get("stage") is not None:
        return folder / "results.json"
    path = Path(str(summary.get("source")))
    if not path.is_file():
        raise InputError(
            f"{path}: not found; {folder} is an evaluation of these results: start the report "
            "where test.py was started, or evaluate again"
        )
    return path

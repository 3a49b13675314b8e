"""Metrics beside average precision, of COCO results of any origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from e2ec.config import EvalConfig
from e2ec.engine.evaluate.choose_threshold import Threshold
from e2ec.engine.evaluate.evaluator import Results
from e2ec.metrics.calibration import calibration
from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.extra_table import format_extra
from e2ec.metrics.image_overlaps import image_overlaps
from e2ec.metrics.microscopy import microscopy_metrics
from e2ec.metrics.panoptic import panoptic_metrics
from e2ec.metrics.results_file import supported_iou_types


@dataclass(frozen=True)
class Extra:
    """Metrics by name, what metrics.json says beside them, and what is printed."""

    metrics: Metrics = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    text: str = ""


def extra_metrics(
    results: Results,
    ground_truth: dict[str, Any],
    config: EvalConfig,
    threshold: Threshold,
    *,
    results_name: str = "results",
) -> Extra:
    """The metrics that `config.extra_metrics` names; none where it names none.

    They compare masks: of results without, they are left out, and the text says so.

    Raises:
        InputError: results are unusable.
    """
    names = config.extra_metrics
    if not names:
        return Extra()
    if "segm" not in supported_iou_types(results):
        return Extra(text=f"no {', '.join(names)}: not every result has a mask")
    inputs = prepare_inputs(ground_truth, results, results_name=results_name)
    metrics: Metrics = {}
    details: dict[str, Any] = {}
    overlaps = image_overlaps(inputs) if {"microscopy", "calibration"} & {*names} else []
    if "microscopy" in names:
        metrics |= microscopy_metrics(overlaps, threshold.score)
    if "panoptic" in names:
        metrics |= panoptic_metrics(inputs, threshold.score)
    if "distances" in names:
        found = [result for result in results if result["score"] >= threshold.score]
        metrics |= _distances(ground_truth, found, results_name)
    if "calibration" in names:
        errors, details["calibration"] = calibration(overlaps, results_name=results_name)
        metrics |= errors
    text = format_extra(metrics, details.get("calibration", []))
    if {*names} != {"calibration"}:
        details["threshold"] = {"score": threshold.score, "origin": threshold.origin}
        text += f"\nfound is what scores {threshold.score:g} or more ({threshold.origin})"
    return Extra(metrics, details, text)


def _distances(ground_truth: Mapping[str, Any], found: Results, results_name: str) -> Metrics:
    """Distances between the boundaries of matched pairs, in pixels."""
    from e2ec.metrics.boundary_distance import boundary_distances

    values = boundary_distances(
        ground_truth, found, max_detections=max(1, len(found)), results_name=results_name
    )
    return {f"distances/{name.rpartition('/')[2]}": value for name, value in values.items()}

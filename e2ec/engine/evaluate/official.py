"""What belongs to one data set: its own evaluation, and the files for its test server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataset.formats.cityscapes import label_path
from e2ec.config import Config, Split
from e2ec.engine.evaluate.evaluator import Results
from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.results.submission import write_cityscapes_submission, write_coco_submission

COCO_TEST = "test-dev2017"


def official_metrics(
    config: Config,
    split: Split,
    results: Results,
    truth: dict[str, Any],
    folder: Path,
    *,
    name: str,
) -> Metrics:
    """The metrics of the data set's own evaluation; none where it has no other than COCO's.

    Args:
        config: whose protocol decides.
        split: of the data.
        results: COCO results; `name` is their file, for messages.
        truth: COCO ground truth.
        folder: for what the evaluation writes.

    Raises:
        InputError: labels or results are unusable.
    """
    if config.eval.protocol != "cityscapes" or "segm" not in config.eval.iou_types:
        return {}
    from e2ec.metrics.cityscapes import evaluate_cityscapes  # loads matplotlib and more

    data = config.data
    labels = {
        image["id"]: label_path(data.root, split, image["file_name"], "instance_ids")
        for image in truth["images"]
    }
    return evaluate_cityscapes(
        results, truth["images"], labels, folder / "official", results_name=name, progress=True
    )


def write_submission(
    config: Config, results: Results, truth: dict[str, Any], folder: Path, *, name: str
) -> Path | None:
    """The file for the data set's test server, below `folder`; None where it has none.

    Arguments and errors are those of `official_metrics`; results of any origin are checked.
    """
    data = config.data
    of_coco = data.test_annotations is not None and (
        data.test_annotations.stem == f"image_info_{COCO_TEST}"
    )
    if data.format != "cityscapes" and not of_coco:
        return None
    checked = prepare_inputs(truth, results, results_name=name).detections
    folder = folder / "results"
    if of_coco:
        return write_coco_submission(folder, checked, name=config.name)
    return write_cityscapes_submission(folder / f"{config.name}.zip", checked, truth["images"])
